-- Forced row security on every table, a policy for each role that has a grant, and every grant there is.
-- migrations/README.md has the recipe for a new table.

do $$
declare
    t regclass;
begin
    for t in select c.oid from pg_class c
             where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname not like '\_sqlx%'
    loop
        execute format('alter table %s enable row level security', t);
        execute format('alter table %s force row level security', t);
    end loop;
end
$$;

-- ---------------------------------------------------------------- the deciders and the counters

create policy decides on partners to posture_policy using (true);
create policy decides on users to posture_policy using (true);
create policy decides on partner_users to posture_policy using (true);
create policy decides on customer_users to posture_policy using (true);
create policy decides on scanner_customers to posture_policy using (true);
create policy decides on customers to posture_policy using (true);
create policy decides on accesses to posture_policy using (true);

create policy counts on posture_rollups to posture_rollup using (true) with check (true);
create policy counts on posture_due to posture_rollup using (true) with check (true);
create policy counts on usage_assets to posture_rollup using (true) with check (true);
create policy counts on usage_scans to posture_rollup using (true) with check (true);

create policy chains on partner_audit_heads to posture_audit using (true) with check (true);
create policy chains on customer_audit_heads to posture_audit using (true) with check (true);

-- ---------------------------------------------------------------- reading: who, and which organisations

create policy reads on users for select to posture_gateway using (
    id = (select gate.enabled_viewer())
    -- The people named in a security configuration, and an ADMIN's colleagues; row security of both says whose.
    or exists (select from customer_users m where m.user_id = users.id)
    or exists (select from partner_users m where m.user_id = users.id));
create policy reads on partner_users for select to posture_gateway using (
    user_id = (select gate.enabled_viewer())
    or partner_id = (select gate.admin_partner()));
create policy reads on customer_users for select to posture_gateway using (
    user_id = (select gate.enabled_viewer())
    or exists (select from gate.partner_sees p where p.customer_id = customer_users.customer_id and p.security_config)
    or customer_id = (select gate.own_security()));
create policy reads on operator_assignments for select to posture_gateway using (user_id = (select gate.enabled_viewer()));

create policy reads on partners for select to posture_gateway using (
    id = (select gate.admin_partner())
    or id = (select gate.operator_partner())
    or id = any ((select gate.met_partners())::uuid[])
    or (select gate.is_platform_admin()));
create policy reads on customers for select to posture_gateway using (
    customer_id = (select gate.own_organisation())
    -- Before the first access the partner that created it sees the bare organisation, so that it can quote.
    or created_by = (select gate.admin_partner())
    -- Row security of accesses says whose are in scope.
    or exists (select from accesses a where a.customer_id = customers.customer_id)
    or (select gate.is_platform_admin()));

-- ---------------------------------------------------------------- reading: COMMERCIAL and PRICING

create policy reads on accesses for select to posture_gateway using (
    partner_id = (select gate.admin_partner())
    -- An operator's whitelist; row security of operator_assignments leaves the viewer's own.
    or partner_id = (select gate.operator_partner())
       and exists (select from operator_assignments o where o.customer_id = accesses.customer_id and o.access_id = accesses.id)
    or customer_id = (select gate.own_accesses())
    or (select gate.is_platform_admin()));
create policy reads on subscriptions for select to posture_gateway using (
    partner_id = (select gate.admin_partner())
    or partner_id = (select gate.operator_partner())
       and exists (select from operator_assignments o
                   where o.customer_id = subscriptions.customer_id and o.access_id = subscriptions.access_id)
    or customer_id = (select gate.own_commercial())
    or (select gate.is_platform_admin()));
create policy reads on subscription_add_ons for select to posture_gateway using (
    partner_id = (select gate.admin_partner())
    or partner_id = (select gate.operator_partner())
       and exists (select from operator_assignments o
                   where o.customer_id = subscription_add_ons.customer_id and o.access_id = subscription_add_ons.access_id)
    or customer_id = (select gate.own_commercial())
    or (select gate.is_platform_admin()));
create policy reads on usage_assets for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = usage_assets.customer_id)
    or customer_id = (select gate.own_commercial())
    or (select gate.is_platform_admin()));
create policy reads on usage_scans for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = usage_scans.customer_id)
    or customer_id = (select gate.own_commercial())
    or (select gate.is_platform_admin()));
create policy reads on pricing for select to posture_gateway using (
    (select gate.admin_partner()) is not null
    or (select gate.is_platform_admin()));
create policy reads on partner_audit_events for select to posture_gateway using (
    partner_id = (select gate.admin_partner()));

-- ---------------------------------------------------------------- reading: POSTURE, ACTIVITY, SECURITY_CONFIG

create policy reads on assets for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = assets.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on findings for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = findings.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on components for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = components.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on scans for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = scans.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on scan_reports for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = scan_reports.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on scan_schedules for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = scan_schedules.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on scan_schedule_targets for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = scan_schedule_targets.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on evidence for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = evidence.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on posture_shares for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = posture_shares.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on posture_rollups for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = posture_rollups.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on posture_due for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = posture_due.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
-- Partners see ACTIVITY where they see POSTURE, but for what is between the customer and another partner.
create policy reads on customer_audit_events for select to posture_gateway using (
    (partner_id is null or partner_id = (select gate.admin_partner()) or partner_id = (select gate.operator_partner()))
    and exists (select from gate.partner_sees p where p.customer_id = customer_audit_events.customer_id and p.posture)
    or customer_id = (select gate.own_activity()));
create policy reads on security_settings for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = security_settings.customer_id and p.security_config)
    or customer_id = (select gate.own_security()));
create policy reads on api_keys for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = api_keys.customer_id and p.security_config)
    or customer_id = (select gate.own_security()));

-- ---------------------------------------------------------------- writing scan results

-- The uploader alone: whether it is a scanner, and the name for the audit log.
create policy scans on users for select to posture_ingest
    using (id = (select gate.enabled_viewer()));
create policy scans on customers for select to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
create policy scans on assets to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
create policy scans on findings to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
create policy scans on components to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
create policy scans on component_sources to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
create policy scans on scans to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
create policy scans on scan_reports to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
create policy scans on latest_uploads to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
create policy scans on posture_rollups for select to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
-- Audit logs only ever grow: written here, read by those the gate shows ACTIVITY, changed by nobody.
create policy scans on customer_audit_events for insert to posture_ingest
    with check (customer_id = any ((select gate.scanner_customers())::uuid[]));

-- ---------------------------------------------------------------- grants

grant select on partners, customers, users, partner_users, customer_users, accesses, operator_assignments,
    subscriptions, subscription_add_ons, pricing, assets, findings, components, scans, scan_reports, scan_schedules,
    scan_schedule_targets, evidence, posture_shares, posture_rollups, posture_due, usage_assets, usage_scans,
    security_settings, api_keys, partner_audit_events, customer_audit_events
    to posture_gateway;

grant select on customers, posture_rollups to posture_ingest;
grant select (id, kind, name, disabled_at) on users to posture_ingest;
grant select, insert on assets, scans, scan_reports to posture_ingest;
grant select, insert, update on findings, latest_uploads to posture_ingest;
grant select, insert, update, delete on components, component_sources to posture_ingest;
grant insert on customer_audit_events to posture_ingest;
