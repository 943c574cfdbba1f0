select json_build_object('data', json_build_object('customer', json_build_object(
    'name', a.customer_name,
    'findings', case when a.operating_model <> 'CUSTOMER_MANAGED' and a.privilege_ceiling >= 1
                      and a.customer_consent - coalesce((gate.instant() >= a.consent_until)::integer, 0) >= 1
                      and (a.status = 'ACTIVE' or a.status = 'TRIAL' and gate.instant() < a.trial_ends_at)
        then (select json_build_object(
            'totalCount', (select count(*) from findings f where f.customer_id = a.customer_id),
            'pageInfo', json_build_object('hasNextPage', count(*) > 20, 'endCursor', 'opaque'),
            'nodes', coalesce(json_agg(json_build_object(
                'id', rtrim(translate(replace(encode('\x06'::bytea || uuid_send(f.customer_id) || uuid_send(f.id), 'base64'), E'\n', ''), '+/', '-_'), '='),
                'title', f.title,
                'severity', ('{INFO,LOW,MEDIUM,HIGH,CRITICAL}'::text[])[f.severity + 1],
                'status', f.status,
                'cve', f.cve,
                'cvssScore', f.cvss_score,
                'asset', case when f.kind is not null then json_build_object('kind', f.kind, 'value', f.value) end,
                'firstSeenAt', f.first_seen_at,
                'lastSeenAt', f.last_seen_at,
                'slaDueAt', f.sla_due_at,
                'slaBreached', f.status in ('OPEN', 'TRIAGED', 'IN_PROGRESS') and coalesce(f.sla_due_at <= gate.instant(), false)
            )) filter (where f.nth <= 20), '[]'))
        from (select f.*, s.kind, s.value, row_number() over (order by f.severity desc, f.id desc) as nth
              from (select f.* from findings f where f.customer_id = a.customer_id
                    order by f.severity desc, f.id desc limit 21) f
              left join assets s on s.customer_id = f.customer_id and s.id = f.asset_id
              order by f.severity desc, f.id desc) f) end
)))::text
from users u
join partner_users m on m.user_id = u.id
join accesses a on a.partner_id = m.partner_id and a.customer_id = $2
where u.id = $1 and u.disabled_at is null
order by (a.status = 'ENDED'), a.created_at desc limit 1
