-- Counts kept in the writing transaction, whoever writes (PERFORMANCE.md 3): statement triggers over the changed rows.
-- They run as posture_rollup, the only role with a right to write them.

-- A change of findings is a signed set of open ones: the old rows leave, the new rows come.
create type gate.open_finding as (customer_id uuid, severity smallint, due_at timestamptz, change integer);

create function gate.apply_open_findings(changes gate.open_finding[]) returns void
    language plpgsql security definer set search_path = ''
as $$
begin
    insert into public.posture_rollups as r (customer_id, open_critical, open_high, open_medium, open_low, open_info)
    select c.customer_id,
           coalesce(sum(c.change) filter (where c.severity = 4), 0),
           coalesce(sum(c.change) filter (where c.severity = 3), 0),
           coalesce(sum(c.change) filter (where c.severity = 2), 0),
           coalesce(sum(c.change) filter (where c.severity = 1), 0),
           coalesce(sum(c.change) filter (where c.severity = 0), 0)
    from unnest(changes) c
    group by c.customer_id
    order by c.customer_id
    on conflict (customer_id) do update set
        open_critical = r.open_critical + excluded.open_critical,
        open_high = r.open_high + excluded.open_high,
        open_medium = r.open_medium + excluded.open_medium,
        open_low = r.open_low + excluded.open_low,
        open_info = r.open_info + excluded.open_info;

    insert into public.posture_due as d (customer_id, due_at, open_findings)
    select c.customer_id, c.due_at, sum(c.change)
    from unnest(changes) c
    where c.due_at is not null
    group by c.customer_id, c.due_at
    having sum(c.change) <> 0
    order by c.customer_id, c.due_at
    on conflict (customer_id, due_at) do update set open_findings = d.open_findings + excluded.open_findings;
end
$$;

create function gate.findings_inserted() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    perform gate.apply_open_findings(array(
        select row (n.customer_id, n.severity, n.sla_due_at, count(*))::gate.open_finding
        from new_rows n where n.status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')
        group by n.customer_id, n.severity, n.sla_due_at));
    return null;
end
$$;

create function gate.findings_updated() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    perform gate.apply_open_findings(array(
        select row (c.customer_id, c.severity, c.sla_due_at, sum(c.change))::gate.open_finding
        from (
            select customer_id, severity, sla_due_at, -1 as change from old_rows where status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')
            union all
            select customer_id, severity, sla_due_at, 1 from new_rows where status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')
        ) c
        group by c.customer_id, c.severity, c.sla_due_at
        having sum(c.change) <> 0));
    return null;
end
$$;

create function gate.findings_deleted() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    perform gate.apply_open_findings(array(
        select row (o.customer_id, o.severity, o.sla_due_at, -count(*))::gate.open_finding
        from old_rows o where o.status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')
        group by o.customer_id, o.severity, o.sla_due_at));
    return null;
end
$$;

create function gate.apply_assets(customer uuid, change integer) returns void
    language plpgsql security definer set search_path = ''
as $$
begin
    insert into public.posture_rollups as r (customer_id, assets) values (customer, change)
    on conflict (customer_id) do update set assets = r.assets + excluded.assets;
    insert into public.usage_assets as u (customer_id, used) values (customer, change)
    on conflict (customer_id) do update set used = u.used + excluded.used;
end
$$;

create function gate.assets_inserted() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    perform gate.apply_assets(c.customer_id, c.n::integer)
    from (select customer_id, count(*) as n from new_rows group by customer_id order by customer_id) c;
    return null;
end
$$;

create function gate.assets_deleted() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    perform gate.apply_assets(c.customer_id, -c.n::integer)
    from (select customer_id, count(*) as n from old_rows group by customer_id order by customer_id) c;
    return null;
end
$$;

-- A scan is metered in the month it was asked for, whatever becomes of it.
create function gate.scans_inserted() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    insert into public.usage_scans as u (customer_id, period_start, used)
    select customer_id, date_trunc('month', requested_at at time zone 'UTC')::date, count(*)
    from new_rows group by 1, 2 order by 1, 2
    on conflict (customer_id, period_start) do update set used = u.used + excluded.used;
    return null;
end
$$;

-- The last scan is the last one that succeeded.
create function gate.scans_finished() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    insert into public.posture_rollups as r (customer_id, last_scan_at)
    select customer_id, max(finished_at) from new_rows
    where status = 'SUCCEEDED' and finished_at is not null
    group by customer_id order by customer_id
    on conflict (customer_id) do update set last_scan_at = greatest(r.last_scan_at, excluded.last_scan_at);
    return null;
end
$$;

create trigger findings_inserted after insert on findings referencing new table as new_rows
    for each statement execute function gate.findings_inserted();
create trigger findings_updated after update on findings referencing old table as old_rows new table as new_rows
    for each statement execute function gate.findings_updated();
create trigger findings_deleted after delete on findings referencing old table as old_rows
    for each statement execute function gate.findings_deleted();
create trigger assets_inserted after insert on assets referencing new table as new_rows
    for each statement execute function gate.assets_inserted();
create trigger assets_deleted after delete on assets referencing old table as old_rows
    for each statement execute function gate.assets_deleted();
create trigger scans_inserted after insert on scans referencing new table as new_rows
    for each statement execute function gate.scans_inserted();
create trigger scans_inserted_finished after insert on scans referencing new table as new_rows
    for each statement execute function gate.scans_finished();
create trigger scans_updated_finished after update on scans referencing new table as new_rows
    for each statement execute function gate.scans_finished();
