-- Posture shares, which an outsider opens by a link: who may make and revoke them, and the role that the link's door lowers itself to.
-- Evidence: what it is attached to, and its file.

-- ---------------------------------------------------------------- the role

do $$
begin
    if not exists (select from pg_roles where rolname = 'posture_share') then
        create role posture_share nologin noinherit nosuperuser nocreatedb nocreaterole nobypassrls;
    end if;
end
$$;
grant posture_share to posture_gateway;
grant usage on schema public, gate to posture_share;

-- ---------------------------------------------------------------- shares

alter table posture_shares
    -- SHA-256 of the link's secret, which itself is nowhere; none for a share whose link was never handed out.
    add secret_hash bytea constraint posture_shares_secret_hash_check check (octet_length(secret_hash) = 32),
    -- Who made it, as they were called then.
    add created_by text not null default 'unknown',
    -- Who that is: the link works as long as they could make it now. None: it never works.
    add created_by_id uuid,
    -- Their partner; none where the customer's own people made it.
    add created_by_partner uuid;
alter table posture_shares alter created_by drop default;
-- Whose a link is nobody knows before it is found, so that the key cannot start with the customer.
create unique index posture_shares_secret_hash_key on posture_shares (secret_hash);

-- The hash is for the door alone.
revoke select on posture_shares from posture_gateway;
grant select (customer_id, id, label, created_at, expires_at, revoked_at, created_by, created_by_id, created_by_partner)
    on posture_shares to posture_gateway, posture_writer;
alter policy reads on posture_shares to posture_gateway, posture_writer;

-- *Operate*. Whoever makes one is its maker, and nobody makes one that is revoked already.
create policy makes on posture_shares for insert to posture_writer with check (
    created_by_id = (select gate.enabled_viewer())
    and revoked_at is null
    and (created_by_partner = (select coalesce(gate.admin_partner(), gate.operator_partner()))
         and exists (select from gate.partner_sees p where p.customer_id = posture_shares.customer_id and p.security_config)
         or created_by_partner is null and customer_id = (select gate.own_security())));
-- Once revoked, it stays revoked.
create policy revokes on posture_shares for update to posture_writer
    using (revoked_at is null
           and (exists (select from gate.partner_sees p
                        where p.customer_id = posture_shares.customer_id and p.security_config)
                or customer_id = (select gate.own_security())))
    with check (revoked_at is not null
           and (exists (select from gate.partner_sees p
                        where p.customer_id = posture_shares.customer_id and p.security_config)
                or customer_id = (select gate.own_security())));
grant insert (customer_id, id, label, created_at, expires_at, secret_hash, created_by, created_by_id, created_by_partner)
    on posture_shares to posture_writer;
grant update (revoked_at) on posture_shares to posture_writer;

-- ---------------------------------------------------------------- the door

-- What was brought along: the hash of a link's secret, set once by store::scope. There is no viewer.
create function gate.share_hash() returns bytea
    language sql stable
    return decode(nullif(current_setting('app.share', true), ''), 'hex');

-- Whether somebody, who is not the viewer, operates a customer at the transaction's instant.
create function gate.operates(member uuid, customer uuid) returns boolean
    language plpgsql stable security definer set search_path = ''
as $$
declare
    at constant timestamptz := gate.instant();
begin
    return exists (
        select from public.users u
        join public.customer_users m on m.user_id = u.id
        join public.customers c on c.customer_id = m.customer_id
        where u.id = member and u.disabled_at is null and m.role = 'ADMIN'
          and c.customer_id = customer and c.portal_access = 2
    ) or exists (
        select from public.users u
        join public.partner_users m on m.user_id = u.id
        join public.accesses a on a.partner_id = m.partner_id
        where u.id = member and u.disabled_at is null
          and (m.role = 'ADMIN'
               or m.role = 'OPERATOR'
                  and exists (select from public.operator_assignments o
                              where o.customer_id = a.customer_id and o.access_id = a.id and o.user_id = u.id))
          and a.customer_id = customer
          and (a.status = 'ACTIVE' or a.status = 'TRIAL' and at < a.trial_ends_at)
          and a.operating_model = 'FULLY_MANAGED'
          and a.privilege_ceiling >= 2
          -- Without an instant every end counts as passed.
          and a.customer_consent - case when a.consent_until is null or at < a.consent_until then 0 else 1 end >= 2
    );
end
$$;

-- Whose posture the link shows: the customer of the one share that it opens, or nobody's.
create function gate.shared_customer() returns uuid
    language plpgsql stable security definer set search_path = ''
as $$
declare
    hash constant bytea := gate.share_hash();
begin
    return (select s.customer_id from public.posture_shares s
            where s.secret_hash = hash and s.revoked_at is null and gate.instant() < s.expires_at
              and gate.operates(s.created_by_id, s.customer_id));
end
$$;

-- What the gateway decides from before anything is read: the share, whether or not it works, and what its maker is now. Facts
-- and no decision, so that the policies below are asked by nobody twice.
create function gate.share_facts() returns table (
    customer_id uuid, label text, expires_at timestamptz, revoked_at timestamptz, portal_access smallint,
    maker uuid, partner_id uuid, partner_role text, own_customer uuid, customer_role text, assigned boolean,
    status text, operating_model text, privilege_ceiling smallint, customer_consent smallint, consent_until timestamptz,
    trial_ends_at timestamptz)
    language plpgsql stable security definer set search_path = ''
as $$
declare
    hash constant bytea := gate.share_hash();
begin
    return query
        select s.customer_id, s.label, s.expires_at, s.revoked_at, c.portal_access,
               u.id, pu.partner_id, pu.role, cu.customer_id, cu.role,
               exists (select from public.operator_assignments o
                       where o.customer_id = a.customer_id and o.access_id = a.id and o.user_id = u.id),
               a.status, a.operating_model, a.privilege_ceiling, a.customer_consent, a.consent_until, a.trial_ends_at
        from public.posture_shares s
        join public.customers c on c.customer_id = s.customer_id
        join public.users u on u.id = s.created_by_id and u.disabled_at is null
        left join public.partner_users pu on pu.user_id = u.id
        left join public.customer_users cu on cu.user_id = u.id
        -- The live access decides, else the newest (DESIGN.md 9).
        left join lateral (
            select * from public.accesses a
            where a.customer_id = s.customer_id and a.partner_id = pu.partner_id
            order by a.status = 'ENDED', a.created_at desc, a.id desc limit 1
        ) a on true
        where s.secret_hash = hash;
end
$$;

create policy decides on posture_shares for select to posture_policy using (true);
create policy decides on operator_assignments for select to posture_policy using (true);
grant select on posture_shares, operator_assignments to posture_policy;

create policy shares on customers for select to posture_share using (customer_id = (select gate.shared_customer()));
create policy shares on posture_rollups for select to posture_share using (customer_id = (select gate.shared_customer()));
create policy shares on posture_due for select to posture_share using (customer_id = (select gate.shared_customer()));
grant select (customer_id, name) on customers to posture_share;
grant select on posture_rollups, posture_due to posture_share;

revoke execute on function gate.share_hash(), gate.operates(uuid, uuid), gate.shared_customer(), gate.share_facts() from public;
grant create on schema gate to posture_policy;
alter function gate.operates(uuid, uuid) owner to posture_policy;
alter function gate.shared_customer() owner to posture_policy;
alter function gate.share_facts() owner to posture_policy;
revoke create on schema gate from posture_policy;
grant execute on function gate.share_hash(), gate.instant() to posture_policy;
grant execute on function gate.shared_customer(), gate.share_facts(), gate.instant() to posture_share;

-- ---------------------------------------------------------------- evidence

alter table evidence
    -- Of which framework the control is; none for a record that named both in one.
    add framework text,
    -- Who `created_by` is, and their partner where they are a partner's people.
    add created_by_id uuid,
    add created_by_partner uuid;

-- What a record is attached to. Keys with the customer first on both sides: nothing of another customer's can be.
create table evidence_findings (
    customer_id uuid not null,
    evidence_id uuid not null,
    finding_id uuid not null,
    constraint evidence_findings_pkey primary key (customer_id, evidence_id, finding_id),
    constraint evidence_findings_evidence_fkey foreign key (customer_id, evidence_id) references evidence,
    constraint evidence_findings_finding_fkey foreign key (customer_id, finding_id) references findings
);
create index evidence_findings_finding_idx on evidence_findings (customer_id, finding_id);

create table evidence_scans (
    customer_id uuid not null,
    evidence_id uuid not null,
    scan_id uuid not null,
    constraint evidence_scans_pkey primary key (customer_id, evidence_id, scan_id),
    constraint evidence_scans_evidence_fkey foreign key (customer_id, evidence_id) references evidence,
    constraint evidence_scans_scan_fkey foreign key (customer_id, scan_id) references scans
);
create index evidence_scans_scan_idx on evidence_scans (customer_id, scan_id);

-- The file of a record, one at most. Rows are added and never changed: what was shown to an auditor stays what it was.
create table evidence_files (
    customer_id uuid not null,
    evidence_id uuid not null,
    -- Its name in the object store, after the customer's and the record's: written before the row, and once.
    object_id uuid not null,
    name text not null constraint evidence_files_name_check check (length(name) between 1 and 200),
    size bigint not null constraint evidence_files_size_check check (size > 0),
    media_type text not null constraint evidence_files_media_type_check check (media_type in
        ('application/pdf', 'image/png', 'image/jpeg', 'text/plain', 'text/csv', 'application/json')),
    -- SHA-256 of the bytes, as they were received.
    sha256 bytea not null constraint evidence_files_sha256_check check (octet_length(sha256) = 32),
    created_at timestamptz not null,
    created_by text not null,
    created_by_id uuid,
    created_by_partner uuid,
    constraint evidence_files_pkey primary key (customer_id, evidence_id),
    constraint evidence_files_evidence_fkey foreign key (customer_id, evidence_id) references evidence
);

do $$
declare
    t text;
begin
    foreach t in array '{evidence_findings,evidence_scans,evidence_files}'::text[] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('grant select on %I to posture_gateway', t);
    end loop;
end
$$;

create policy reads on evidence_findings for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = evidence_findings.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on evidence_scans for select to posture_gateway using (
    exists (select from gate.partner_sees p where p.customer_id = evidence_scans.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
create policy reads on evidence_files for select to posture_gateway, posture_writer using (
    exists (select from gate.partner_sees p where p.customer_id = evidence_files.customer_id and p.posture)
    or customer_id = (select gate.own_posture()));
alter policy reads on evidence to posture_gateway, posture_writer;
grant select (customer_id, id, framework, control) on evidence to posture_writer;
grant select (customer_id, evidence_id) on evidence_files to posture_writer;

-- Whoever operates cites what is there: which ids, and nothing else of them.
create policy cites on findings for select to posture_writer using (
    exists (select from gate.partner_sees p where p.customer_id = findings.customer_id and p.security_config)
    or customer_id = (select gate.own_security()));
create policy cites on scans for select to posture_writer using (
    exists (select from gate.partner_sees p where p.customer_id = scans.customer_id and p.security_config)
    or customer_id = (select gate.own_security()));
grant select (customer_id, id) on findings, scans to posture_writer;

-- *Operate*. Whoever records is the record's author.
create policy records on evidence for insert to posture_writer with check (
    created_by_id = (select gate.enabled_viewer())
    and (created_by_partner = (select coalesce(gate.admin_partner(), gate.operator_partner()))
         and exists (select from gate.partner_sees p where p.customer_id = evidence.customer_id and p.security_config)
         or created_by_partner is null and customer_id = (select gate.own_security())));
create policy records on evidence_findings for insert to posture_writer with check (
    exists (select from gate.partner_sees p where p.customer_id = evidence_findings.customer_id and p.security_config)
    or customer_id = (select gate.own_security()));
create policy records on evidence_scans for insert to posture_writer with check (
    exists (select from gate.partner_sees p where p.customer_id = evidence_scans.customer_id and p.security_config)
    or customer_id = (select gate.own_security()));
create policy records on evidence_files for insert to posture_writer with check (
    created_by_id = (select gate.enabled_viewer())
    and (created_by_partner = (select coalesce(gate.admin_partner(), gate.operator_partner()))
         and exists (select from gate.partner_sees p where p.customer_id = evidence_files.customer_id and p.security_config)
         or created_by_partner is null and customer_id = (select gate.own_security())));
grant insert (customer_id, id, framework, control, title, created_at, created_by, created_by_id, created_by_partner)
    on evidence to posture_writer;
grant insert on evidence_findings, evidence_scans, evidence_files to posture_writer;
