-- The links between partners and customers, and what is sold over them.

create table accesses (
    customer_id uuid not null,
    id uuid not null,
    partner_id uuid not null constraint accesses_partner_fkey references partners,
    -- The customer's name once more: a partner's list is read in its order, and an index spans one table only.
    -- The foreign key keeps it equal, also through a renaming.
    customer_name text not null collate "und-x-icu",
    status text not null constraint accesses_status_check check (status in ('TRIAL', 'ACTIVE', 'SUSPENDED', 'ENDED')),
    operating_model text not null default 'CUSTOMER_MANAGED' constraint accesses_operating_model_check
        check (operating_model in ('CUSTOMER_MANAGED', 'CO_MANAGED', 'FULLY_MANAGED')),
    -- 0 NONE, 1 SUPPORT, 2 MANAGE: ordered, since the effective privilege is the lesser of the two.
    privilege_ceiling smallint not null default 1 constraint accesses_privilege_ceiling_check
        check (privilege_ceiling between 0 and 2),
    customer_consent smallint not null default 1 constraint accesses_customer_consent_check
        check (customer_consent between 0 and 2),
    -- From this instant on the consent counts one step lower; nothing is written when it comes.
    consent_until timestamptz,
    trial_started_at timestamptz,
    trial_ends_at timestamptz,
    trial_convert_by timestamptz,
    trial_converted_at timestamptz,
    trial_elected_model text constraint accesses_trial_elected_model_check
        check (trial_elected_model in ('CUSTOMER_MANAGED', 'CO_MANAGED', 'FULLY_MANAGED')),
    version integer not null default 1,
    created_at timestamptz not null,
    ended_at timestamptz,
    constraint accesses_pkey primary key (customer_id, id),
    -- What subscriptions and add-ons refer to, so that the partner in them is the access's own.
    constraint accesses_partner_key unique (customer_id, id, partner_id),
    constraint accesses_customer_fkey foreign key (customer_id, customer_name)
        references customers (customer_id, name) on update cascade,
    constraint accesses_consent_until_check check (consent_until is null or customer_consent > 0),
    constraint accesses_ended_check check ((status = 'ENDED') = (ended_at is not null)),
    constraint accesses_trial_check check (
        (trial_started_at is null) = (trial_ends_at is null)
        and (trial_started_at is null) = (trial_convert_by is null)
        and (status <> 'TRIAL' or trial_started_at is not null)
        and trial_started_at < trial_ends_at
        and trial_ends_at <= trial_convert_by
    )
);
-- At most one live access a pair (DESIGN.md 2).
create unique index accesses_live_key on accesses (customer_id, partner_id) where status <> 'ENDED';
-- The partner's list, in its default order.
create index accesses_partner_name_idx on accesses (partner_id, customer_name, id);
create index accesses_partner_created_idx on accesses (partner_id, created_at, id);

-- The operator's whitelist.
create table operator_assignments (
    customer_id uuid not null,
    access_id uuid not null,
    user_id uuid not null constraint operator_assignments_user_fkey references partner_users (user_id),
    constraint operator_assignments_pkey primary key (customer_id, access_id, user_id),
    constraint operator_assignments_access_fkey foreign key (customer_id, access_id) references accesses
);
create index operator_assignments_user_idx on operator_assignments (user_id);

-- One subscription an access, so the access is its key.
create table subscriptions (
    customer_id uuid not null,
    access_id uuid not null,
    partner_id uuid not null,
    plan text not null,
    billing_cycle text not null constraint subscriptions_billing_cycle_check check (billing_cycle in ('MONTHLY', 'ANNUAL')),
    status text not null constraint subscriptions_status_check
        check (status in ('TRIALING', 'ACTIVE', 'PAST_DUE', 'SUSPENDED', 'CANCELED')),
    started_at timestamptz not null,
    renewal_date date,
    license_model text not null constraint subscriptions_license_model_check
        check (license_model in ('PER_ASSET', 'PER_SCAN', 'UNLIMITED')),
    -- How many assets or scans are licensed; none where the licence is unlimited.
    quantity integer,
    -- What the end customer pays a billing cycle, without add-ons.
    price numeric(14, 2) not null constraint subscriptions_price_check check (price >= 0),
    -- The partner's own: it is billed in one currency.
    currency text not null,
    constraint subscriptions_pkey primary key (customer_id, access_id),
    constraint subscriptions_access_fkey foreign key (customer_id, access_id, partner_id)
        references accesses (customer_id, id, partner_id),
    constraint subscriptions_currency_fkey foreign key (partner_id, currency) references partners (id, currency),
    -- What is cancelled does not renew.
    constraint subscriptions_renewal_check check (status <> 'CANCELED' or renewal_date is null),
    constraint subscriptions_quantity_check check ((license_model = 'UNLIMITED') = (quantity is null) and quantity > 0)
);
create index subscriptions_partner_idx on subscriptions (partner_id);

create table subscription_add_ons (
    customer_id uuid not null,
    access_id uuid not null,
    code text not null,
    partner_id uuid not null,
    name text not null,
    -- A billing cycle, as the subscription's own price.
    price numeric(14, 2) not null constraint subscription_add_ons_price_check check (price >= 0),
    -- From when until when: a month is billed for what was there at its end, whatever comes later.
    added_at timestamptz not null,
    removed_at timestamptz,
    constraint subscription_add_ons_pkey primary key (customer_id, access_id, code, added_at),
    constraint subscription_add_ons_removed_check check (removed_at >= added_at),
    constraint subscription_add_ons_subscription_fkey foreign key (customer_id, access_id) references subscriptions,
    constraint subscription_add_ons_access_fkey foreign key (customer_id, access_id, partner_id)
        references accesses (customer_id, id, partner_id)
);
create unique index subscription_add_ons_present_key on subscription_add_ons (customer_id, access_id, code)
    where removed_at is null;
create index subscription_add_ons_partner_idx on subscription_add_ons (partner_id);

-- The partner's cost of a licence a month. Rows are added, never changed: a past month keeps its cost.
create table pricing (
    license_model text not null constraint pricing_license_model_check
        check (license_model in ('PER_ASSET', 'PER_SCAN', 'UNLIMITED')),
    currency text not null constraint pricing_currency_check check (currency ~ '^[A-Z]{3}$'),
    valid_from timestamptz not null,
    unit_cost numeric(14, 2) not null constraint pricing_unit_cost_check check (unit_cost >= 0),
    prepaid_unit_cost numeric(14, 2) not null constraint pricing_prepaid_unit_cost_check check (prepaid_unit_cost >= 0),
    constraint pricing_pkey primary key (license_model, currency, valid_from)
);
