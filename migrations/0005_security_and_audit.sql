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
    constraint customer_audit_events_pkey primary key (customer_id, id)
);
create index customer_audit_events_order_idx on customer_audit_events (customer_id, at, id);
