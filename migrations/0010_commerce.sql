-- What partners sell: the catalogue, quotes, prepaid licences and usage alerts, and what a mutation may write of all that is
-- commercial.

-- ---------------------------------------------------------------- tables

-- What can be sold, kept by the platform. A subscription takes its price along: a later one here changes no statement.
create table plans (
    name text not null,
    license_model text not null constraint plans_license_model_check
        check (license_model in ('PER_ASSET', 'PER_SCAN', 'UNLIMITED')),
    currency text not null constraint plans_currency_check check (currency ~ '^[A-Z]{3}$'),
    -- What the end customer pays a billing cycle.
    monthly_price numeric(14, 2) not null constraint plans_monthly_price_check check (monthly_price >= 0),
    annual_price numeric(14, 2) not null constraint plans_annual_price_check check (annual_price >= 0),
    constraint plans_pkey primary key (name, license_model, currency)
);

create table plan_add_ons (
    code text not null,
    currency text not null constraint plan_add_ons_currency_check check (currency ~ '^[A-Z]{3}$'),
    name text not null,
    monthly_price numeric(14, 2) not null constraint plan_add_ons_monthly_price_check check (monthly_price >= 0),
    annual_price numeric(14, 2) not null constraint plan_add_ons_annual_price_check check (annual_price >= 0),
    constraint plan_add_ons_pkey primary key (code, currency)
);

-- An offer of a partner to a customer, with the prices of its day. The customer sees it once it is accepted, as an access.
create table quotes (
    customer_id uuid not null constraint quotes_customer_fkey references customers,
    id uuid not null,
    partner_id uuid not null,
    plan text not null,
    license_model text not null constraint quotes_license_model_check
        check (license_model in ('PER_ASSET', 'PER_SCAN', 'UNLIMITED')),
    quantity integer,
    billing_cycle text not null constraint quotes_billing_cycle_check check (billing_cycle in ('MONTHLY', 'ANNUAL')),
    operating_model text not null constraint quotes_operating_model_check
        check (operating_model in ('CUSTOMER_MANAGED', 'CO_MANAGED', 'FULLY_MANAGED')),
    trial_days integer constraint quotes_trial_days_check check (trial_days between 1 and 90),
    price numeric(14, 2) not null constraint quotes_price_check check (price >= 0),
    currency text not null,
    -- An array of {code, name, price}, prices as text: written once with the quote and read once, all of it, when it is accepted.
    add_ons jsonb not null,
    created_at timestamptz not null,
    accepted_at timestamptz,
    -- What became of it.
    access_id uuid,
    constraint quotes_pkey primary key (customer_id, id),
    constraint quotes_currency_fkey foreign key (partner_id, currency) references partners (id, currency),
    constraint quotes_access_fkey foreign key (customer_id, access_id) references accesses,
    constraint quotes_accepted_check check ((accepted_at is null) = (access_id is null)),
    constraint quotes_quantity_check check ((license_model = 'UNLIMITED') = (quantity is null) and quantity > 0)
);
create index quotes_partner_idx on quotes (partner_id, created_at, id);

-- Licences that a partner paid in advance. Rows are added, never changed.
create table prepaid_purchases (
    partner_id uuid not null,
    id uuid not null,
    license_model text not null constraint prepaid_purchases_license_model_check
        check (license_model in ('PER_ASSET', 'PER_SCAN', 'UNLIMITED')),
    quantity integer not null constraint prepaid_purchases_quantity_check check (quantity > 0),
    -- What each cost a month, by the price list of that day.
    unit_cost numeric(14, 2) not null constraint prepaid_purchases_unit_cost_check check (unit_cost >= 0),
    currency text not null,
    bought_at timestamptz not null,
    constraint prepaid_purchases_pkey primary key (partner_id, id),
    constraint prepaid_purchases_currency_fkey foreign key (partner_id, currency) references partners (id, currency)
);

-- Which accesses a prepaid licence covers, from when until when: apart from the subscription, which the customer sees.
create table prepaid_assignments (
    customer_id uuid not null,
    access_id uuid not null,
    partner_id uuid not null,
    license_model text not null constraint prepaid_assignments_license_model_check
        check (license_model in ('PER_ASSET', 'PER_SCAN', 'UNLIMITED')),
    assigned_at timestamptz not null,
    unassigned_at timestamptz,
    constraint prepaid_assignments_pkey primary key (customer_id, access_id, assigned_at),
    constraint prepaid_assignments_access_fkey foreign key (customer_id, access_id, partner_id)
        references accesses (customer_id, id, partner_id),
    constraint prepaid_assignments_unassigned_check check (unassigned_at >= assigned_at)
);
create unique index prepaid_assignments_present_key on prepaid_assignments (customer_id, access_id) where unassigned_at is null;
create index prepaid_assignments_partner_idx on prepaid_assignments (partner_id, license_model) where unassigned_at is null;

-- Once a period and access: the first time that metering reached the licence's threshold.
create table usage_alerts (
    customer_id uuid not null,
    access_id uuid not null,
    -- The first day of a month, UTC.
    period_start date not null,
    partner_id uuid not null,
    raised_at timestamptz not null,
    acknowledged_at timestamptz,
    -- Who that was, as they were called then.
    acknowledged_by text,
    constraint usage_alerts_pkey primary key (customer_id, access_id, period_start),
    constraint usage_alerts_access_fkey foreign key (customer_id, access_id, partner_id)
        references accesses (customer_id, id, partner_id),
    constraint usage_alerts_acknowledged_check check ((acknowledged_at is null) = (acknowledged_by is null))
);

do $$
declare
    t regclass;
begin
    foreach t in array '{plans,plan_add_ons,quotes,prepaid_purchases,prepaid_assignments,usage_alerts}'::regclass[]
    loop
        execute format('alter table %s enable row level security', t);
        execute format('alter table %s force row level security', t);
    end loop;
end
$$;

-- ---------------------------------------------------------------- alerts

-- Raises what these customers' metering has come to, in the transaction of the count. What is written past the gateway, as
-- whole worlds are, has no instant and raises nothing.
create function gate.apply_usage_alerts(customers uuid[]) returns void
    language plpgsql security definer set search_path = ''
as $$
declare
    at constant timestamptz := gate.instant();
    period constant date := date_trunc('month', at at time zone 'UTC')::date;
begin
    if at is null then
        return;
    end if;
    insert into public.usage_alerts (customer_id, access_id, period_start, partner_id, raised_at)
    select s.customer_id, s.access_id, period, s.partner_id, at
    from public.subscriptions s
    join public.accesses a on a.customer_id = s.customer_id and a.id = s.access_id
    where s.customer_id = any (customers)
      and a.status <> 'ENDED'
      and case s.license_model
              when 'PER_ASSET' then
                  100 * (select u.used::bigint from public.usage_assets u where u.customer_id = s.customer_id)
                  >= 90 * s.quantity::bigint
              when 'PER_SCAN' then
                  100 * (select u.used::bigint from public.usage_scans u
                         where u.customer_id = s.customer_id and u.period_start = period)
                  >= 80 * s.quantity::bigint
          end
    order by s.customer_id, s.access_id
    on conflict on constraint usage_alerts_pkey do nothing;
end
$$;

-- After the count: triggers of one event run in the order of their names. Scans, too, since with the first one of a month a
-- customer that has long had too many assets is told again.
create function gate.metered() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    perform gate.apply_usage_alerts(array(select distinct n.customer_id from new_rows n order by n.customer_id));
    return null;
end
$$;

create function gate.subscription_metered() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    perform gate.apply_usage_alerts(array[new.customer_id]);
    return null;
end
$$;

create trigger assets_metered after insert on assets referencing new table as new_rows
    for each statement execute function gate.metered();
create trigger scans_metered after insert on scans referencing new table as new_rows
    for each statement execute function gate.metered();
create trigger subscription_inserted after insert on subscriptions
    for each row execute function gate.subscription_metered();
create trigger subscription_updated after update on subscriptions
    for each row when (new.quantity is distinct from old.quantity) execute function gate.subscription_metered();

create policy counts on usage_alerts to posture_rollup using (true) with check (true);
create policy counts on subscriptions for select to posture_rollup using (true);
create policy counts on accesses for select to posture_rollup using (true);
grant select on subscriptions, accesses to posture_rollup;
grant select, insert on usage_alerts to posture_rollup;
grant execute on function gate.instant() to posture_rollup;

-- ---------------------------------------------------------------- to whom a partner may sell

-- Those it created, and those that it has or had an access to. A function, since the policy of accesses cannot ask customers,
-- whose policy asks accesses.
create function gate.may_sell_to(customer uuid) returns boolean
    language plpgsql stable security definer set search_path = ''
as $$
declare
    own uuid := gate.admin_partner();
begin
    return exists (select from public.customers c where c.customer_id = customer and c.created_by = own)
        or exists (select from public.accesses a where a.customer_id = customer and a.partner_id = own);
end
$$;

-- The first user of a customer comes with it; everyone after that is invited.
create function gate.may_found(customer uuid) returns boolean
    language plpgsql stable security definer set search_path = ''
as $$
declare
    own uuid := gate.admin_partner();
begin
    return exists (select from public.customers c where c.customer_id = customer and c.created_by = own)
        and not exists (select from public.customer_users u where u.customer_id = customer);
end
$$;

grant create on schema gate to posture_policy, posture_rollup;
alter function gate.may_sell_to(uuid) owner to posture_policy;
alter function gate.may_found(uuid) owner to posture_policy;
alter function gate.apply_usage_alerts(uuid[]) owner to posture_rollup;
alter function gate.metered() owner to posture_rollup;
alter function gate.subscription_metered() owner to posture_rollup;
revoke create on schema gate from posture_policy, posture_rollup;
revoke execute on function gate.may_sell_to(uuid), gate.may_found(uuid), gate.apply_usage_alerts(uuid[]), gate.metered(),
    gate.subscription_metered() from public;
grant execute on function gate.may_sell_to(uuid), gate.may_found(uuid) to posture_writer;

-- ---------------------------------------------------------------- reading

-- The catalogue is for who sells and for who keeps it.
create policy reads on plans for select to posture_gateway, posture_writer using (
    (select gate.admin_partner()) is not null
    or (select gate.operator_partner()) is not null
    or (select gate.is_platform_admin()));
create policy reads on plan_add_ons for select to posture_gateway, posture_writer using (
    (select gate.admin_partner()) is not null
    or (select gate.operator_partner()) is not null
    or (select gate.is_platform_admin()));
-- The quoting partner's ADMINs alone: what was offered and not taken is nobody else's business.
create policy reads on quotes for select to posture_gateway, posture_writer using (
    partner_id = (select gate.admin_partner()));
-- PRICING.
create policy reads on prepaid_purchases for select to posture_gateway, posture_writer using (
    partner_id = (select gate.admin_partner())
    or (select gate.is_platform_admin()));
create policy reads on prepaid_assignments for select to posture_gateway, posture_writer using (
    partner_id = (select gate.admin_partner())
    or (select gate.is_platform_admin()));
-- COMMERCIAL.
create policy reads on usage_alerts for select to posture_gateway, posture_writer using (
    partner_id = (select gate.admin_partner())
    or partner_id = (select gate.operator_partner())
       and exists (select from operator_assignments o
                   where o.customer_id = usage_alerts.customer_id and o.access_id = usage_alerts.access_id)
    or customer_id = (select gate.own_commercial())
    or (select gate.is_platform_admin()));

grant select on plans, plan_add_ons, quotes, prepaid_purchases, prepaid_assignments, usage_alerts
    to posture_gateway, posture_writer;

alter policy reads on subscriptions to posture_gateway, posture_writer;
alter policy reads on subscription_add_ons to posture_gateway, posture_writer;
alter policy reads on pricing to posture_gateway, posture_writer;
grant select on subscriptions, subscription_add_ons, pricing to posture_writer;

-- ---------------------------------------------------------------- writing: a partner's ADMIN

create policy sells on customers for insert to posture_writer
    with check (created_by = (select gate.admin_partner()) and portal_access = 0);
grant insert (customer_id, name, portal_access, created_by, created_at) on customers to posture_writer;

create policy founds on users for insert to posture_writer
    with check (kind = 'CUSTOMER_USER' and (select gate.admin_partner()) is not null);
grant insert (id, kind, name, email, created_at) on users to posture_writer;
create policy founds on customer_users for insert to posture_writer
    with check (role = 'ADMIN' and gate.may_found(customer_id));
grant insert (customer_id, user_id, role) on customer_users to posture_writer;

create policy sells on quotes for insert to posture_writer
    with check (partner_id = (select gate.admin_partner()) and gate.may_sell_to(customer_id) and accepted_at is null);
create policy accepts on quotes for update to posture_writer
    using (partner_id = (select gate.admin_partner()))
    with check (partner_id = (select gate.admin_partner()) and accepted_at is not null);
grant insert on quotes to posture_writer;
grant update (accepted_at, access_id) on quotes to posture_writer;

-- An access begins with SUPPORT on both sides, or less where the partner's contract or the customer's last word allows less, and a trial with the customer's
-- own model (DESIGN.md 6).
create policy sells on accesses for insert to posture_writer
    with check (
        partner_id = (select gate.admin_partner())
        and gate.may_sell_to(customer_id)
        and privilege_ceiling <= 1 and customer_consent <= 1 and version = 1
        and (status = 'ACTIVE' and trial_started_at is null
             or status = 'TRIAL' and operating_model = 'CUSTOMER_MANAGED' and trial_converted_at is null
                and trial_elected_model is null));
grant insert on accesses to posture_writer;

create policy sells on subscriptions for insert to posture_writer with check (partner_id = (select gate.admin_partner()));
create policy changes on subscriptions for update to posture_writer
    using (partner_id = (select gate.admin_partner())) with check (partner_id = (select gate.admin_partner()));
grant insert on subscriptions to posture_writer;
grant update (status, started_at, renewal_date, quantity) on subscriptions to posture_writer;

create policy sells on subscription_add_ons for insert to posture_writer
    with check (partner_id = (select gate.admin_partner()));
create policy changes on subscription_add_ons for update to posture_writer
    using (partner_id = (select gate.admin_partner())) with check (partner_id = (select gate.admin_partner()));
grant insert on subscription_add_ons to posture_writer;
grant update (name, price, removed_at) on subscription_add_ons to posture_writer;

create policy buys on prepaid_purchases for insert to posture_writer
    with check (partner_id = (select gate.admin_partner()));
grant insert on prepaid_purchases to posture_writer;
create policy assigns on prepaid_assignments for insert to posture_writer
    with check (partner_id = (select gate.admin_partner()));
create policy unassigns on prepaid_assignments for update to posture_writer
    using (partner_id = (select gate.admin_partner())) with check (partner_id = (select gate.admin_partner()));
grant insert on prepaid_assignments to posture_writer;
grant update (unassigned_at) on prepaid_assignments to posture_writer;

create policy acknowledges on usage_alerts for update to posture_writer
    using (partner_id = (select gate.admin_partner())) with check (partner_id = (select gate.admin_partner()));
grant update (acknowledged_at, acknowledged_by) on usage_alerts to posture_writer;

-- ---------------------------------------------------------------- writing: a platform admin

create policy prices on pricing for insert to posture_writer with check ((select gate.is_platform_admin()));
grant insert on pricing to posture_writer;
-- What licences cost a partner from now on stands in that partner's log.
create policy prices on partner_audit_events for insert to posture_writer
    with check ((select gate.is_platform_admin()) and action = 'pricing.changed' and customer_id is null);
