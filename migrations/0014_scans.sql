-- Scans that somebody asks for, schedules that ask for them by themselves, and the queue that scanners take their work from.

-- ---------------------------------------------------------------- schedules

-- `start_time` is what clocks of the zone show: the same every day, whatever daylight saving does to UTC.
alter table scan_schedules
    add column time_zone text not null default 'UTC',
    add column day_of_week text constraint scan_schedules_day_of_week_check
        check (day_of_week in ('MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY')),
    -- A shorter month has its run on its last day.
    add column day_of_month smallint constraint scan_schedules_day_of_month_check check (day_of_month between 1 and 31),
    -- What it runs on besides.
    add column events text[] not null default '{}' constraint scan_schedules_events_check
        check (events <@ array['ASSET_DISCOVERED', 'VULNERABILITY_DATABASE_UPDATED']);

-- Schedules from before said no day: it is the one on which they were due, or made. Without forced row security for the moment,
-- since no policy shows the owner a row.
alter table scan_schedules no force row level security;
update scan_schedules set
    day_of_week = case frequency when 'WEEKLY' then to_char(coalesce(next_run_at, created_at) at time zone 'UTC', 'FMDAY') end,
    day_of_month = case frequency when 'MONTHLY' then extract(day from coalesce(next_run_at, created_at) at time zone 'UTC') end;
alter table scan_schedules force row level security;
alter table scan_schedules add constraint scan_schedules_day_check
    check ((frequency = 'WEEKLY') = (day_of_week is not null) and (frequency = 'MONTHLY') = (day_of_month is not null));

create index scan_schedules_due_idx on scan_schedules (next_run_at) where enabled;

-- ---------------------------------------------------------------- scans

alter table scans
    -- What asked for it, for which due time. No foreign key: a schedule that is deleted takes none of its scans with it, and an upload
    -- that queues scans does not lock schedules.
    add column schedule_id uuid,
    add column due_at timestamptz,
    -- Who works on it until when. In the row itself, so that two scanners that ask at once see each other's claim. The lease is a
    -- secret between the gateway and that scanner.
    add column lease_id uuid,
    add column leased_by uuid constraint scans_leased_by_fkey references users,
    add column lease_expires_at timestamptz,
    -- How often it was claimed; null for never.
    add column attempts smallint,
    -- Why it failed, in the scanner's words.
    add column failure text,
    -- However many gateways run, each due time has one scan.
    add constraint scans_due_key unique (customer_id, schedule_id, due_at);

-- What scanners look through, oldest first over all of their customers: scans that are over are not in it.
create index scans_waiting_idx on scans (requested_at, id) where status in ('QUEUED', 'RUNNING');

-- What a scan looks at; one without targets looks at all that the customer has.
create table scan_targets (
    customer_id uuid not null,
    scan_id uuid not null,
    asset_id uuid not null,
    constraint scan_targets_pkey primary key (customer_id, scan_id, asset_id),
    constraint scan_targets_scan_fkey foreign key (customer_id, scan_id) references scans,
    constraint scan_targets_asset_fkey foreign key (customer_id, asset_id) references assets
);

-- Versions of the vulnerability database that a customer's schedules have answered: each once, however many scanners tell.
create table vulnerability_database_versions (
    customer_id uuid not null constraint vulnerability_database_versions_customer_fkey references customers,
    version text not null,
    told_at timestamptz not null,
    constraint vulnerability_database_versions_pkey primary key (customer_id, version)
);

alter table scan_targets enable row level security;
alter table scan_targets force row level security;
alter table vulnerability_database_versions enable row level security;
alter table vulnerability_database_versions force row level security;

-- ---------------------------------------------------------------- metering

-- A scan is metered in the month it was asked for, unless it is called off before a scanner has begun: nobody did anything for it. An
-- alert that it raised stays.
create function gate.scans_canceled() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    update public.usage_scans u set used = u.used - c.n
    from (select n.customer_id, date_trunc('month', n.requested_at at time zone 'UTC')::date as period_start, count(*) as n
          from new_rows n
          join old_rows o on o.customer_id = n.customer_id and o.id = n.id
          where o.status = 'QUEUED' and n.status = 'CANCELED'
          group by 1, 2 order by 1, 2) c
    where u.customer_id = c.customer_id and u.period_start = c.period_start;
    return null;
end
$$;
create trigger scans_updated_canceled after update on scans referencing old table as old_rows new table as new_rows
    for each statement execute function gate.scans_canceled();
grant create on schema gate to posture_rollup;
alter function gate.scans_canceled() owner to posture_rollup;
revoke create on schema gate from posture_rollup;
revoke execute on function gate.scans_canceled() from public;

-- ---------------------------------------------------------------- reading

create policy reads on scan_targets for select to posture_gateway, posture_writer using (
    exists (select from gate.partner_sees p where p.customer_id = scan_targets.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
grant select on scan_targets to posture_gateway, posture_writer;

alter policy reads on assets to posture_gateway, posture_writer;
alter policy reads on scans to posture_gateway, posture_writer;
alter policy reads on scan_schedules to posture_gateway, posture_writer;
alter policy reads on scan_schedule_targets to posture_gateway, posture_writer;
grant select on assets, scans, scan_schedules, scan_schedule_targets to posture_writer;

-- ---------------------------------------------------------------- who operates asks for scans

create policy operates on scans for insert to posture_writer with check (
    trigger = 'MANUAL' and status = 'QUEUED'
    and (exists (select from gate.partner_sees p where p.customer_id = scans.customer_id and p.security_config)
         or customer_id = (select gate.own_security())));
create policy cancels on scans for update to posture_writer
    using (
        status = 'QUEUED'
        and (exists (select from gate.partner_sees p where p.customer_id = scans.customer_id and p.security_config)
             or customer_id = (select gate.own_security())))
    with check (
        status = 'CANCELED'
        and (exists (select from gate.partner_sees p where p.customer_id = scans.customer_id and p.security_config)
             or customer_id = (select gate.own_security())));
grant insert (customer_id, id, profile, trigger, status, requested_at), update (status, finished_at) on scans to posture_writer;

create policy operates on scan_targets for insert to posture_writer with check (
    exists (select from gate.partner_sees p where p.customer_id = scan_targets.customer_id and p.security_config)
    or customer_id = (select gate.own_security()));
grant insert on scan_targets to posture_writer;

create policy operates on scan_schedules to posture_writer
    using (
        exists (select from gate.partner_sees p where p.customer_id = scan_schedules.customer_id and p.security_config)
        or customer_id = (select gate.own_security()))
    with check (
        exists (select from gate.partner_sees p where p.customer_id = scan_schedules.customer_id and p.security_config)
        or customer_id = (select gate.own_security()));
grant insert, update (enabled, next_run_at), delete on scan_schedules to posture_writer;

create policy operates on scan_schedule_targets to posture_writer
    using (
        exists (select from gate.partner_sees p where p.customer_id = scan_schedule_targets.customer_id and p.security_config)
        or customer_id = (select gate.own_security()))
    with check (
        exists (select from gate.partner_sees p where p.customer_id = scan_schedule_targets.customer_id and p.security_config)
        or customer_id = (select gate.own_security()));
grant insert, delete on scan_schedule_targets to posture_writer;

-- ---------------------------------------------------------------- the worker

-- It sees schedules that run, and moves those that are due into the future.
create policy runs on scan_schedules for select to posture_worker using (enabled and next_run_at is not null);
create policy moves on scan_schedules for update to posture_worker
    using (enabled and next_run_at <= (select gate.instant()))
    with check (enabled and next_run_at > (select gate.instant()));
create policy runs on scan_schedule_targets for select to posture_worker using (
    exists (select from scan_schedules s
            where s.customer_id = scan_schedule_targets.customer_id and s.id = scan_schedule_targets.scan_schedule_id
              and s.next_run_at <= (select gate.instant())));
-- For each due time one scan, of a schedule that is due then.
create policy runs on scans for insert to posture_worker with check (
    trigger = 'SCHEDULED' and status = 'QUEUED'
    and exists (select from scan_schedules s
                where s.customer_id = scans.customer_id and s.id = scans.schedule_id and s.next_run_at = scans.due_at
                  and s.next_run_at <= (select gate.instant())));
create policy runs on scan_targets for insert to posture_worker with check (
    exists (select from scan_schedule_targets t
            where t.customer_id = scan_targets.customer_id and t.asset_id = scan_targets.asset_id));
-- A scan that three scanners took and none finished is given up.
create policy gives_up on scans for select to posture_worker using (
    status in ('QUEUED', 'RUNNING', 'FAILED') and attempts >= 3 and lease_expires_at <= (select gate.instant()));
create policy gives_up_for_good on scans for update to posture_worker
    using (status in ('QUEUED', 'RUNNING') and attempts >= 3 and lease_expires_at <= (select gate.instant()))
    with check (status = 'FAILED');
-- Both stand in the customer's log.
create policy runs on customer_audit_events for insert to posture_worker with check (
    actor_id is null and partner_id is null
    and (action = 'scan.requested'
         and exists (select from scan_schedules s
                     where s.customer_id = customer_audit_events.customer_id and s.next_run_at <= (select gate.instant()))
         or action = 'scan.failed'
         and exists (select from scans s where s.customer_id = customer_audit_events.customer_id)));

grant select (customer_id, id, profile, frequency, start_time, time_zone, day_of_week, day_of_month, next_run_at, enabled),
    update (next_run_at) on scan_schedules to posture_worker;
grant select on scan_schedule_targets to posture_worker;
grant select (customer_id, id, profile, status, requested_at, attempts, lease_expires_at, trigger, schedule_id, due_at),
    insert (customer_id, id, profile, trigger, status, requested_at, schedule_id, due_at),
    update (status, finished_at, failure) on scans to posture_worker;
grant insert on scan_targets to posture_worker;
grant insert (customer_id, id, at, actor, action, reason, new_value) on customer_audit_events to posture_worker;

-- ---------------------------------------------------------------- scanners

create policy scans on scan_targets to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
create policy scans on scan_schedules for select to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
create policy scans on scan_schedule_targets for select to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
create policy scans on vulnerability_database_versions to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
grant select, insert on scan_targets, vulnerability_database_versions to posture_ingest;
grant select on scan_schedules, scan_schedule_targets to posture_ingest;
grant update (status, started_at, finished_at, lease_id, leased_by, lease_expires_at, attempts, failure) on scans
    to posture_ingest;

-- What scanners do is the customer's alone, and in no partner's name.
alter policy scans on customer_audit_events
    with check (customer_id = any ((select gate.scanner_customers())::uuid[]) and partner_id is null);
