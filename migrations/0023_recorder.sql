-- What was shown is recorded for all requests at once that wait for it: one transaction, and one wait for the disk, for many.
--
-- Before, each request wrote its records in a transaction of its own, on the connection that it had read on (0018). Who was shown something
-- is told now and not taken from the transaction, for it is of many viewers; what cannot be told is whose user that is, what they were
-- called, and of whom they can have been shown something: the function looks that up itself. All of a call is recorded, or nothing.

drop function gate.record_access(uuid, text, text, text[], uuid[]);

-- Records that some viewers were shown a class of some customers by some fields. The first arrays have an element for each viewer, request
-- and class; the last two one for each customer of each, naming that one by its place. Fields are separated by commas. The id is the
-- caller's, so that a call whose end was not confirmed can be made again: recorded twice is refused.
create function gate.record_reads(ids uuid[], viewers uuid[], instants timestamptz[], requests uuid[], operations text[], classes text[],
                                  fields text[], places int[], customers uuid[]) returns void
    language plpgsql security definer set search_path = ''
as $$
declare
    recorded bigint;
begin
    with reads as materialized (
        select r.place, r.id, r.at, r.viewer, m.partner_id, u.name, r.request, r.operation, r.class,
               pg_catalog.string_to_array(r.fields, ',') as fields
        from unnest(ids, viewers, instants, requests, operations, classes, fields)
             with ordinality r (id, viewer, at, request, operation, class, fields, place)
        -- One of a partner's users, or nothing is recorded and nothing may be answered; whether they may still sign in is no matter, for
        -- they were shown it.
        join public.partner_users m on m.user_id = r.viewer
        join public.users u on u.id = r.viewer
    )
    insert into public.access_records (customer_id, at, id, partner_id, user_id, user_name, request_id, class, operation, fields)
    select c.id, r.at, r.id, r.partner_id, r.viewer, r.name, r.request, r.class, r.operation, r.fields
    from unnest(places, customers) c (place, id) join reads r on r.place = c.place
    -- Whom it never had anything to do with it cannot have been shown.
    where exists (select from public.accesses a where a.customer_id = c.id and a.partner_id = r.partner_id);
    get diagnostics recorded = row_count;
    if recorded <> pg_catalog.cardinality(customers) then
        raise exception 'a read of a customer that is not the viewer''s' using errcode = 'insufficient_privilege';
    end if;
end
$$;
revoke execute on function gate.record_reads(uuid[], uuid[], timestamptz[], uuid[], text[], text[], text[], int[], uuid[]) from public;
grant execute on function gate.record_reads(uuid[], uuid[], timestamptz[], uuid[], text[], text[], text[], int[], uuid[])
    to posture_transparency;
grant create on schema gate to posture_audit;
alter function gate.record_reads(uuid[], uuid[], timestamptz[], uuid[], text[], text[], text[], int[], uuid[]) owner to posture_audit;
revoke create on schema gate from posture_audit;
