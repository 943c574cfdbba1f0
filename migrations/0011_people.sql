-- Who may change ceilings, portals, partners and people: the rules of `setPrivilegeCeiling`, `setPortalAccess`,
-- `inviteCustomerUser`, `assignOperator`, `createPartner`, `disableUser` and `enableUser` once more, for posture_writer.

-- ---------------------------------------------------------------- questions about what the viewer cannot read

-- Whether the viewer is an ADMIN of the partner that manages the customer: the one that created it or, where that one has no live
-- access but others have, the one with the oldest live access (DESIGN.md 9). Tells nothing of the others.
create function gate.manages(customer uuid) returns boolean
    language plpgsql stable security definer set search_path = ''
as $$
declare
    own constant uuid := gate.admin_partner();
    creator constant uuid := (select c.created_by from public.customers c where c.customer_id = customer);
begin
    return own is not null and own = coalesce(
        (select a.partner_id from public.accesses a
         where a.customer_id = customer and a.status <> 'ENDED'
         order by a.partner_id <> creator, a.created_at, a.id limit 1),
        creator);
end
$$;

-- Whether any live access of the customer is FULLY_MANAGED, for the partner that manages it: whose it is nobody is told.
create function gate.is_fully_managed(customer uuid) returns boolean
    language plpgsql stable security definer set search_path = ''
as $$
begin
    return gate.manages(customer) and exists (
        select from public.accesses a
        where a.customer_id = customer and a.status <> 'ENDED' and a.operating_model = 'FULLY_MANAGED');
end
$$;

-- Whether an access belongs to the viewer's partner. A function, since the policies of accesses ask operator_assignments.
create function gate.is_own_access(customer uuid, access uuid) returns boolean
    language plpgsql stable security definer set search_path = ''
as $$
begin
    return exists (select from public.accesses a
                   where a.customer_id = customer and a.id = access and a.partner_id = gate.admin_partner());
end
$$;

-- Whether nobody has this e-mail address yet. Who asks holds it until the transaction ends, so that of two who invite the same
-- address at once one is told that it is taken. Tells nothing of whose it is.
create function gate.take_email(address text) returns boolean
    language plpgsql volatile security definer set search_path = ''
as $$
begin
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(address, 0));
    return not exists (select from public.users u where pg_catalog.lower(u.email) = address);
end
$$;
create unique index users_email_lower_key on users (lower(email));

-- ---------------------------------------------------------------- locking

-- An operator locks what it reads, so that nothing changes under its decision, and changes none of it.
create policy locks on accesses for update to posture_writer
    using (partner_id = (select gate.operator_partner())
           and exists (select from operator_assignments o where o.customer_id = accesses.customer_id and o.access_id = accesses.id))
    with check (false);

-- ---------------------------------------------------------------- portals

-- An operating partner opens the portal for the users that it invites.
create policy operates on customers for update to posture_writer
    using (exists (select from gate.partner_sees p where p.customer_id = customers.customer_id))
    with check (exists (select from gate.partner_sees p where p.customer_id = customers.customer_id and p.security_config));

create function gate.keep_portal_with_its_manager() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    if new.portal_access = old.portal_access or new.customer_id = gate.own_decisions() then
        return new;
    end if;
    if gate.manages(new.customer_id) then
        if new.portal_access = 2 and gate.is_fully_managed(new.customer_id) then
            raise exception 'the portal of a fully managed customer opens' using errcode = 'check_violation';
        end if;
        return new;
    end if;
    -- FULLY_MANAGED lowers FULL; an invitation raises DISABLED.
    if not (old.portal_access = 2 and new.portal_access = 1
            or old.portal_access = 0 and new.portal_access = 1
               and exists (select from gate.partner_sees p where p.customer_id = new.customer_id and p.security_config)) then
        raise exception 'a partner sets the portal of a customer that it does not manage' using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;
create trigger keep_portal_with_its_manager before update on customers
    for each row when (current_user = 'posture_writer') execute function gate.keep_portal_with_its_manager();

-- ---------------------------------------------------------------- people

-- Who is invited belongs somewhere in the same statement: a user alone can sign in and is nobody.
create policy invites on users for insert to posture_writer
    with check (kind = 'CUSTOMER_USER' and disabled_at is null and (select gate.enabled_viewer()) is not null);
grant insert (id, kind, name, email, created_at) on users to posture_writer;

-- A customer's ADMIN at FULL invites anybody, a partner that operates READ_ONLY users.
create policy invites on customer_users for insert to posture_writer with check (
    customer_id = (select gate.own_security())
    or role = 'READ_ONLY'
       and exists (select from gate.partner_sees p where p.customer_id = customer_users.customer_id and p.security_config));
grant insert (customer_id, user_id, role) on customer_users to posture_writer;

create policy assigns on operator_assignments to posture_writer
    using (gate.is_own_access(customer_id, access_id))
    with check (gate.is_own_access(customer_id, access_id)
                and exists (select from partner_users m
                            where m.user_id = operator_assignments.user_id and m.partner_id = (select gate.admin_partner())
                              and m.role = 'OPERATOR'));
grant insert, delete on operator_assignments to posture_writer;

-- ---------------------------------------------------------------- audit logs

-- What an operator does stands in its partner's log.
create policy operates on partner_audit_events for insert to posture_writer
    with check (partner_id = (select gate.operator_partner()));

-- ---------------------------------------------------------------- partners

-- Whether a partner stands right below the viewer's and has nobody yet: then its first ADMIN is the viewer's to name. A
-- function, since the people of a partner below are not the viewer's to read.
create function gate.founds(partner uuid) returns boolean
    language plpgsql stable security definer set search_path = ''
as $$
begin
    return exists (select from public.partners p where p.id = partner and p.parent_id = gate.admin_partner())
       and not exists (select from public.partner_users m where m.partner_id = partner);
end
$$;

create policy founds on partners for insert to posture_writer with check (parent_id = (select gate.admin_partner()));
grant insert (id, parent_id, name, currency, created_at, privilege_bound) on partners to posture_writer;
create policy founds_partners on users for insert to posture_writer
    with check (kind = 'PARTNER_USER' and disabled_at is null and (select gate.admin_partner()) is not null);
create policy founds on partner_users for insert to posture_writer with check (role = 'ADMIN' and gate.founds(partner_id));
grant insert (partner_id, user_id, role) on partner_users to posture_writer;
create policy founds on partner_audit_events for insert to posture_writer with check (gate.founds(partner_id));

-- A new access starts within what the contract with its partner allows, and its ceiling never leaves it. What the customer last granted
-- the same partner holds on: a partner that ends an access and begins another one never gets more than the customer said.
create function gate.keep_to_contract() returns trigger
    language plpgsql set search_path = ''
as $$
declare
    -- No such partner: no answer means no.
    bound constant smallint :=
        coalesce((select coalesce(p.privilege_bound, 2) from public.partners p where p.id = new.partner_id), 0);
    before record;
begin
    if tg_op = 'INSERT' then
        new.privilege_ceiling := least(new.privilege_ceiling, bound);
        select a.customer_consent, a.consent_until, a.consent_until <= gate.instant() as is_over into before
            from public.accesses a where a.customer_id = new.customer_id and a.partner_id = new.partner_id
            order by a.created_at desc, a.id desc limit 1;
        if found then
            if before.is_over then
                before.customer_consent := before.customer_consent - 1;
            elsif before.customer_consent <= new.customer_consent then
                new.consent_until := before.consent_until;
            end if;
            new.customer_consent := least(new.customer_consent, before.customer_consent);
        end if;
    elsif new.privilege_ceiling > bound then
        raise exception 'a ceiling above what the contract with the partner allows' using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger keep_to_contract before insert or update of privilege_ceiling on accesses
    for each row when (current_user = 'posture_writer') execute function gate.keep_to_contract();

-- ---------------------------------------------------------------- who may sign in

-- Nobody disables themself: a partner's ADMIN its people, a customer's ADMIN at FULL its own, a partner that operates the
-- customer the READ_ONLY ones.
create policy disables on users for update to posture_writer
    using (id <> (select gate.enabled_viewer())
           and (exists (select from partner_users m where m.user_id = users.id and m.partner_id = (select gate.admin_partner()))
                or exists (select from customer_users m
                           where m.user_id = users.id
                             and (m.customer_id = (select gate.own_security())
                                  or m.role = 'READ_ONLY'
                                     and exists (select from gate.partner_sees p
                                                 where p.customer_id = m.customer_id and p.security_config)))))
    with check (id <> (select gate.enabled_viewer())
           and (exists (select from partner_users m where m.user_id = users.id and m.partner_id = (select gate.admin_partner()))
                or exists (select from customer_users m
                           where m.user_id = users.id
                             and (m.customer_id = (select gate.own_security())
                                  or m.role = 'READ_ONLY'
                                     and exists (select from gate.partner_sees p
                                                 where p.customer_id = m.customer_id and p.security_config)))));
grant update (disabled_at) on users to posture_writer;

-- ---------------------------------------------------------------- ownership

revoke execute on function gate.manages(uuid), gate.is_fully_managed(uuid), gate.is_own_access(uuid, uuid), gate.take_email(text),
    gate.keep_portal_with_its_manager(), gate.founds(uuid), gate.keep_to_contract() from public;
grant create on schema gate to posture_policy;
alter function gate.manages(uuid) owner to posture_policy;
alter function gate.is_fully_managed(uuid) owner to posture_policy;
alter function gate.is_own_access(uuid, uuid) owner to posture_policy;
alter function gate.take_email(text) owner to posture_policy;
alter function gate.founds(uuid) owner to posture_policy;
revoke create on schema gate from posture_policy;
grant execute on function gate.manages(uuid), gate.is_fully_managed(uuid), gate.is_own_access(uuid, uuid), gate.take_email(text),
    gate.founds(uuid) to posture_writer;
