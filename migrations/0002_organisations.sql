-- Partners, customers, and everyone who signs in.

create table partners (
    id uuid constraint partners_pkey primary key,
    -- The tree of distributors and resellers. Nothing about customers is inherited along it.
    parent_id uuid constraint partners_parent_fkey references partners,
    name text not null,
    -- One currency a partner: everything it is billed is in it.
    currency text not null constraint partners_currency_check check (currency ~ '^[A-Z]{3}$'),
    created_at timestamptz not null,
    -- 0 NONE, 1 SUPPORT, 2 MANAGE: what the contract with it allows at most over any access, and with that the bound of every
    -- ceiling; none where the contract names no bound. Not inherited from the parent.
    privilege_bound smallint constraint partners_privilege_bound_check check (privilege_bound between 0 and 2),
    -- What subscriptions.currency refers to.
    constraint partners_currency_key unique (id, currency)
);
create index partners_parent_idx on partners (parent_id);

create table customers (
    customer_id uuid constraint customers_pkey primary key,
    name text not null collate "und-x-icu",
    -- 0 DISABLED, 1 READ_ONLY, 2 FULL: ordered, since the gate compares.
    portal_access smallint not null default 0 constraint customers_portal_access_check check (portal_access between 0 and 2),
    -- The partner that created it manages it, also before the first access.
    created_by uuid not null constraint customers_created_by_fkey references partners,
    created_at timestamptz not null,
    -- What accesses.customer_name refers to.
    constraint customers_name_key unique (customer_id, name)
);
create index customers_created_by_idx on customers (created_by);

-- Not a tenant table: a person signs in before anyone knows of which organisation.
create table users (
    id uuid constraint users_pkey primary key,
    kind text not null constraint users_kind_check
        check (kind in ('PARTNER_USER', 'CUSTOMER_USER', 'PLATFORM_ADMIN', 'SCANNER')),
    name text not null,
    email text constraint users_email_key unique,
    -- Set: the user is disabled, from the next request on.
    disabled_at timestamptz,
    created_at timestamptz not null,
    constraint users_id_kind_key unique (id, kind)
);

create table partner_users (
    partner_id uuid not null constraint partner_users_partner_fkey references partners,
    user_id uuid not null constraint partner_users_user_key unique,
    -- With the foreign key below: only a PARTNER_USER can be one.
    kind text not null default 'PARTNER_USER' constraint partner_users_kind_check check (kind = 'PARTNER_USER'),
    role text not null constraint partner_users_role_check check (role in ('ADMIN', 'OPERATOR')),
    constraint partner_users_pkey primary key (partner_id, user_id),
    constraint partner_users_user_fkey foreign key (user_id, kind) references users (id, kind)
);

create table customer_users (
    customer_id uuid not null constraint customer_users_customer_fkey references customers,
    user_id uuid not null,
    kind text not null default 'CUSTOMER_USER' constraint customer_users_kind_check check (kind = 'CUSTOMER_USER'),
    role text not null constraint customer_users_role_check check (role in ('ADMIN', 'READ_ONLY')),
    constraint customer_users_pkey primary key (customer_id, user_id),
    constraint customer_users_user_fkey foreign key (user_id, kind) references users (id, kind)
);
-- A user belongs to one customer. Not a constraint with customer_id first, since that would not say it.
create unique index customer_users_user_key on customer_users (user_id);

-- The customers whose results a scanner may write.
create table scanner_customers (
    customer_id uuid not null constraint scanner_customers_customer_fkey references customers,
    user_id uuid not null,
    kind text not null default 'SCANNER' constraint scanner_customers_kind_check check (kind = 'SCANNER'),
    constraint scanner_customers_pkey primary key (customer_id, user_id),
    constraint scanner_customers_user_fkey foreign key (user_id, kind) references users (id, kind)
);
create index scanner_customers_user_idx on scanner_customers (user_id);
