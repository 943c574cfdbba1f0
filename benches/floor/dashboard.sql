with own as (
    select p.id, p.name, p.currency
    from users u join partner_users m on m.user_id = u.id join partners p on p.id = m.partner_id
    where u.id = $1 and u.disabled_at is null and $2::uuid is not null
), a as materialized (
    select a.customer_id, a.status, a.operating_model,
           a.operating_model <> 'CUSTOMER_MANAGED' and a.privilege_ceiling >= 1
           and a.customer_consent - coalesce((gate.instant() >= a.consent_until)::integer, 0) >= 1
           and (a.status = 'ACTIVE' or a.status = 'TRIAL' and gate.instant() < a.trial_ends_at) as visible,
           a.status = 'TRIAL' and a.trial_ends_at > gate.instant()
           and (a.trial_ends_at at time zone 'UTC')::date between gate.instant()::date and gate.instant()::date + 30 as ends_soon,
           s.renewal_date between gate.instant()::date and gate.instant()::date + 30 as renews_soon,
           case when s.status in ('ACTIVE', 'PAST_DUE') then
               round(s.price / case s.billing_cycle when 'ANNUAL' then 12 else 1 end, 2)
               + coalesce((select sum(round(o.price / case s.billing_cycle when 'ANNUAL' then 12 else 1 end, 2))
                           from subscription_add_ons o
                           where o.customer_id = s.customer_id and o.access_id = s.access_id and o.removed_at is null), 0) end as revenue,
           case s.license_model
               when 'PER_ASSET' then 100 * (select u.used from usage_assets u where u.customer_id = s.customer_id) >= 90 * s.quantity
               when 'PER_SCAN' then 100 * (select u.used from usage_scans u where u.customer_id = s.customer_id
                                           and u.period_start = date_trunc('month', gate.instant())::date) >= 80 * s.quantity
           end as alerting
    from own join accesses a on a.partner_id = own.id
    left join subscriptions s on s.customer_id = a.customer_id and s.access_id = a.id
), r as (
    select r.*, (select coalesce(sum(d.open_findings), 0) from posture_due d
                 where d.customer_id = r.customer_id and d.due_at <= gate.instant()) as breaches,
           40::bigint * r.open_critical + 16 * r.open_high + 4 * r.open_medium + r.open_low as q
    from posture_rollups r where r.customer_id in (select a.customer_id from a where a.visible)
)
select json_build_object('data', json_build_object('viewer', json_build_object('partner', json_build_object(
    'name', own.name,
    'dashboard', json_build_object(
        'commercial', (select json_build_object(
            'accesses', count(*),
            'byOperatingModel', json_build_array(
                json_build_object('operatingModel', 'CUSTOMER_MANAGED', 'count', count(*) filter (where a.operating_model = 'CUSTOMER_MANAGED')),
                json_build_object('operatingModel', 'CO_MANAGED', 'count', count(*) filter (where a.operating_model = 'CO_MANAGED')),
                json_build_object('operatingModel', 'FULLY_MANAGED', 'count', count(*) filter (where a.operating_model = 'FULLY_MANAGED'))),
            'byStatus', json_build_array(
                json_build_object('status', 'TRIAL', 'count', count(*) filter (where a.status = 'TRIAL')),
                json_build_object('status', 'ACTIVE', 'count', count(*) filter (where a.status = 'ACTIVE')),
                json_build_object('status', 'SUSPENDED', 'count', count(*) filter (where a.status = 'SUSPENDED')),
                json_build_object('status', 'ENDED', 'count', count(*) filter (where a.status = 'ENDED'))),
            'monthlyRecurringRevenue', json_build_object('amount', coalesce(sum(a.revenue), 0.00)::numeric(14, 2)::text, 'currency', own.currency),
            'trialsEndingWithin30Days', count(*) filter (where a.ends_soon),
            'renewalsWithin30Days', count(*) filter (where a.renews_soon),
            'usageAlerts', count(*) filter (where a.alerting)) from a),
        'posture', (select json_build_object(
            'accessesIncluded', (select count(*) from a where a.visible),
            'accessesExcluded', (select count(*) from a where not a.visible),
            'openFindings', json_build_object(
                'critical', coalesce(sum(r.open_critical), 0), 'high', coalesce(sum(r.open_high), 0),
                'medium', coalesce(sum(r.open_medium), 0), 'low', coalesce(sum(r.open_low), 0),
                'info', coalesce(sum(r.open_info), 0),
                'total', coalesce(sum(r.open_critical + r.open_high + r.open_medium + r.open_low + r.open_info), 0)),
            'slaBreaches', coalesce(sum(r.breaches), 0),
            'assets', coalesce(sum(r.assets), 0),
            'meanRiskScore', (sum((2001 * r.q + 400) / (2 * (r.q + 400))) filter (where r.last_scan_at is not null))::double precision
                             / 10 / nullif(count(*) filter (where r.last_scan_at is not null), 0)) from r))
))))::text
from own
