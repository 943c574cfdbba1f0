-- Access transparency: which partner's user was shown which class of a customer's data, when, and by which fields.
--
-- It is written after the answer was made and before it is sent, in a transaction of its own that commits in the same message as the
-- snapshot that was read. Nobody can write it by hand or change it afterwards: the function belongs to posture_audit, names the viewer of
-- the transaction whatever it is told, and a role that can do nothing else calls it. No foreign keys: the record outlives what it tells of.

do $$
begin
    if not exists (select from pg_roles where rolname = 'posture_transparency') then
        create role posture_transparency nologin noinherit nosuperuser nocreatedb nocreaterole nobypassrls;
    end if;
end
$$;
grant posture_transparency to posture_gateway;
grant usage on schema public, gate to posture_transparency;

create table access_records (
    customer_id uuid not null,
    -- The request's instant.
    at timestamptz not null,
    -- A request may bring its own id, so that is not unique.
    id uuid not null,
    partner_id uuid not null,
    user_id uuid not null,
    -- As they were called then.
    user_name text not null,
    request_id uuid not null,
    -- COMMERCIAL and PRICING are the partner's own business.
    class text not null constraint access_records_class_check check (class in ('POSTURE', 'ACTIVITY', 'SECURITY_CONFIG')),
    -- The name of the GraphQL operation, if it has one.
    operation text constraint access_records_operation_check check (length(operation) <= 100),
    -- Schema coordinates of the gated fields that were shown, in their order.
    fields text[] not null constraint access_records_fields_check check (cardinality(fields) between 1 and 100),
    -- The key is the order in which it is listed: one index, for it is written with every read.
    constraint access_records_pkey primary key (customer_id, at, id)
);
alter table access_records enable row level security;
alter table access_records force row level security;
create trigger only_grows before update or delete or truncate on access_records
    for each statement execute function gate.refuse_change();

-- For the customer's own ADMINs alone, like who could see it (0012).
create policy reads on access_records for select to posture_gateway using (customer_id = (select gate.own_activity()));
create policy keeps on access_records to posture_audit using (true) with check (true);
grant select on access_records to posture_gateway;
grant insert on access_records to posture_audit;

-- Records that the transaction's viewer was shown a class of some customers by some fields. The viewer is one of a partner's users, or
-- nothing is recorded and nothing may be answered; whether they may still sign in is no matter, for they were shown it.
create function gate.record_access(request uuid, operation text, class text, fields text[], customers uuid[]) returns void
    language plpgsql security definer set search_path = ''
as $$
declare
    viewer constant uuid := gate.viewer_id();
    instant constant timestamptz := gate.instant();
    partner uuid;
    called text;
    recorded bigint;
    -- One for the whole call: it is unique by customer, and making one for each of many customers costs more than its row.
    own constant uuid := gen_random_uuid();
begin
    select m.partner_id, u.name into partner, called
    from public.partner_users m join public.users u on u.id = m.user_id where m.user_id = viewer;
    insert into public.access_records (customer_id, at, id, partner_id, user_id, user_name, request_id, class, operation, fields)
    select c.id, instant, own, partner, viewer, called, request, class, operation, fields
    from unnest(customers) c (id)
    -- Whom it never had anything to do with it cannot have been shown.
    where exists (select from public.accesses a where a.customer_id = c.id and a.partner_id = partner);
    get diagnostics recorded = row_count;
    if recorded <> cardinality(customers) then
        raise exception 'a read of a customer that is not the viewer''s' using errcode = 'insufficient_privilege';
    end if;
end
$$;
revoke execute on function gate.record_access(uuid, text, text, text[], uuid[]) from public;
grant execute on function gate.record_access(uuid, text, text, text[], uuid[]) to posture_transparency;
grant execute on function gate.viewer_id(), gate.instant() to posture_audit;
grant create on schema gate to posture_audit;
alter function gate.record_access(uuid, text, text, text[], uuid[]) owner to posture_audit;
revoke create on schema gate from posture_audit;
