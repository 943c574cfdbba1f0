-- What a mutation's transaction, lowered to posture_writer, may read and change. Whether a change makes sense the gateway
-- decides; that nobody changes what is not theirs to change holds here, too.

-- ---------------------------------------------------------------- reading, as the gateway reads

alter policy reads on users to posture_gateway, posture_writer;
alter policy reads on partner_users to posture_gateway, posture_writer;
alter policy reads on customer_users to posture_gateway, posture_writer;
alter policy reads on operator_assignments to posture_gateway, posture_writer;
alter policy reads on partners to posture_gateway, posture_writer;
alter policy reads on customers to posture_gateway, posture_writer;
alter policy reads on accesses to posture_gateway, posture_writer;
grant select on partners, customers, users, partner_users, customer_users, operator_assignments, accesses to posture_writer;

-- ---------------------------------------------------------------- accesses

-- Both sides of an access change it, each its own half: see the trigger.
create policy changes on accesses for update to posture_writer
    using (partner_id = (select gate.admin_partner()) or customer_id = (select gate.own_decisions()))
    with check (partner_id = (select gate.admin_partner()) or customer_id = (select gate.own_decisions()));
grant update (status, operating_model, privilege_ceiling, customer_consent, consent_until, trial_converted_at,
    trial_elected_model, version, ended_at) on accesses to posture_writer;

-- Consent and the election are the customer's, everything else is the partner's; in a trial the model is the customer's, outside of
-- it the partner's (DESIGN.md 6). Every change raises the version by one.
create function gate.keep_to_own_half() returns trigger
    language plpgsql set search_path = ''
as $$
declare
    consent_changes constant boolean := (new.customer_consent, new.consent_until, new.trial_elected_model)
        is distinct from (old.customer_consent, old.consent_until, old.trial_elected_model);
    contract_changes constant boolean := (new.status, new.privilege_ceiling, new.trial_converted_at, new.ended_at)
        is distinct from (old.status, old.privilege_ceiling, old.trial_converted_at, old.ended_at);
    model_changes constant boolean := new.operating_model <> old.operating_model;
begin
    if new.partner_id = gate.admin_partner() then
        if consent_changes or model_changes and old.status <> 'ACTIVE' then
            raise exception 'a partner changes the customer''s half of an access' using errcode = 'insufficient_privilege';
        end if;
    elsif contract_changes
          or model_changes and (old.status <> 'TRIAL' or gate.instant() >= old.trial_ends_at) then
        raise exception 'a customer changes the partner''s half of an access' using errcode = 'insufficient_privilege';
    end if;
    if new.version <> old.version + 1 then
        raise exception 'a change of an access raises its version by one' using errcode = 'check_violation';
    end if;
    return new;
end
$$;
revoke execute on function gate.keep_to_own_half() from public;
create trigger keep_to_own_half before update on accesses
    for each row when (current_user = 'posture_writer') execute function gate.keep_to_own_half();

-- ---------------------------------------------------------------- customers

-- The portal: a partner's ADMIN sets it; a customer's ADMIN lowers it by electing FULLY_MANAGED.
create policy changes on customers for update to posture_writer
    using (created_by = (select gate.admin_partner())
           or exists (select from accesses a
                      where a.customer_id = customers.customer_id and a.partner_id = (select gate.admin_partner()))
           or customer_id = (select gate.own_decisions()))
    with check (created_by = (select gate.admin_partner())
           or exists (select from accesses a
                      where a.customer_id = customers.customer_id and a.partner_id = (select gate.admin_partner()))
           or customer_id = (select gate.own_decisions()));
grant update (portal_access) on customers to posture_writer;

create function gate.keep_portal_closed() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    if new.portal_access > old.portal_access and new.customer_id = gate.own_decisions() then
        raise exception 'a customer opens its own portal' using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;
revoke execute on function gate.keep_portal_closed() from public;
create trigger keep_portal_closed before update on customers
    for each row when (current_user = 'posture_writer') execute function gate.keep_portal_closed();

-- ---------------------------------------------------------------- audit logs

create policy records on partner_audit_events for insert to posture_writer
    with check (partner_id = (select gate.admin_partner())
                or exists (select from accesses a
                           where a.partner_id = partner_audit_events.partner_id and a.customer_id = (select gate.own_decisions())));
create policy records on customer_audit_events for insert to posture_writer
    with check (customer_id = (select gate.own_decisions())
                -- Row security of both says whose are in scope.
                or exists (select from customers c where c.customer_id = customer_audit_events.customer_id));
grant insert on partner_audit_events, customer_audit_events to posture_writer;

-- ---------------------------------------------------------------- idempotency

-- The answer to a mutation that came with an Idempotency-Key, so that a client that got no answer can ask again.
create table idempotency_keys (
    user_id uuid not null constraint idempotency_keys_user_fkey references users,
    key text not null constraint idempotency_keys_key_check check (length(key) between 1 and 255),
    -- Which field of the document: a document may hold several mutations.
    field text not null,
    -- SHA-256 of the mutation's name and arguments: another input under the same key is refused.
    input_digest bytea not null,
    -- What was answered: the object's global id, or the user errors. Null only while the mutation runs.
    outcome jsonb,
    created_at timestamptz not null,
    constraint idempotency_keys_pkey primary key (user_id, key, field)
);
alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;
create policy owns on idempotency_keys to posture_writer
    using (user_id = (select gate.enabled_viewer())) with check (user_id = (select gate.enabled_viewer()));
grant select, insert, update on idempotency_keys to posture_writer;
