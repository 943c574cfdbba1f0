-- API keys that sign in, and who may change a customer's security configuration: the rules of `setSamlConfiguration`,
-- `setCustomerUserRole`, `createApiKey`, `revokeApiKey`, `createPartnerApiKey` and `revokePartnerApiKey` once more, for
-- posture_writer.
--
-- A key acts as a user of its own, a service user with a role like any other: so everything that holds of people holds of keys,
-- from the gate and the assignments to disabling and the history of who could see what.

-- ---------------------------------------------------------------- tables

-- A program's user: it signs in by its key, is called by the key's label and has no address.
alter table users
    add column is_service boolean not null default false,
    add constraint users_is_service_check check (not is_service or kind in ('PARTNER_USER', 'CUSTOMER_USER'));

-- A key from before keys signed in has neither a user nor a secret, and signs in nobody.
alter table api_keys
    add column user_id uuid,
    -- SHA-256 of the key. The key itself is told once and is nowhere; 32 random bytes need no slower hash.
    add column secret_hash bytea constraint api_keys_secret_hash_check check (length(secret_hash) = 32),
    add constraint api_keys_user_fkey foreign key (customer_id, user_id) references customer_users (customer_id, user_id),
    add constraint api_keys_user_check check (secret_hash is null or user_id is not null);
-- A user has one key, and a key is one user's, whoever's customer it is: customer_id first would not say so.
create unique index api_keys_user_key on api_keys (user_id);
create unique index api_keys_secret_hash_key on api_keys (secret_hash);

create table partner_api_keys (
    partner_id uuid not null constraint partner_api_keys_partner_fkey references partners,
    id uuid not null,
    user_id uuid not null constraint partner_api_keys_user_key unique,
    label text not null,
    last_four text not null constraint partner_api_keys_last_four_check check (length(last_four) = 4),
    -- Null: it signs in nobody.
    secret_hash bytea constraint partner_api_keys_secret_hash_check check (length(secret_hash) = 32)
        constraint partner_api_keys_secret_hash_key unique,
    created_at timestamptz not null,
    revoked_at timestamptz,
    constraint partner_api_keys_pkey primary key (partner_id, id),
    constraint partner_api_keys_user_fkey foreign key (partner_id, user_id) references partner_users (partner_id, user_id)
);
create index partner_api_keys_order_idx on partner_api_keys (partner_id, created_at, id);
alter table partner_api_keys enable row level security;
alter table partner_api_keys force row level security;

-- ---------------------------------------------------------------- signing in

-- Whom a key signs in. It needs no viewer, for there is none yet, and tells nothing but an id. The look-up is by the hash, so how
-- long it takes says nothing of the key.
create function gate.api_key_user(hash bytea) returns uuid
    language plpgsql stable security definer set search_path = ''
as $$
begin
    return (select u.id
            from (select k.user_id from public.api_keys k where k.secret_hash = hash and k.revoked_at is null
                  union all
                  select k.user_id from public.partner_api_keys k where k.secret_hash = hash and k.revoked_at is null) k
            join public.users u on u.id = k.user_id
            where u.disabled_at is null);
end
$$;

-- Whether somebody asks who is no key: a leaked key makes no other, locks out nobody who would revoke it, and changes neither roles
-- nor how people sign in.
create function gate.is_person() returns boolean
    language plpgsql stable security definer set search_path = ''
as $$
declare
    viewer uuid := gate.viewer_id();
begin
    return exists (select from public.users u where u.id = viewer and u.disabled_at is null and not u.is_service);
end
$$;

-- ---------------------------------------------------------------- reading

-- The hash is read by gate.api_key_user alone.
revoke select on api_keys from posture_gateway;
grant select (customer_id, id, user_id, label, last_four, created_at, revoked_at) on api_keys to posture_gateway, posture_writer;
grant select (partner_id, id, user_id, label, last_four, created_at, revoked_at) on partner_api_keys
    to posture_gateway, posture_writer;
alter policy reads on api_keys to posture_gateway, posture_writer;
alter policy reads on security_settings to posture_gateway, posture_writer;
grant select on security_settings to posture_writer;
create policy reads on partner_api_keys for select to posture_gateway, posture_writer using (
    partner_id = (select gate.admin_partner()));

create policy decides on api_keys for select to posture_policy using (true);
create policy decides on partner_api_keys for select to posture_policy using (true);
grant select (user_id, secret_hash, revoked_at) on api_keys, partner_api_keys to posture_policy;

-- ---------------------------------------------------------------- writing: who operates the customer, and is no key

create policy keeps on security_settings for insert to posture_writer with check (
    (select gate.is_person())
    and (customer_id = (select gate.own_security())
         or exists (select from gate.partner_sees p where p.customer_id = security_settings.customer_id and p.security_config)));
create policy changes on security_settings for update to posture_writer
    using ((select gate.is_person())
           and (customer_id = (select gate.own_security())
                or exists (select from gate.partner_sees p
                           where p.customer_id = security_settings.customer_id and p.security_config)))
    with check ((select gate.is_person())
           and (customer_id = (select gate.own_security())
                or exists (select from gate.partner_sees p
                           where p.customer_id = security_settings.customer_id and p.security_config)));
grant insert (customer_id, saml_enabled, saml_issuer), update (saml_enabled, saml_issuer) on security_settings to posture_writer;

-- Roles are the customer's own ADMINs' to give, and nobody's own.
create policy changes on customer_users for update to posture_writer
    using (customer_id = (select gate.own_security()) and user_id <> (select gate.enabled_viewer()) and (select gate.is_person()))
    with check (customer_id = (select gate.own_security()) and user_id <> (select gate.enabled_viewer()) and (select gate.is_person()));
grant update (role) on customer_users to posture_writer;

-- As in 0011, but that a key disables nobody, who might be the one to revoke it, and invites no ADMIN.
alter policy disables on users
    using (id <> (select gate.enabled_viewer()) and (select gate.is_person())
           and (exists (select from partner_users m where m.user_id = users.id and m.partner_id = (select gate.admin_partner()))
                or exists (select from customer_users m
                           where m.user_id = users.id
                             and (m.customer_id = (select gate.own_security())
                                  or m.role = 'READ_ONLY'
                                     and exists (select from gate.partner_sees p
                                                 where p.customer_id = m.customer_id and p.security_config)))))
    with check (id <> (select gate.enabled_viewer()) and (select gate.is_person())
           and (exists (select from partner_users m where m.user_id = users.id and m.partner_id = (select gate.admin_partner()))
                or exists (select from customer_users m
                           where m.user_id = users.id
                             and (m.customer_id = (select gate.own_security())
                                  or m.role = 'READ_ONLY'
                                     and exists (select from gate.partner_sees p
                                                 where p.customer_id = m.customer_id and p.security_config)))));
alter policy invites on customer_users with check (
    customer_id = (select gate.own_security()) and (role <> 'ADMIN' or (select gate.is_person()))
    or role = 'READ_ONLY'
       and exists (select from gate.partner_sees p where p.customer_id = customer_users.customer_id and p.security_config));

-- A leaked key makes no partner either, with an ADMIN who would outlive it.
alter policy founds_partners on users
    with check (kind = 'PARTNER_USER' and disabled_at is null and (select gate.admin_partner()) is not null
                and (select gate.is_person()));

-- The customer's own alone make keys of it: a key that a partner holds would outlive its consent, its model and its contract, and
-- what it shows would be recorded as shown to the customer.
create policy makes on api_keys for insert to posture_writer with check (
    (select gate.is_person()) and secret_hash is not null and revoked_at is null
    and customer_id = (select gate.own_security()));
create policy revokes on api_keys for update to posture_writer
    using ((select gate.is_person())
           and (customer_id = (select gate.own_security())
                or exists (select from gate.partner_sees p where p.customer_id = api_keys.customer_id and p.security_config)
                   and not exists (select from customer_users m
                                   where m.customer_id = api_keys.customer_id and m.user_id = api_keys.user_id and m.role = 'ADMIN')))
    with check (revoked_at is not null);
grant insert (customer_id, id, user_id, label, last_four, secret_hash, created_at), update (revoked_at) on api_keys to posture_writer;
grant insert (is_service) on users to posture_writer;

-- ---------------------------------------------------------------- writing: a partner's ADMIN who is no key

create policy makes on partner_api_keys for insert to posture_writer with check (
    partner_id = (select gate.admin_partner()) and (select gate.is_person()) and secret_hash is not null and revoked_at is null);
create policy revokes on partner_api_keys for update to posture_writer
    using (partner_id = (select gate.admin_partner()) and (select gate.is_person()))
    with check (revoked_at is not null);
grant insert (partner_id, id, user_id, label, last_four, secret_hash, created_at), update (revoked_at) on partner_api_keys
    to posture_writer;
-- A partner's own ADMIN adds nobody but the users of keys: see the trigger.
create policy makes_keys on partner_users for insert to posture_writer
    with check (partner_id = (select gate.admin_partner()) and (select gate.is_person()));

-- ---------------------------------------------------------------- what a policy cannot say of rows of one statement

-- A key acts as a service user, never as a person. That no other key acts as it, the constraints say.
create function gate.keep_keys_from_people() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    if not exists (select from public.users u where u.id = new.user_id and u.is_service) then
        raise exception 'a key or a new colleague that is no service user' using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;
create trigger keep_keys_from_people after insert on api_keys
    for each row when (current_user = 'posture_writer') execute function gate.keep_keys_from_people();
create trigger keep_keys_from_people after insert on partner_api_keys
    for each row when (current_user = 'posture_writer') execute function gate.keep_keys_from_people();
-- A partner's ADMIN adds no colleague but a key; the first ADMIN of a partner below (0011) is none.
create trigger keep_keys_from_people after insert on partner_users
    for each row when (current_user = 'posture_writer' and new.partner_id = gate.admin_partner())
    execute function gate.keep_keys_from_people();

-- A key that was revoked stays revoked: who could see what would else tell of a user who cannot sign in.
create function gate.keep_revoked() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    if not exists (select from public.api_keys k where k.user_id = new.id and k.revoked_at is null)
       and not exists (select from public.partner_api_keys k where k.user_id = new.id and k.revoked_at is null) then
        raise exception 'the user of a revoked key is enabled' using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger keep_revoked before update on users
    for each row when (current_user = 'posture_writer' and new.is_service and new.disabled_at is null)
    execute function gate.keep_revoked();

-- ---------------------------------------------------------------- ownership

revoke execute on function gate.api_key_user(bytea), gate.is_person(), gate.keep_keys_from_people(),
    gate.keep_revoked() from public;
grant create on schema gate to posture_policy;
alter function gate.api_key_user(bytea) owner to posture_policy;
alter function gate.is_person() owner to posture_policy;
alter function gate.keep_keys_from_people() owner to posture_policy;
alter function gate.keep_revoked() owner to posture_policy;
revoke create on schema gate from posture_policy;
grant execute on function gate.api_key_user(bytea) to posture_gateway;
grant execute on function gate.is_person() to posture_writer;
