-- Who could see a customer's data, and when: what decided about it at every instant, written down as it changes.
--
-- Triggers write it, whoever makes the change, and nobody can write it by hand or change it afterwards: the functions belong to
-- posture_audit. Rows hold what the gate decides from and not what it decided, so that the answer for a past instant is the gate's own.
-- No foreign keys: the record outlives what it tells of.

create table access_history (
    customer_id uuid not null,
    access_id uuid not null,
    -- The row's place in its access's history: of two changes at one instant the later one holds.
    seq integer not null,
    -- From when it holds; never before the row before it.
    at timestamptz not null,
    partner_id uuid not null,
    -- Null from when the access is gone.
    status text,
    operating_model text not null,
    privilege_ceiling smallint not null,
    customer_consent smallint not null,
    consent_until timestamptz,
    trial_ends_at timestamptz,
    constraint access_history_pkey primary key (customer_id, access_id, seq)
);

create table partner_user_history (
    partner_id uuid not null,
    user_id uuid not null,
    seq integer not null,
    at timestamptz not null,
    name text not null,
    -- Null from when the user is no longer one of the partner's.
    role text,
    enabled boolean not null,
    constraint partner_user_history_pkey primary key (partner_id, user_id, seq)
);

create table assignment_history (
    customer_id uuid not null,
    access_id uuid not null,
    user_id uuid not null,
    seq integer not null,
    at timestamptz not null,
    assigned boolean not null,
    constraint assignment_history_pkey primary key (customer_id, access_id, user_id, seq)
);

create trigger only_grows before update or delete or truncate on access_history
    for each statement execute function gate.refuse_change();
create trigger only_grows before update or delete or truncate on partner_user_history
    for each statement execute function gate.refuse_change();
create trigger only_grows before update or delete or truncate on assignment_history
    for each statement execute function gate.refuse_change();

-- When a change holds from: the transaction's instant, or now for whoever sets none; `first` for a row that came into being past
-- the gateway, and was there since.
create function gate.changed_at(first timestamptz) returns timestamptz
    language sql stable
    return coalesce(gate.instant(), first, now());

-- The next place in a history is taken by whoever holds the row that it tells of, so that there is no race for it.
create function gate.keep_access_history() returns trigger
    language plpgsql security definer set search_path = ''
as $$
declare
    a constant public.accesses := case tg_op when 'DELETE' then old else new end;
    before public.access_history;
begin
    select * into before from public.access_history h
        where h.customer_id = a.customer_id and h.access_id = a.id order by h.seq desc limit 1;
    insert into public.access_history values (
        a.customer_id, a.id, coalesce(before.seq, 0) + 1,
        greatest(gate.changed_at(case tg_op when 'INSERT' then a.created_at end), before.at),
        a.partner_id, case when tg_op <> 'DELETE' then a.status end, a.operating_model, a.privilege_ceiling,
        a.customer_consent, a.consent_until, a.trial_ends_at);
    return null;
end
$$;

create function gate.keep_partner_user_history(member public.partner_users, is_gone boolean, first timestamptz) returns void
    language plpgsql security definer set search_path = ''
as $$
declare
    u public.users;
    before public.partner_user_history;
begin
    select * into u from public.users where id = member.user_id;
    select * into before from public.partner_user_history h
        where h.partner_id = member.partner_id and h.user_id = member.user_id order by h.seq desc limit 1;
    insert into public.partner_user_history values (
        member.partner_id, member.user_id, coalesce(before.seq, 0) + 1, greatest(gate.changed_at(first), before.at),
        u.name, case when not is_gone then member.role end, u.disabled_at is null);
end
$$;

create function gate.keep_member_history() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    if tg_op = 'DELETE' or tg_op = 'UPDATE' and (new.partner_id, new.user_id) <> (old.partner_id, old.user_id) then
        perform gate.keep_partner_user_history(old, true, null);
    end if;
    if tg_op <> 'DELETE' then
        perform gate.keep_partner_user_history(new, false,
            case tg_op when 'INSERT' then (select u.created_at from public.users u where u.id = new.user_id) end);
    end if;
    return null;
end
$$;

create function gate.keep_user_history() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    perform gate.keep_partner_user_history(m, false, null) from public.partner_users m where m.user_id = new.id;
    return null;
end
$$;

create function gate.keep_assignment_history() returns trigger
    language plpgsql security definer set search_path = ''
as $$
declare
    gone constant boolean := tg_op <> 'INSERT';
    here constant boolean := tg_op <> 'DELETE';
begin
    -- An update is the end of one and the beginning of another.
    if gone then
        insert into public.assignment_history
        select old.customer_id, old.access_id, old.user_id, coalesce(max(h.seq), 0) + 1,
               greatest(gate.changed_at(null), max(h.at)), false
        from public.assignment_history h
        where (h.customer_id, h.access_id, h.user_id) = (old.customer_id, old.access_id, old.user_id);
    end if;
    if here then
        insert into public.assignment_history
        select new.customer_id, new.access_id, new.user_id, coalesce(max(h.seq), 0) + 1,
               greatest(gate.changed_at((select a.created_at from public.accesses a
                                         where a.customer_id = new.customer_id and a.id = new.access_id
                                           and max(h.seq) is null)),
                        max(h.at)), true
        from public.assignment_history h
        where (h.customer_id, h.access_id, h.user_id) = (new.customer_id, new.access_id, new.user_id);
    end if;
    return null;
end
$$;

create trigger history_of_changes after update on accesses
    for each row when ((old.partner_id, old.status, old.operating_model, old.privilege_ceiling, old.customer_consent,
                        old.consent_until, old.trial_ends_at)
                       is distinct from
                       (new.partner_id, new.status, new.operating_model, new.privilege_ceiling, new.customer_consent,
                        new.consent_until, new.trial_ends_at))
    execute function gate.keep_access_history();
create trigger history after insert or delete on accesses
    for each row execute function gate.keep_access_history();
create trigger history after insert or update or delete on partner_users
    for each row execute function gate.keep_member_history();
create trigger history after update on users
    for each row when ((old.name, old.disabled_at is null) is distinct from (new.name, new.disabled_at is null))
    execute function gate.keep_user_history();
create trigger history after insert or update or delete on operator_assignments
    for each row execute function gate.keep_assignment_history();
-- What is emptied at once would go unrecorded.
create trigger history_cannot_follow before truncate on accesses
    for each statement execute function gate.refuse_change();
create trigger history_cannot_follow before truncate on partner_users
    for each statement execute function gate.refuse_change();
create trigger history_cannot_follow before truncate on operator_assignments
    for each statement execute function gate.refuse_change();

-- ---------------------------------------------------------------- who reads it

do $$
declare
    t text;
begin
    foreach t in array '{access_history,partner_user_history,assignment_history}'::text[] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy keeps on %I to posture_audit using (true) with check (true)', t);
        execute format('grant select, insert on %I to posture_audit', t);
        execute format('grant select on %I to posture_gateway', t);
    end loop;
end
$$;
create policy keeps on users for select to posture_audit using (true);
create policy keeps on partner_users for select to posture_audit using (true);
create policy keeps on accesses for select to posture_audit using (true);
grant select on users, partner_users, accesses to posture_audit;

-- ACTIVITY, for the customer's own ADMINs alone: who else could see it is no partner's business.
create policy reads on access_history for select to posture_gateway using (customer_id = (select gate.own_activity()));
create policy reads on assignment_history for select to posture_gateway using (customer_id = (select gate.own_activity()));
-- Row security of access_history says whose.
create policy reads on partner_user_history for select to posture_gateway using (
    exists (select from access_history a where a.partner_id = partner_user_history.partner_id));

revoke execute on function gate.changed_at(timestamptz), gate.keep_access_history(),
    gate.keep_partner_user_history(public.partner_users, boolean, timestamptz), gate.keep_member_history(),
    gate.keep_user_history(), gate.keep_assignment_history() from public;
grant execute on function gate.changed_at(timestamptz), gate.instant() to posture_audit;
grant create on schema gate to posture_audit;
alter function gate.keep_access_history() owner to posture_audit;
alter function gate.keep_partner_user_history(public.partner_users, boolean, timestamptz) owner to posture_audit;
alter function gate.keep_member_history() owner to posture_audit;
alter function gate.keep_user_history() owner to posture_audit;
alter function gate.keep_assignment_history() owner to posture_audit;
revoke create on schema gate from posture_audit;

-- The history of what is there already.
insert into access_history
select customer_id, id, 1, created_at, partner_id, status, operating_model, privilege_ceiling, customer_consent, consent_until,
       trial_ends_at
from accesses;
insert into partner_user_history
select m.partner_id, m.user_id, 1, u.created_at, u.name, m.role, u.disabled_at is null
from partner_users m join users u on u.id = m.user_id;
insert into assignment_history
select o.customer_id, o.access_id, o.user_id, 1, a.created_at, true
from operator_assignments o join accesses a on (a.customer_id, a.id) = (o.customer_id, o.access_id);
