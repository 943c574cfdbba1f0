-- Roles are cluster-wide and databases are not, so each is created only where it is missing.
--   posture_gateway  what the gateway connects as: owns nothing, cannot bypass row security, reads through policies.
--   posture_ingest   what an upload's transaction lowers itself to: writes scan results of the scanner's customers.
--   posture_writer   what a mutation's transaction lowers itself to: changes what the viewer may change.
--   posture_policy   owns the functions that the policies call, so that these can read who may see what.
--   posture_rollup   owns the triggers that keep counts and raise alerts, so that no role of the gateway can write a count by hand.
--   posture_audit    owns the triggers that chain audit events, so that no role of the gateway can write a link by hand.
do $$
begin
    if not exists (select from pg_roles where rolname = 'posture_gateway') then
        create role posture_gateway login noinherit nosuperuser nocreatedb nocreaterole nobypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'posture_ingest') then
        create role posture_ingest nologin noinherit nosuperuser nocreatedb nocreaterole nobypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'posture_writer') then
        create role posture_writer nologin noinherit nosuperuser nocreatedb nocreaterole nobypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'posture_policy') then
        create role posture_policy nologin noinherit nosuperuser nocreatedb nocreaterole nobypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'posture_rollup') then
        create role posture_rollup nologin noinherit nosuperuser nocreatedb nocreaterole nobypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'posture_audit') then
        create role posture_audit nologin noinherit nosuperuser nocreatedb nocreaterole nobypassrls;
    end if;
end
$$;

-- NOINHERIT: the gateway has these rights only in a transaction that says `set local role`.
grant posture_ingest, posture_writer to posture_gateway;
-- The one who migrates hands functions over to these roles.
grant posture_policy, posture_rollup, posture_audit to current_user;

create schema gate;
revoke create on schema public from public;
grant usage on schema public to posture_gateway, posture_ingest, posture_writer, posture_policy, posture_rollup,
    posture_audit;
grant usage on schema gate to posture_gateway, posture_ingest, posture_writer, posture_policy, posture_rollup,
    posture_audit;

-- The two settings of a transaction, set once by store::scope. Without them every table is empty.
-- nullif: after a transaction that set it, a setting reads '' and not null.
create function gate.viewer_id() returns uuid
    language sql stable
    return nullif(current_setting('app.viewer', true), '')::uuid;

create function gate.instant() returns timestamptz
    language sql stable
    return nullif(current_setting('app.now', true), '')::timestamptz;
