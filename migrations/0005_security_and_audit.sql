-- The customer's security configuration, and the audit logs of both sides.

create table security_settings (
    customer_id uuid constraint security_settings_pkey primary key constraint security_settings_customer_fkey references customers,
    saml_enabled boolean not null default false,
    saml_issuer text
);

create table api_keys (
    customer_id uuid not null constraint api_keys_customer_fkey references customers,
    id uuid not null,
    label text not null,
    -- The key itself is nowhere, only what tells two of them apart.
    last_four text not null constraint api_keys_last_four_check check (length(last_four) = 4),
    created_at timestamptz not null,
    revoked_at timestamptz,
    constraint api_keys_pkey primary key (customer_id, id)
);

create table partner_audit_events (
    partner_id uuid not null constraint partner_audit_events_partner_fkey references partners,
    id uuid not null,
    at timestamptz not null,
    actor text not null,
    action text not null,
    customer_id uuid,
    access_id uuid,
    reason text,
    old_value text,
    new_value text,
    -- Who `actor` is, and in which request it was; none for what was done past the gateway.
    actor_id uuid,
    request_id uuid,
    -- The event's place in its log and its link to the one before; written by the trigger below alone.
    seq bigint not null,
    previous_hash bytea not null,
    hash bytea not null,
    constraint partner_audit_events_seq_key unique (partner_id, seq),
    constraint partner_audit_events_pkey primary key (partner_id, id),
    constraint partner_audit_events_access_fkey foreign key (customer_id, access_id) references accesses
);
create index partner_audit_events_order_idx on partner_audit_events (partner_id, at, id);

create table customer_audit_events (
    customer_id uuid not null constraint customer_audit_events_customer_fkey references customers,
    id uuid not null,
    at timestamptz not null,
    actor text not null,
    action text not null,
    reason text,
    old_value text,
    new_value text,
    actor_id uuid,
    request_id uuid,
    -- The partner whose access it is about or whose people did it: other partners of the customer are not told. None where it is
    -- the customer's alone.
    partner_id uuid constraint customer_audit_events_partner_fkey references partners,
    seq bigint not null,
    previous_hash bytea not null,
    hash bytea not null,
    constraint customer_audit_events_seq_key unique (customer_id, seq),
    constraint customer_audit_events_pkey primary key (customer_id, id)
);
create index customer_audit_events_order_idx on customer_audit_events (customer_id, at, id);

-- The last event of each log: what the next one is chained to. Locked by whoever writes the next one, so that a log has one
-- order; a partner's log is written before a customer's, so that two writers wait for each other and never in a circle.
create table partner_audit_heads (
    partner_id uuid constraint partner_audit_heads_pkey primary key
        constraint partner_audit_heads_partner_fkey references partners,
    seq bigint not null,
    at timestamptz not null,
    hash bytea not null
);
create table customer_audit_heads (
    customer_id uuid constraint customer_audit_heads_pkey primary key
        constraint customer_audit_heads_customer_fkey references customers,
    seq bigint not null,
    at timestamptz not null,
    hash bytea not null
);

-- One field of what is hashed: its length in bytes, a colon and itself; a minus sign where there is none. No two events read
-- the same. `store::audit::chain` does the same for `audit verify`.
create function gate.audit_field(value text) returns text
    language sql immutable
    return coalesce(octet_length(convert_to(value, 'UTF8')) || ':' || value, '-');

-- Gives an event its place, an instant not before its predecessor's, and its link: the hash of the one before and of all
-- that the event says.
create function gate.chain_partner_audit_event() returns trigger
    language plpgsql security definer set search_path = ''
as $$
declare
    head public.partner_audit_heads;
begin
    select * into head from public.partner_audit_heads h where h.partner_id = new.partner_id for update;
    if not found then
        insert into public.partner_audit_heads values (new.partner_id, 0, '-infinity', '')
            on conflict on constraint partner_audit_heads_pkey do nothing;
        select * into strict head from public.partner_audit_heads h where h.partner_id = new.partner_id for update;
    end if;
    new.seq := head.seq + 1;
    new.at := greatest(new.at, head.at);
    new.previous_hash := head.hash;
    new.hash := sha256(head.hash || convert_to(
        gate.audit_field(new.partner_id::text) || gate.audit_field(new.seq::text) || gate.audit_field(new.id::text)
        || gate.audit_field((extract(epoch from new.at) * 1000000)::bigint::text)
        || gate.audit_field(new.actor_id::text) || gate.audit_field(new.actor) || gate.audit_field(new.action)
        || gate.audit_field(new.customer_id::text) || gate.audit_field(new.access_id::text)
        || gate.audit_field(new.reason) || gate.audit_field(new.old_value) || gate.audit_field(new.new_value)
        || gate.audit_field(new.request_id::text), 'UTF8'));
    update public.partner_audit_heads h set seq = new.seq, at = new.at, hash = new.hash
        where h.partner_id = new.partner_id;
    return new;
end
$$;

create function gate.chain_customer_audit_event() returns trigger
    language plpgsql security definer set search_path = ''
as $$
declare
    head public.customer_audit_heads;
begin
    select * into head from public.customer_audit_heads h where h.customer_id = new.customer_id for update;
    if not found then
        insert into public.customer_audit_heads values (new.customer_id, 0, '-infinity', '')
            on conflict on constraint customer_audit_heads_pkey do nothing;
        select * into strict head from public.customer_audit_heads h where h.customer_id = new.customer_id for update;
    end if;
    new.seq := head.seq + 1;
    new.at := greatest(new.at, head.at);
    new.previous_hash := head.hash;
    new.hash := sha256(head.hash || convert_to(
        gate.audit_field(new.customer_id::text) || gate.audit_field(new.seq::text) || gate.audit_field(new.id::text)
        || gate.audit_field((extract(epoch from new.at) * 1000000)::bigint::text)
        || gate.audit_field(new.actor_id::text) || gate.audit_field(new.actor) || gate.audit_field(new.action)
        || gate.audit_field(new.reason) || gate.audit_field(new.old_value) || gate.audit_field(new.new_value)
        || gate.audit_field(new.request_id::text) || gate.audit_field(new.partner_id::text), 'UTF8'));
    update public.customer_audit_heads h set seq = new.seq, at = new.at, hash = new.hash
        where h.customer_id = new.customer_id;
    return new;
end
$$;

create trigger chain before insert on partner_audit_events
    for each row execute function gate.chain_partner_audit_event();
create trigger chain before insert on customer_audit_events
    for each row execute function gate.chain_customer_audit_event();

-- No role has the right to change an event; this is against the owner's mistakes.
create function gate.refuse_change() returns trigger
    language plpgsql
as $$
begin
    raise exception 'audit logs only ever grow' using errcode = 'restrict_violation', table = tg_table_name;
end
$$;
create trigger only_grows before update or delete or truncate on partner_audit_events
    for each statement execute function gate.refuse_change();
create trigger only_grows before update or delete or truncate on customer_audit_events
    for each statement execute function gate.refuse_change();
