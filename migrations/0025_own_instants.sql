-- An event of a log keeps its own instant.
--
-- It was given its predecessor's where that was later (0005), as when two gateways' clocks differ. Not everybody who sees an event sees the
-- one before: its instant told of that one. The order of a chain is that of `seq`, which nothing but `audit verify` reads.

do $$
declare
    chain text;
begin
    foreach chain in array array['gate.chain_partner_audit_event()', 'gate.chain_customer_audit_event()'] loop
        if strpos(pg_get_functiondef(chain::regprocedure), 'new.at := greatest(new.at, head.at);') = 0 then
            raise exception 'not the function that was to be changed: %', chain;
        end if;
        execute replace(pg_get_functiondef(chain::regprocedure), 'new.at := greatest(new.at, head.at);', '');
    end loop;
end
$$;
