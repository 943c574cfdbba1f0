-- What is decided about findings: their statuses with a history of who set them and why, and how many days a finding of each
-- severity may stay open.

-- The days that a finding has (slaDueAt) count from here; null where it was never reopened, and they count from first_seen_at.
alter table findings add column reopened_at timestamptz;

-- Every change of a finding's status but its first one, and every note.
create table finding_history (
    customer_id uuid not null,
    id uuid not null,
    finding_id uuid not null,
    at timestamptz not null,
    -- Who it was, as they were called then: a user or a scanner.
    actor text not null,
    actor_id uuid,
    -- The partner whose user it was: other partners of the customer are not told, as in customer_audit_events. None where it was
    -- the customer's own user or a scanner.
    partner_id uuid constraint finding_history_partner_fkey references partners,
    -- The same twice where only a note was added.
    old_status text not null constraint finding_history_old_status_check
        check (old_status in ('OPEN', 'TRIAGED', 'IN_PROGRESS', 'RESOLVED', 'ACCEPTED', 'FALSE_POSITIVE')),
    new_status text not null constraint finding_history_new_status_check
        check (new_status in ('OPEN', 'TRIAGED', 'IN_PROGRESS', 'RESOLVED', 'ACCEPTED', 'FALSE_POSITIVE')),
    note text constraint finding_history_note_check check (length(note) between 1 and 2000),
    constraint finding_history_pkey primary key (customer_id, id),
    -- A finding that the owner deletes takes its history along; no role of the gateway deletes either.
    constraint finding_history_finding_fkey foreign key (customer_id, finding_id) references findings on delete cascade
);
create index finding_history_order_idx on finding_history (customer_id, finding_id, at, id);
create trigger only_grows before update or truncate on finding_history
    for each statement execute function gate.refuse_change();

-- How many days after it was found, or reopened, a finding is due; null where never. A customer without a row has the default
-- (domain::sla).
create table sla_policies (
    customer_id uuid constraint sla_policies_pkey primary key constraint sla_policies_customer_fkey references customers,
    critical_days integer constraint sla_policies_critical_days_check check (critical_days between 1 and 3650),
    high_days integer constraint sla_policies_high_days_check check (high_days between 1 and 3650),
    medium_days integer constraint sla_policies_medium_days_check check (medium_days between 1 and 3650),
    low_days integer constraint sla_policies_low_days_check check (low_days between 1 and 3650),
    info_days integer constraint sla_policies_info_days_check check (info_days between 1 and 3650)
);

alter table finding_history enable row level security;
alter table finding_history force row level security;
alter table sla_policies enable row level security;
alter table sla_policies force row level security;

-- ---------------------------------------------------------------- reading: POSTURE

create policy reads on finding_history for select to posture_gateway using (
    (partner_id is null or partner_id = (select gate.admin_partner()) or partner_id = (select gate.operator_partner()))
    and exists (select from gate.partner_sees p where p.customer_id = finding_history.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on sla_policies for select to posture_gateway, posture_writer using (
    exists (select from gate.partner_sees p where p.customer_id = sla_policies.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
grant select on finding_history, sla_policies to posture_gateway;

-- What is triaged is found first by whoever sees it; that not all of them may change it they are told.
alter policy reads on findings to posture_gateway, posture_writer;
grant select on findings, sla_policies to posture_writer;

-- ---------------------------------------------------------------- triage: those who operate the customer

create policy operates on findings for update to posture_writer
    using (exists (select from gate.partner_sees p where p.customer_id = findings.customer_id and p.security_config)
           or customer_id = (select gate.own_security()))
    with check (exists (select from gate.partner_sees p where p.customer_id = findings.customer_id and p.security_config)
                or customer_id = (select gate.own_security()));
grant update (status, resolved_at, reopened_at, sla_due_at) on findings to posture_writer;

-- In the own name alone.
create policy operates on finding_history for insert to posture_writer with check (
    actor_id = (select gate.enabled_viewer())
    and (partner_id = (select coalesce(gate.admin_partner(), gate.operator_partner()))
         and exists (select from gate.partner_sees p where p.customer_id = finding_history.customer_id and p.security_config)
         or partner_id is null and customer_id = (select gate.own_security())));
grant insert on finding_history to posture_writer;

create policy operates on sla_policies for insert to posture_writer with check (
    exists (select from gate.partner_sees p where p.customer_id = sla_policies.customer_id and p.security_config)
    or customer_id = (select gate.own_security()));
create policy changes on sla_policies for update to posture_writer
    using (exists (select from gate.partner_sees p where p.customer_id = sla_policies.customer_id and p.security_config)
           or customer_id = (select gate.own_security()))
    with check (exists (select from gate.partner_sees p where p.customer_id = sla_policies.customer_id and p.security_config)
                or customer_id = (select gate.own_security()));
grant insert, update (critical_days, high_days, medium_days, low_days, info_days) on sla_policies to posture_writer;

-- ---------------------------------------------------------------- what a scanner finds gone, and back

create policy scans on finding_history for insert to posture_ingest
    with check (customer_id = any ((select gate.scanner_customers())::uuid[]) and partner_id is null);
create policy scans on sla_policies for select to posture_ingest
    using (customer_id = any ((select gate.scanner_customers())::uuid[]));
grant insert on finding_history to posture_ingest;
grant select on sla_policies to posture_ingest;
