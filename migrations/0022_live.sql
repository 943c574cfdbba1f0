-- What has changed, told to every gateway when the change commits, so that it can tell the streams that are open.
--
-- A notification carries ids alone and no value: whoever gets an event is decided by the gate, from the tables, when it is sent. So it is
-- a hint: lost, doubled or made up, it shows nobody anything. Statement triggers, whoever writes: a mutation, an upload, the worker or a
-- hand. The channel is `posture_live`; each gateway has one connection that listens. A payload is a letter, a space and a list:
--   f CUSTOMER FINDING,FINDING,..          some findings of a customer
--   m CUSTOMER                             more of them than are named one by one: look anew
--   a CUSTOMER/ACCESS/PARTNER,..           some accesses
--   u USER,USER,..                         who they are or what they may
-- Equal notifications of one transaction are one, so an upload of 100,000 findings sends one `m`.

-- Each statement's findings by customer: named, where there are at most 100 of a customer, which a payload of 8,000 bytes holds.
create function gate.tell_findings() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    perform pg_catalog.pg_notify('posture_live', 'm ' || n.customer_id)
    from new_rows n group by n.customer_id having pg_catalog.count(*) > 100;
    -- Apart, so that of an upload's thousands no list is made.
    perform pg_catalog.pg_notify('posture_live', 'f ' || n.customer_id || ' ' || pg_catalog.string_agg(n.id::text, ','))
    from new_rows n
    where n.customer_id in (select f.customer_id from new_rows f group by f.customer_id having pg_catalog.count(*) <= 100)
    group by n.customer_id;
    return null;
end
$$;

create function gate.tell_accesses() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    perform pg_catalog.pg_notify('posture_live',
        'a ' || pg_catalog.string_agg(p.customer_id || '/' || p.id || '/' || p.partner_id, ',' order by p.nth))
    from (select n.customer_id, n.id, n.partner_id, pg_catalog.row_number() over (order by n.customer_id, n.id) as nth
          from new_rows n) p
    group by (p.nth - 1) / 50;
    return null;
end
$$;

-- Every change of an access raises its version (0009), and a new name of its customer is one, too. What differs beside that shows
-- nowhere, a consent's end that has passed for instance, so to tell it would tell of what is hidden.
create function gate.tell_changed_accesses() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    perform pg_catalog.pg_notify('posture_live',
        'a ' || pg_catalog.string_agg(p.customer_id || '/' || p.id || '/' || p.partner_id, ',' order by p.nth))
    from (select n.customer_id, n.id, n.partner_id, pg_catalog.row_number() over (order by n.customer_id, n.id) as nth
          from new_rows n join old_rows o on o.customer_id = n.customer_id and o.id = n.id
          where (n.version, n.customer_name) is distinct from (o.version, o.customer_name)) p
    group by (p.nth - 1) / 50;
    return null;
end
$$;

-- Whose streams have to be looked at: a user was disabled, a role or a key taken away. The column is the table's name for the user.
create function gate.tell_users() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    perform pg_catalog.pg_notify('posture_live', 'u ' || pg_catalog.string_agg(p.id, ',' order by p.nth))
    from (select u.id, pg_catalog.row_number() over (order by u.id) as nth
          from (select distinct pg_catalog.to_jsonb(c) ->> tg_argv[0] as id from changed_rows c) u
          where u.id is not null) p
    group by (p.nth - 1) / 100;
    return null;
end
$$;

revoke execute on function gate.tell_findings(), gate.tell_accesses(), gate.tell_changed_accesses(), gate.tell_users() from public;

create trigger tells_inserted after insert on findings referencing new table as new_rows
    for each statement execute function gate.tell_findings();
create trigger tells_updated after update on findings referencing new table as new_rows
    for each statement execute function gate.tell_findings();
create trigger tells_inserted after insert on accesses referencing new table as new_rows
    for each statement execute function gate.tell_accesses();
create trigger tells_updated after update on accesses referencing old table as old_rows new table as new_rows
    for each statement execute function gate.tell_changed_accesses();

create trigger tells_updated after update on users referencing new table as changed_rows
    for each statement execute function gate.tell_users('id');
create trigger tells_updated after update on partner_users referencing new table as changed_rows
    for each statement execute function gate.tell_users('user_id');
create trigger tells_deleted after delete on partner_users referencing old table as changed_rows
    for each statement execute function gate.tell_users('user_id');
create trigger tells_updated after update on customer_users referencing new table as changed_rows
    for each statement execute function gate.tell_users('user_id');
create trigger tells_deleted after delete on customer_users referencing old table as changed_rows
    for each statement execute function gate.tell_users('user_id');
create trigger tells_updated after update on api_keys referencing new table as changed_rows
    for each statement execute function gate.tell_users('user_id');
create trigger tells_deleted after delete on api_keys referencing old table as changed_rows
    for each statement execute function gate.tell_users('user_id');
create trigger tells_updated after update on partner_api_keys referencing new table as changed_rows
    for each statement execute function gate.tell_users('user_id');
create trigger tells_deleted after delete on partner_api_keys referencing old table as changed_rows
    for each statement execute function gate.tell_users('user_id');
