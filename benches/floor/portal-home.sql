select json_build_object('data', json_build_object('customer', json_build_object(
    'name', c.name,
    'portalAccess', ('{DISABLED,READ_ONLY,FULL}'::text[])[c.portal_access + 1],
    'lastScanAt', r.last_scan_at,
    'posture', json_build_object(
        'openFindings', json_build_object(
            'critical', r.open_critical, 'high', r.open_high, 'medium', r.open_medium, 'low', r.open_low, 'info', r.open_info,
            'total', r.open_critical + r.open_high + r.open_medium + r.open_low + r.open_info),
        'slaBreaches', (select coalesce(sum(d.open_findings), 0) from posture_due d
                        where d.customer_id = c.customer_id and d.due_at <= gate.instant()),
        'assets', r.assets,
        'riskScore', ((2001 * r.q + 400) / (2 * (r.q + 400)))::double precision / 10,
        'lastScanAt', r.last_scan_at),
    'findings', json_build_object(
        'totalCount', (select count(*) from findings f where f.customer_id = c.customer_id),
        'nodes', coalesce((select json_agg(json_build_object(
            'title', f.title,
            'severity', ('{INFO,LOW,MEDIUM,HIGH,CRITICAL}'::text[])[f.severity + 1],
            'status', f.status,
            'slaBreached', f.status in ('OPEN', 'TRIAGED', 'IN_PROGRESS') and coalesce(f.sla_due_at <= gate.instant(), false)))
            from (select * from findings f where f.customer_id = c.customer_id
                  order by f.severity desc, f.id desc limit 5) f), '[]')),
    'accesses', json_build_object('nodes', coalesce((select json_agg(json_build_object(
        'id', rtrim(translate(replace(encode('\x04'::bytea || uuid_send(a.customer_id) || uuid_send(a.id), 'base64'), E'\n', ''), '+/', '-_'), '='),
        'status', a.status,
        'operatingModel', a.operating_model,
        'privilegeCeiling', ('{NONE,SUPPORT,MANAGE}'::text[])[a.privilege_ceiling + 1],
        'customerConsent', ('{NONE,SUPPORT,MANAGE}'::text[])[a.consent + 1],
        'consentUntil', case when a.consent_until > gate.instant() then a.consent_until end,
        'postureVisible', a.consent >= 1 and a.privilege_ceiling >= 1 and a.operating_model <> 'CUSTOMER_MANAGED'
                          and (a.status = 'ACTIVE' or a.status = 'TRIAL' and gate.instant() < a.trial_ends_at),
        'partner', json_build_object('name', a.partner_name)))
        from (select a.*, p.name as partner_name,
                     greatest(a.customer_consent - coalesce((gate.instant() >= a.consent_until)::integer, 0), 0) as consent
              from accesses a join partners p on p.id = a.partner_id
              where a.customer_id = c.customer_id order by a.created_at, a.id limit 20) a), '[]'))
)))::text
from users u
join customer_users m on m.user_id = u.id
join customers c on c.customer_id = m.customer_id
left join lateral (select r.*, 40::bigint * r.open_critical + 16 * r.open_high + 4 * r.open_medium + r.open_low as q
                   from posture_rollups r where r.customer_id = c.customer_id) r on true
where u.id = $1 and u.disabled_at is null and $2::uuid is not null
