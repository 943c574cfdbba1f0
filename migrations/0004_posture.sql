-- What scanners find out about a customer, and the counts that are kept of it.

create table assets (
    customer_id uuid not null constraint assets_customer_fkey references customers,
    id uuid not null,
    kind text not null constraint assets_kind_check check (kind in ('DOMAIN', 'SUBDOMAIN', 'IP_ADDRESS', 'WEB_APPLICATION', 'API')),
    -- In canonical form (domain::asset), so that the unique constraint counts each asset once.
    value text not null,
    first_seen_at timestamptz not null,
    constraint assets_pkey primary key (customer_id, id),
    constraint assets_value_key unique (customer_id, kind, value)
);
create index assets_order_idx on assets (customer_id, value, id);

create table findings (
    customer_id uuid not null constraint findings_customer_fkey references customers,
    id uuid not null,
    asset_id uuid,
    title text not null,
    description text,
    -- 0 INFO to 4 CRITICAL: ordered and filtered.
    severity smallint not null constraint findings_severity_check check (severity between 0 and 4),
    status text not null constraint findings_status_check
        check (status in ('OPEN', 'TRIAGED', 'IN_PROGRESS', 'RESOLVED', 'ACCEPTED', 'FALSE_POSITIVE')),
    rule_id text,
    cve text,
    cvss_score double precision constraint findings_cvss_score_check check (cvss_score between 0 and 10),
    location text,
    -- Who reported it about what, and what makes it the same finding next time (DESIGN.md 8).
    tool text not null,
    target text not null,
    fingerprint bytea not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    resolved_at timestamptz,
    -- The end of a day in UTC, so that breaches can be counted by day (posture_due).
    sla_due_at timestamptz,
    constraint findings_pkey primary key (customer_id, id),
    constraint findings_fingerprint_key unique (customer_id, tool, target, fingerprint),
    constraint findings_asset_fkey foreign key (customer_id, asset_id) references assets
);
create index findings_severity_idx on findings (customer_id, severity, id);
create index findings_first_seen_idx on findings (customer_id, first_seen_at, id);
create index findings_last_seen_idx on findings (customer_id, last_seen_at, id);
-- Without a due date comes last in both directions, hence two.
create index findings_due_asc_idx on findings (customer_id, coalesce(sla_due_at, 'infinity'), id);
create index findings_due_desc_idx on findings (customer_id, coalesce(sla_due_at, '-infinity'), id);
create index findings_open_asset_idx on findings (customer_id, asset_id) include (severity)
    where status in ('OPEN', 'TRIAGED', 'IN_PROGRESS');

create table components (
    customer_id uuid not null constraint components_customer_fkey references customers,
    id uuid not null,
    -- The package URL where there is one, else group, name and version, hashed.
    identity bytea not null,
    name text not null,
    version text,
    purl text,
    licenses text[] not null default '{}',
    constraint components_pkey primary key (customer_id, id),
    constraint components_identity_key unique (customer_id, identity)
);
create index components_order_idx on components (customer_id, name, id);

-- Which bill of materials names the component: it goes when the last one no longer does.
create table component_sources (
    customer_id uuid not null,
    component_id uuid not null,
    tool text not null,
    target text not null,
    constraint component_sources_pkey primary key (customer_id, tool, target, component_id),
    constraint component_sources_component_fkey foreign key (customer_id, component_id) references components on delete cascade
);
create index component_sources_component_idx on component_sources (customer_id, component_id);

create table scans (
    customer_id uuid not null constraint scans_customer_fkey references customers,
    id uuid not null,
    profile text not null,
    trigger text not null constraint scans_trigger_check
        check (trigger in ('MANUAL', 'SCHEDULED', 'ASSET_DISCOVERED', 'VULNERABILITY_DATABASE_UPDATED', 'API')),
    status text not null constraint scans_status_check check (status in ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED')),
    requested_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz,
    constraint scans_pkey primary key (customer_id, id)
);
create index scans_order_idx on scans (customer_id, requested_at, id);

create table scan_reports (
    customer_id uuid not null,
    scan_id uuid not null,
    tool_name text,
    new_findings integer not null,
    fixed_findings integer not null,
    -- Open findings of the customer as the scan left them.
    open_critical integer not null,
    open_high integer not null,
    open_medium integer not null,
    open_low integer not null,
    open_info integer not null,
    constraint scan_reports_pkey primary key (customer_id, scan_id),
    constraint scan_reports_scan_fkey foreign key (customer_id, scan_id) references scans
);

-- The latest upload of a tool about a target: the same bytes again change nothing (DESIGN.md 8).
create table latest_uploads (
    customer_id uuid not null,
    tool text not null,
    target text not null,
    digest bytea not null,
    scan_id uuid not null,
    constraint latest_uploads_pkey primary key (customer_id, tool, target),
    constraint latest_uploads_scan_fkey foreign key (customer_id, scan_id) references scans
);

create table scan_schedules (
    customer_id uuid not null constraint scan_schedules_customer_fkey references customers,
    id uuid not null,
    profile text not null,
    frequency text not null constraint scan_schedules_frequency_check check (frequency in ('DAILY', 'WEEKLY', 'MONTHLY')),
    start_time time not null,
    next_run_at timestamptz,
    enabled boolean not null default true,
    created_at timestamptz not null,
    constraint scan_schedules_pkey primary key (customer_id, id)
);
create index scan_schedules_order_idx on scan_schedules (customer_id, created_at, id);

create table scan_schedule_targets (
    customer_id uuid not null,
    scan_schedule_id uuid not null,
    asset_id uuid not null,
    constraint scan_schedule_targets_pkey primary key (customer_id, scan_schedule_id, asset_id),
    constraint scan_schedule_targets_schedule_fkey foreign key (customer_id, scan_schedule_id) references scan_schedules,
    constraint scan_schedule_targets_asset_fkey foreign key (customer_id, asset_id) references assets
);

create table evidence (
    customer_id uuid not null constraint evidence_customer_fkey references customers,
    id uuid not null,
    control text not null,
    title text not null,
    created_at timestamptz not null,
    created_by text not null,
    constraint evidence_pkey primary key (customer_id, id)
);
create index evidence_order_idx on evidence (customer_id, created_at, id);

create table posture_shares (
    customer_id uuid not null constraint posture_shares_customer_fkey references customers,
    id uuid not null,
    label text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    constraint posture_shares_pkey primary key (customer_id, id)
);
create index posture_shares_order_idx on posture_shares (customer_id, created_at, id);

-- What dashboards read instead of raw findings; kept by the triggers of 0006 in the writing transaction.
create table posture_rollups (
    customer_id uuid constraint posture_rollups_pkey primary key constraint posture_rollups_customer_fkey references customers,
    open_critical integer not null default 0,
    open_high integer not null default 0,
    open_medium integer not null default 0,
    open_low integer not null default 0,
    open_info integer not null default 0,
    assets integer not null default 0,
    last_scan_at timestamptz
);

-- Open findings by the day they are due: how many are in breach is a sum over the days before an instant.
create table posture_due (
    customer_id uuid not null constraint posture_due_customer_fkey references customers,
    due_at timestamptz not null,
    open_findings integer not null,
    constraint posture_due_pkey primary key (customer_id, due_at)
);

-- Metering: how many, never which ones. Commercial, so apart from posture.
create table usage_assets (
    customer_id uuid constraint usage_assets_pkey primary key constraint usage_assets_customer_fkey references customers,
    used integer not null
);

create table usage_scans (
    customer_id uuid not null constraint usage_scans_customer_fkey references customers,
    -- The first day of a month, UTC.
    period_start date not null,
    used integer not null,
    constraint usage_scans_pkey primary key (customer_id, period_start)
);
