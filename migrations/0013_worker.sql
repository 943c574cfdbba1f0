-- What happens without anybody asking: the gateway's own worker lowers its transactions to this role, which has no viewer and
-- therefore only what policies of its own say.
do $$
begin
    if not exists (select from pg_roles where rolname = 'posture_worker') then
        create role posture_worker nologin noinherit nosuperuser nocreatedb nocreaterole nobypassrls;
    end if;
end
$$;
grant posture_worker to posture_gateway;
grant usage on schema public, gate to posture_worker;
grant execute on function gate.instant() to posture_worker;

-- Answers kept under idempotency keys are remembered for 24 hours.
create policy forgets on idempotency_keys to posture_worker using (created_at < gate.instant() - interval '24 hours');
grant select (created_at), delete on idempotency_keys to posture_worker;
create index idempotency_keys_created_idx on idempotency_keys (created_at);
