select json_build_object('data', json_build_object('viewer', json_build_object('partner', json_build_object(
    'name', p.name,
    'accesses', json_build_object(
        'totalCount', (select count(*) from accesses a where a.partner_id = p.id),
        'nodes', coalesce((select json_agg(json_build_object(
            'id', rtrim(translate(replace(encode('\x04'::bytea || uuid_send(a.customer_id) || uuid_send(a.id), 'base64'), E'\n', ''), '+/', '-_'), '='),
            'status', a.status,
            'operatingModel', a.operating_model,
            'privilegeCeiling', ('{NONE,SUPPORT,MANAGE}'::text[])[a.privilege_ceiling + 1],
            'customerConsent', ('{NONE,SUPPORT,MANAGE}'::text[])[a.consent + 1],
            'effectivePrivilege', ('{NONE,SUPPORT,MANAGE}'::text[])[least(a.privilege_ceiling, a.consent) + 1],
            'postureVisible', a.visible,
            'customer', json_build_object(
                'id', rtrim(translate(replace(encode('\x02'::bytea || uuid_send(a.customer_id), 'base64'), E'\n', ''), '+/', '-_'), '='),
                'name', a.customer_name,
                'findings', case when a.decided then json_build_object('nodes', coalesce((
                    select json_agg(json_build_object(
                        'title', f.title,
                        'severity', ('{INFO,LOW,MEDIUM,HIGH,CRITICAL}'::text[])[f.severity + 1],
                        'status', f.status))
                    from (select f.title, f.severity, f.status from findings f where f.customer_id = a.customer_id
                          order by f.severity desc, f.id desc limit 5) f), '[]')) end),
            'subscription', (select json_build_object('plan', s.plan, 'status', s.status, 'renewalDate', s.renewal_date)
                             from subscriptions s where s.customer_id = a.customer_id and s.access_id = a.id)
        )) from (
            select a.*,
                   -- A live access of the same pair decides the customer's fields, also through the ended one.
                   a.visible or a.status = 'ENDED' and exists (
                       select from accesses l
                       where l.customer_id = a.customer_id and l.partner_id = a.partner_id
                         and (l.status = 'ACTIVE' or l.status = 'TRIAL' and gate.instant() < l.trial_ends_at)
                         and l.operating_model <> 'CUSTOMER_MANAGED' and l.privilege_ceiling >= 1
                         and l.customer_consent - coalesce((gate.instant() >= l.consent_until)::integer, 0) >= 1) as decided
            from (select a.*,
                   a.consent >= 1 and a.privilege_ceiling >= 1 and a.operating_model <> 'CUSTOMER_MANAGED'
                   and (a.status = 'ACTIVE' or a.status = 'TRIAL' and gate.instant() < a.trial_ends_at) as visible
            from (select a.*, greatest(a.customer_consent - coalesce((gate.instant() >= a.consent_until)::integer, 0), 0) as consent
                  from accesses a where a.partner_id = p.id order by a.customer_name, a.id limit 50) a) a
        ) a), '[]')))))
)::text
from users u
join partner_users m on m.user_id = u.id
join partners p on p.id = m.partner_id
where u.id = $1 and u.disabled_at is null and $2::uuid is not null
