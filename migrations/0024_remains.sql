-- What would else be nobody's any more: a partner without an ADMIN, and a scan that a scanner took and none will finish.

-- Of a partner's ADMINs one always remains who is a person and may sign in, like a customer's (0021).
create function gate.keep_a_partner_admin() returns trigger
    language plpgsql security definer set search_path = ''
as $$
declare
    partner uuid;
begin
    select m.partner_id into partner from public.partner_users m where m.user_id = new.id and m.role = 'ADMIN';
    if not found then
        return null;
    end if;
    -- An older snapshot would not see what the one before has done.
    if pg_catalog.current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'an ADMIN is taken away in another isolation' using errcode = 'insufficient_privilege';
    end if;
    -- The gateway takes the same lock before it asks.
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('admins ' || partner, 0));
    if not exists (select from public.partner_users m join public.users u on u.id = m.user_id
                   where m.partner_id = partner and m.role = 'ADMIN' and u.disabled_at is null and not u.is_service) then
        raise exception 'the last ADMIN of a partner is taken away' using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;
create trigger keep_a_partner_admin after update of disabled_at on users
    for each row when (current_user = 'posture_writer' and new.disabled_at is not null and old.disabled_at is null
                       and not new.is_service and new.kind = 'PARTNER_USER')
    execute function gate.keep_a_partner_admin();
revoke execute on function gate.keep_a_partner_admin() from public;
grant create on schema gate to posture_policy;
alter function gate.keep_a_partner_admin() owner to posture_policy;
revoke create on schema gate from posture_policy;

-- A scan that was taken and let lapse waits for another scanner for a day; then it is given up as one that three let lapse (0014).
alter policy gives_up on scans using (
    status in ('QUEUED', 'RUNNING', 'FAILED')
    and (attempts >= 3 and lease_expires_at <= (select gate.instant())
         or lease_expires_at <= (select gate.instant()) - interval '24 hours'));
alter policy gives_up_for_good on scans
    using (status in ('QUEUED', 'RUNNING')
           and (attempts >= 3 and lease_expires_at <= (select gate.instant())
                or lease_expires_at <= (select gate.instant()) - interval '24 hours'));
