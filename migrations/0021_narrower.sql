-- What logs, policies and grants told or allowed too much of, and no longer do.

-- ---------------------------------------------------------------- the customer's log has two classes

-- Events that tell of the customer's security configuration: who has which role, who may sign in and how, and its keys. They are
-- SECURITY_CONFIG, every other event is ACTIVITY. Computed from what happened, and kept nowhere: so nobody can say anything else of
-- an event, and the chain is what it was. `policy::class_of_event` says the same for the other wall.
create function gate.is_security_event(action text) returns boolean
    language sql immutable
    return action in ('customer.user_invited', 'customer.user_role_changed', 'customer.user_disabled', 'customer.user_enabled',
        'customer.saml_changed', 'customer.api_key_created', 'customer.api_key_revoked');
revoke execute on function gate.is_security_event(text) from public;
grant execute on function gate.is_security_event(text) to posture_gateway;

-- As in 0008, but that such an event is there only for who is shown the security configuration now.
alter policy reads on customer_audit_events using (
    (partner_id is null or partner_id = (select gate.admin_partner()) or partner_id = (select gate.operator_partner()))
    and exists (select from gate.partner_sees p
                where p.customer_id = customer_audit_events.customer_id and p.posture
                  and (p.security_config or not gate.is_security_event(customer_audit_events.action)))
    or customer_id = (select gate.own_activity())
       and (not gate.is_security_event(action) or customer_id = (select gate.own_security())));

-- ---------------------------------------------------------------- leases are the scanners'

-- When a scanner first said that it runs. It stays when that scanner let its lease lapse and the scan waits for another one: what a
-- scanner has begun is metered, and can be called off no more.
alter table scans add column begun_at timestamptz;
-- Without forced row security for the moment, since no policy shows the owner a row.
alter table scans no force row level security;
update scans set begun_at = started_at where started_at is not null;
alter table scans force row level security;

revoke select on scans from posture_gateway, posture_writer;
grant select (customer_id, id, profile, trigger, status, requested_at, started_at, finished_at, schedule_id, due_at, failure)
    on scans to posture_gateway, posture_writer;
grant select (begun_at) on scans to posture_writer;
grant update (begun_at) on scans to posture_ingest;

alter policy cancels on scans
    using (
        status = 'QUEUED' and begun_at is null
        and (exists (select from gate.partner_sees p where p.customer_id = scans.customer_id and p.security_config)
             or customer_id = (select gate.own_security())));

-- ---------------------------------------------------------------- decisions are taken by people

-- Consent and the election are a person's: a leaked key of the customer opens it to no partner.
alter policy changes on accesses
    using (partner_id = (select gate.admin_partner())
           or customer_id = (select gate.own_decisions()) and (select gate.is_person()))
    with check (partner_id = (select gate.admin_partner())
           or customer_id = (select gate.own_decisions()) and (select gate.is_person()));
-- A leaked key of a partner makes no customer with an ADMIN who would outlive it.
alter policy founds on customer_users
    with check (role = 'ADMIN' and gate.may_found(customer_id) and (select gate.is_person()));

-- ---------------------------------------------------------------- somebody remains

-- Of a customer's ADMINs one always remains who is a person and may sign in. The lock makes two who take each other away one after the
-- other; a policy could not see what the other one is about to do.
create function gate.keep_an_admin() returns trigger
    language plpgsql security definer set search_path = ''
as $$
declare
    customer uuid;
begin
    if tg_table_name = 'users' then
        select m.customer_id into customer from public.customer_users m where m.user_id = new.id and m.role = 'ADMIN';
        if not found then
            return null;
        end if;
    else
        customer := new.customer_id;
    end if;
    -- An older snapshot would not see what the one before has done.
    if pg_catalog.current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'an ADMIN is taken away in another isolation' using errcode = 'insufficient_privilege';
    end if;
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('admins ' || customer, 0));
    if not exists (select from public.customer_users m join public.users u on u.id = m.user_id
                   where m.customer_id = customer and m.role = 'ADMIN' and u.disabled_at is null and not u.is_service) then
        raise exception 'the last ADMIN of a customer is taken away' using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;
create trigger keep_an_admin after update of disabled_at on users
    for each row when (current_user = 'posture_writer' and new.disabled_at is not null and old.disabled_at is null
                       and not new.is_service and new.kind = 'CUSTOMER_USER')
    execute function gate.keep_an_admin();
create trigger keep_an_admin after update of role on customer_users
    for each row when (current_user = 'posture_writer' and old.role = 'ADMIN' and new.role <> 'ADMIN')
    execute function gate.keep_an_admin();
revoke execute on function gate.keep_an_admin() from public;
grant create on schema gate to posture_policy;
alter function gate.keep_an_admin() owner to posture_policy;
revoke create on schema gate from posture_policy;

-- ---------------------------------------------------------------- scanners write in their own name

alter policy scans on finding_history
    with check (customer_id = any ((select gate.scanner_customers())::uuid[]) and partner_id is null
                and actor_id = (select gate.enabled_viewer()));

-- ---------------------------------------------------------------- whose name stands in a log

-- Whoever writes an event is the one it names, and a customer's decision stands in a partner's log as that customer's alone.
alter policy records on customer_audit_events
    with check (actor_id = (select gate.enabled_viewer())
                and (customer_id = (select gate.own_decisions())
                     or partner_id = (select coalesce(gate.admin_partner(), gate.operator_partner()))
                        and exists (select from customers c where c.customer_id = customer_audit_events.customer_id)));
alter policy records on partner_audit_events
    with check (actor_id = (select gate.enabled_viewer())
                and (partner_id = (select gate.admin_partner())
                     or customer_id = (select gate.own_decisions())
                        and exists (select from accesses a
                                    where a.partner_id = partner_audit_events.partner_id
                                      and a.customer_id = partner_audit_events.customer_id)));
alter policy operates on partner_audit_events
    with check (actor_id = (select gate.enabled_viewer()) and partner_id = (select gate.operator_partner()));
alter policy founds on partner_audit_events
    with check (actor_id = (select gate.enabled_viewer()) and gate.founds(partner_id));
alter policy prices on partner_audit_events
    with check (actor_id = (select gate.enabled_viewer()) and (select gate.is_platform_admin()) and action = 'pricing.changed'
                and customer_id is null);
-- A scanner says what became of scans, and nothing else.
alter policy scans on customer_audit_events
    with check (customer_id = any ((select gate.scanner_customers())::uuid[]) and partner_id is null and actor_id is null
                and action like 'scan.%');
