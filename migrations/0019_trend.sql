-- How a customer's posture was on each day, when each user last looked, and the indexes by which is counted what is new since then.

create table posture_snapshots (
    customer_id uuid not null constraint posture_snapshots_customer_fkey references customers,
    -- UTC. Its row is the last look of that day.
    day date not null,
    open_critical integer not null,
    open_high integer not null,
    open_medium integer not null,
    open_low integer not null,
    open_info integer not null,
    sla_breaches integer not null,
    assets integer not null,
    constraint posture_snapshots_pkey primary key (customer_id, day)
);
alter table posture_snapshots enable row level security;
alter table posture_snapshots force row level security;
create policy reads on posture_snapshots for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = posture_snapshots.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy counts on posture_snapshots to posture_rollup using (true) with check (true);
grant select on posture_snapshots to posture_gateway;
grant select, insert, update on posture_snapshots to posture_rollup;

-- Looks at every customer that anything was ever counted of, on the day of the transaction's instant. It belongs to posture_rollup, as
-- all that counts: no role of the gateway can write a day by hand, and a past one nobody looks at any more.
create function gate.take_posture_snapshots() returns void
    language plpgsql security definer set search_path = ''
as $$
declare
    instant constant timestamptz := gate.instant();
    today constant date := (instant at time zone 'UTC')::date;
begin
    insert into public.posture_snapshots as s (customer_id, day, open_critical, open_high, open_medium, open_low, open_info,
                                               sla_breaches, assets)
    select l.*
    from (
        select r.customer_id, today as day, r.open_critical, r.open_high, r.open_medium, r.open_low, r.open_info,
               coalesce((select sum(d.open_findings) from public.posture_due d
                         where d.customer_id = r.customer_id and d.due_at <= instant), 0)::integer as sla_breaches,
               r.assets
        from public.posture_rollups r
    ) l
    -- What is as it was at the last look is not written again: a look comes every few seconds, a change does not.
    where not exists (
        select from public.posture_snapshots k
        where k.customer_id = l.customer_id and k.day = l.day
          and (k.open_critical, k.open_high, k.open_medium, k.open_low, k.open_info, k.sla_breaches, k.assets)
              = (l.open_critical, l.open_high, l.open_medium, l.open_low, l.open_info, l.sla_breaches, l.assets))
    -- Two gateways that look at once wait for one another in one order.
    order by l.customer_id
    on conflict on constraint posture_snapshots_pkey do update set
        open_critical = excluded.open_critical,
        open_high = excluded.open_high,
        open_medium = excluded.open_medium,
        open_low = excluded.open_low,
        open_info = excluded.open_info,
        sla_breaches = excluded.sla_breaches,
        assets = excluded.assets;
end
$$;
revoke execute on function gate.take_posture_snapshots() from public;
grant execute on function gate.take_posture_snapshots() to posture_worker;
grant execute on function gate.instant() to posture_rollup;
grant create on schema gate to posture_rollup;
alter function gate.take_posture_snapshots() owner to posture_rollup;
revoke create on schema gate from posture_rollup;

-- ---------------------------------------------------------------- visits

-- When a user last said that they looked (recordVisit). Apart from `users`, where opening the own row would open more than this.
create table visits (
    user_id uuid not null constraint visits_pkey primary key constraint visits_user_fkey references users,
    at timestamptz not null
);
alter table visits enable row level security;
alter table visits force row level security;
create policy reads on visits for select to posture_gateway, posture_writer using (user_id = (select gate.enabled_viewer()));
create policy begins on visits for insert to posture_writer with check (user_id = (select gate.enabled_viewer()));
create policy moves on visits for update to posture_writer
    using (user_id = (select gate.enabled_viewer())) with check (user_id = (select gate.enabled_viewer()));
grant select on visits to posture_gateway;
grant select, insert, update (at) on visits to posture_writer;

-- ---------------------------------------------------------------- what is new

-- New findings have findings_first_seen_idx.
create index findings_resolved_idx on findings (customer_id, resolved_at) where status = 'RESOLVED';
create index assets_first_seen_idx on assets (customer_id, first_seen_at);
create index scans_finished_idx on scans (customer_id, finished_at) where status in ('SUCCEEDED', 'FAILED');
