-- What opens posture is never only the gateway's word: an access that has ended begins no second time, a trial whose time to be
-- converted is over stays closed, and an event in a customer's log names the partner that wrote it.

-- The life of an access (DESIGN.md 6), whoever of the two sides changes it.
create function gate.lives_once() returns trigger
    language plpgsql set search_path = ''
as $$
declare
    follows constant boolean := case old.status
        when 'TRIAL' then new.status in ('ACTIVE', 'ENDED')
        when 'ACTIVE' then new.status in ('SUSPENDED', 'ENDED')
        when 'SUSPENDED' then new.status in ('ACTIVE', 'ENDED')
        else false
    end;
    converts constant boolean := old.status = 'TRIAL' and new.status = 'ACTIVE';
begin
    if new.status <> old.status and not follows then
        raise exception 'an access that is % becomes %', old.status, new.status using errcode = 'check_violation';
    end if;
    -- Without an instant the time is over.
    if converts and (new.trial_converted_at is null or coalesce(gate.instant() >= old.trial_convert_by, true)) then
        raise exception 'a trial is converted after its time' using errcode = 'check_violation';
    end if;
    if new.trial_converted_at is distinct from old.trial_converted_at and not converts then
        raise exception 'a conversion of what is no trial' using errcode = 'check_violation';
    end if;
    if new.trial_elected_model is distinct from old.trial_elected_model
       and (old.status <> 'TRIAL' or coalesce(gate.instant() >= old.trial_ends_at, true)) then
        raise exception 'a model is elected outside of a trial' using errcode = 'check_violation';
    end if;
    -- The customer's consent alone outlives the access.
    if old.status = 'ENDED' and (new.operating_model, new.privilege_ceiling) is distinct from (old.operating_model, old.privilege_ceiling) then
        raise exception 'the terms of an access that has ended change' using errcode = 'check_violation';
    end if;
    return new;
end
$$;
revoke execute on function gate.lives_once() from public;
-- After keep_to_own_half, by its name: whose a change is comes first.
create trigger lives_once before update on accesses
    for each row when (current_user = 'posture_writer') execute function gate.lives_once();

-- A partner's people write in a customer's log in their partner's name alone, for it is by this name that other partners are not
-- told (0008): without one they would be, and in another's name somebody would be told who should not.
alter policy records on customer_audit_events
    with check (customer_id = (select gate.own_decisions())
                -- Row security of customers says whose are in scope.
                or partner_id = (select coalesce(gate.admin_partner(), gate.operator_partner()))
                   and exists (select from customers c where c.customer_id = customer_audit_events.customer_id));
