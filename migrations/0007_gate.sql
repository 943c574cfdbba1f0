-- The second wall: DESIGN.md 4 once more, in SQL, from the tables themselves.
--
-- Each function answers for the transaction's viewer and instant; without a viewer, or for a disabled one, it answers
-- null, and no row matches. They belong to posture_policy, which reads who may see what and nothing else. PL/pgSQL,
-- because its plans are kept for the session; the viewer in a variable, because a row would read and cast the setting
-- once more. A policy calls them in a sub-select, so that they are computed once a
-- statement and, behind an `or`, only when they are needed. What depends on the row is asked with `exists`, which costs
-- the same for a partner with 100 accesses and with 10,000; an array of all of them is built anew for every statement.

-- ---------------------------------------------------------------- who asks

-- The viewer, unless unknown or disabled: nobody has rows of their own then.
create function gate.enabled_viewer() returns uuid
    language plpgsql stable security definer set search_path = ''
as $$
declare
    viewer uuid := gate.viewer_id();
begin
    return (select u.id from public.users u where u.id = viewer and u.disabled_at is null);
end
$$;

create function gate.admin_partner() returns uuid
    language plpgsql stable security definer set search_path = ''
as $$
declare
    viewer uuid := gate.viewer_id();
begin
    return (select p.partner_id from public.users u join public.partner_users p on p.user_id = u.id
            where u.id = viewer and u.disabled_at is null and p.role = 'ADMIN');
end
$$;

create function gate.operator_partner() returns uuid
    language plpgsql stable security definer set search_path = ''
as $$
declare
    viewer uuid := gate.viewer_id();
begin
    return (select p.partner_id from public.users u join public.partner_users p on p.user_id = u.id
            where u.id = viewer and u.disabled_at is null and p.role = 'OPERATOR');
end
$$;

create function gate.is_platform_admin() returns boolean
    language plpgsql stable security definer set search_path = ''
as $$
declare
    viewer uuid := gate.viewer_id();
begin
    return exists (select from public.users u
                   where u.id = viewer and u.disabled_at is null and u.kind = 'PLATFORM_ADMIN');
end
$$;

-- The viewer's own customer, if their role is among `roles` and the portal is open at least to `portal`.
create function gate.own_customer(roles text[], portal smallint) returns uuid
    language plpgsql stable security definer set search_path = ''
as $$
declare
    viewer uuid := gate.viewer_id();
begin
    return (select c.customer_id
            from public.users u
            join public.customer_users m on m.user_id = u.id
            join public.customers c on c.customer_id = m.customer_id
            where u.id = viewer and u.disabled_at is null and m.role = any (roles) and c.portal_access >= portal);
end
$$;

-- The own organisation itself, at every level.
create function gate.own_organisation() returns uuid
    language sql stable
    return gate.own_customer('{ADMIN,READ_ONLY}', 0::smallint);

-- Accesses with model, status, privileges and trial: an ADMIN decides about them at all times.
create function gate.own_accesses() returns uuid
    language sql stable
    return coalesce(gate.own_customer('{ADMIN}', 0::smallint), gate.own_customer('{READ_ONLY}', 1::smallint));

-- What an ADMIN decides at all times: consent, and the election during a trial.
create function gate.own_decisions() returns uuid
    language sql stable
    return gate.own_customer('{ADMIN}', 0::smallint);

-- What the portal shows of each class.
create function gate.own_commercial() returns uuid
    language sql stable
    return gate.own_customer('{ADMIN,READ_ONLY}', 1::smallint);

create function gate.own_posture() returns uuid
    language sql stable
    return gate.own_customer('{ADMIN,READ_ONLY}', 1::smallint);

create function gate.own_activity() returns uuid
    language sql stable
    return gate.own_customer('{ADMIN}', 1::smallint);

create function gate.own_security() returns uuid
    language sql stable
    return gate.own_customer('{ADMIN}', 2::smallint);

-- ---------------------------------------------------------------- partners

-- Partners that a viewer meets: the own one, its parent and everything below it; for customers those of their accesses.
create function gate.met_partners() returns uuid[]
    language plpgsql stable security definer set search_path = ''
as $$
declare
    own uuid := coalesce(gate.admin_partner(), gate.operator_partner());
    customer uuid;
begin
    if own is not null then
        return array(
            with recursive below as (
                select p.id from public.partners p where p.id = own
                union
                select p.id from public.partners p join below b on p.parent_id = b.id
            )
            select b.id from below b
            union
            select p.parent_id from public.partners p where p.id = own and p.parent_id is not null);
    end if;
    customer := gate.own_accesses();
    return array(select distinct a.partner_id from public.accesses a where a.customer_id = customer);
end
$$;

-- ---------------------------------------------------------------- what a partner sees

-- "For a partner user, on an access in scope": which of them are in scope, row security of accesses says.
create view gate.partner_sees with (security_invoker = true) as
    select a.customer_id,
           a.id as access_id,
           f.running and a.operating_model <> 'CUSTOMER_MANAGED' and f.effective_privilege >= 1 as posture,
           f.running and a.operating_model = 'FULLY_MANAGED' and f.effective_privilege >= 2 as security_config
    from public.accesses a
    cross join lateral (
        select a.status = 'ACTIVE' or a.status = 'TRIAL' and (select gate.instant()) < a.trial_ends_at as running,
               least(
                   a.privilege_ceiling,
                   -- Without an instant every end counts as passed.
                   a.customer_consent
                       - case when a.consent_until is null or (select gate.instant()) < a.consent_until then 0 else 1 end
               ) as effective_privilege
    ) f
    where a.partner_id = (select coalesce(gate.admin_partner(), gate.operator_partner()));

-- ---------------------------------------------------------------- scanners

-- The customers whose results a scanner may write.
create function gate.scanner_customers() returns uuid[]
    language plpgsql stable security definer set search_path = ''
as $$
declare
    viewer uuid := gate.viewer_id();
begin
    return array(select s.customer_id from public.scanner_customers s join public.users u on u.id = s.user_id
                 where u.id = viewer and u.disabled_at is null and u.kind = 'SCANNER');
end
$$;

-- As whom the command line writes a customer's results: the scanner with this e-mail address or, without one, the first.
-- It needs no viewer, for there is none yet, and tells nothing but an id.
create function gate.scanner_for(customer uuid, address text) returns uuid
    language plpgsql stable security definer set search_path = ''
as $$
begin
    return (select u.id from public.scanner_customers s join public.users u on u.id = s.user_id
            where s.customer_id = customer and u.disabled_at is null and (address is null or u.email = address)
            order by u.created_at, u.id limit 1);
end
$$;

-- ---------------------------------------------------------------- ownership

grant create on schema gate to posture_policy, posture_rollup, posture_audit;
do $$
declare
    f regprocedure;
begin
    for f in select p.oid from pg_proc p where p.pronamespace = 'gate'::regnamespace and p.prosecdef loop
        execute format('alter function %s owner to %I', f,
            case when f::text ~ '^gate\.(apply|findings|assets|scans)_' then 'posture_rollup'
                 when f::text ~ '^gate\.chain_' then 'posture_audit'
                 else 'posture_policy' end);
    end loop;
end
$$;
revoke create on schema gate from posture_policy, posture_rollup, posture_audit;
revoke execute on all functions in schema gate from public;
grant execute on function gate.viewer_id(), gate.instant(), gate.enabled_viewer(), gate.admin_partner(), gate.operator_partner(),
    gate.is_platform_admin(), gate.own_customer(text[], smallint), gate.own_organisation(), gate.own_accesses(),
    gate.own_commercial(), gate.own_posture(), gate.own_activity(), gate.own_security(), gate.met_partners()
    to posture_gateway, posture_writer;
grant execute on function gate.own_decisions() to posture_writer;
grant select on gate.partner_sees to posture_gateway, posture_writer;
grant execute on function gate.enabled_viewer(), gate.scanner_customers() to posture_ingest;
-- What the others ask in their owner's name.
grant execute on function gate.viewer_id(), gate.own_accesses() to posture_policy;
grant execute on function gate.scanner_for(uuid, text) to posture_gateway;

-- What the deciding functions read. posture_policy can log in nowhere and sees nothing but these.
grant select on partners, users, partner_users, customer_users, scanner_customers, customers, accesses
    to posture_policy;
grant select, insert, update on posture_rollups, posture_due, usage_assets, usage_scans to posture_rollup;
grant select, insert, update on partner_audit_heads, customer_audit_heads to posture_audit;
grant execute on function gate.audit_field(text) to posture_audit;
