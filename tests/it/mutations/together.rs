//! Two who change one access at once: one of them is first, and nothing is lost.

use futures_util::future::join_all;
use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::CustomerRole;
use posture_gateway::store::seed::AddOn;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use super::{codes, mutate, mutate_customer, recorded};
use crate::support::app::{App, Reply, Walls};
use crate::support::cast::{Cast, Persona};
use crate::support::live::within;
use crate::support::world::{Terms, World, days};

/// Five times, so that either may be first.
#[tokio::test]
async fn of_two_who_decided_on_the_same_version_one_is_told_of_the_conflict() {
    for _ in 0..5 {
        let cast = Cast::new();
        let acme = GlobalId::Access(cast.acme.customer, cast.acme.access).to_string();
        let app = App::start(cast.world).await;
        let clients = [app.sign_in(Persona::PartnerAdmin), app.sign_in(Persona::PartnerAdmin)];
        let ask = |nth: usize, model: &str| {
            let input = json!({ "accessId": acme, "operatingModel": model, "reason": "at once", "expectedVersion": 1 });
            let client = clients[nth].clone();
            async move { mutate(&client, "changeOperatingModel", input).await }
        };
        let (one, other) = tokio::join!(ask(0, "CO_MANAGED"), ask(1, "FULLY_MANAGED"));
        let mut outcomes = [codes(&one), codes(&other)];
        outcomes.sort();
        assert_eq!(outcomes, [vec![], vec!["CONFLICT".to_owned()]]);
        assert_eq!(recorded(&app, "access.operating_model_changed").await.len(), 2);
    }
}

#[tokio::test]
async fn changes_of_both_sides_at_once_all_count() {
    let cast = Cast::new();
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
    let app = App::start(cast.world).await;
    let (partner, customer) = (app.sign_in(Persona::PartnerAdmin), app.sign_in(Persona::ReadOnlyPortalAdmin));
    let rounds = (0..8).map(|round| {
        let even = round % 2 == 0;
        let model = if even { "CUSTOMER_MANAGED" } else { "CO_MANAGED" };
        let consent = if even { "NONE" } else { "MANAGE" };
        let changes = json!({ "accessId": bolt, "operatingModel": model, "reason": "at once" });
        let grants = json!({ "accessId": bolt, "consent": consent });
        let (partner, customer) = (partner.clone(), customer.clone());
        async move {
            tokio::join!(
                mutate(&partner, "changeOperatingModel", changes),
                mutate(&customer, "setPartnerConsent", grants)
            )
        }
    });
    let replies = join_all(rounds).await;
    let done = replies
        .iter()
        .flat_map(|(one, other)| [codes(one), codes(other)])
        .inspect(|codes| assert!(codes.is_empty() || codes == &["NO_CHANGE"], "{codes:?}"))
        .filter(Vec::is_empty)
        .count();
    let document = format!(r#"{{ access(id: "{bolt}") {{ version }} }}"#);
    assert_eq!(partner.data(&document).await["access"]["version"], 1 + done);
    let events = recorded(&app, "access.operating_model_changed").await.len()
        + recorded(&app, "access.consent_changed").await.len();
    assert_eq!(events, 2 * done);
}

/// The same key at the same moment: the second waits for the first and is answered alike.
#[tokio::test]
async fn two_requests_with_one_key_are_one_change() {
    let cast = Cast::new();
    let acme = GlobalId::Access(cast.acme.customer, cast.acme.access).to_string();
    let app = App::start(cast.world).await;
    let client = app.sign_in(Persona::PartnerAdmin).header("idempotency-key", "once");
    let ask = || {
        mutate(
            &client,
            "changeOperatingModel",
            json!({ "accessId": acme, "operatingModel": "CO_MANAGED", "reason": "at once" }),
        )
    };
    let (one, other) = tokio::join!(ask(), ask());
    assert_eq!(codes(&one), [] as [&str; 0]);
    assert_eq!(one.text, other.text);
    assert_eq!(recorded(&app, "access.operating_model_changed").await.len(), 2);
}

/// However a user comes into being: one has the address, everyone else is told that it is taken.
#[tokio::test]
async fn of_many_who_want_one_address_one_gets_it() {
    for _ in 0..3 {
        let cast = Cast::new();
        let acme = GlobalId::Customer(cast.acme.customer).to_string();
        let app = App::start_with(cast.world, 8).await;
        let (partner, customer) = (app.sign_in(Persona::PartnerAdmin), app.sign_in(Persona::FullPortalAdmin));
        let rounds = (0..4).map(|_| async {
            let founds = json!({ "name": "New", "adminEmail": "one@example.org" });
            let invites = json!({ "customerId": acme, "email": "one@example.org", "role": "READ_ONLY" });
            tokio::join!(
                mutate_customer(&partner, "createCustomer", founds),
                mutate_customer(&customer, "inviteCustomerUser", invites)
            )
        });
        let mut outcomes: Vec<_> =
            join_all(rounds).await.iter().flat_map(|(one, other)| [codes(one), codes(other)]).collect();
        outcomes.sort();
        assert_eq!(outcomes[0], [] as [&str; 0]);
        assert!(outcomes[1..].iter().all(|codes| codes == &["INVALID"]), "{outcomes:?}");
    }
}

/// Every kind of change that takes the version it was decided on: of two at once one is done, and the other is a CONFLICT, never
/// a change that was not meant.
#[tokio::test]
async fn of_two_changes_of_one_version_one_is_done_whatever_they_are() {
    let reason = r#"reason: "At once""#;
    let partners = [
        ("changeOperatingModel", format!("operatingModel: FULLY_MANAGED, {reason}"), "ACTIVE"),
        ("setPrivilegeCeiling", format!("ceiling: NONE, {reason}"), "ACTIVE"),
        ("suspendAccess", reason.to_owned(), "ACTIVE"),
        ("endAccess", reason.to_owned(), "ACTIVE"),
        ("addAddOn", r#"code: "SSO""#.to_owned(), "ACTIVE"),
        ("removeAddOn", r#"code: "API""#.to_owned(), "ACTIVE"),
        ("assignOperator", "assigned: true, operatorId: \"%\"".to_owned(), "ACTIVE"),
        ("resumeAccess", reason.to_owned(), "SUSPENDED"),
        ("convertTrial", String::new(), "TRIAL"),
    ];
    let customers = [
        ("setPartnerConsent", "consent: MANAGE".to_owned(), "ACTIVE"),
        ("setPartnerConsent", "consent: NONE".to_owned(), "SUSPENDED"),
        ("electOperatingModel", "operatingModel: FULLY_MANAGED".to_owned(), "TRIAL"),
    ];
    let mut world = World::default();
    world.catalogue();
    let birch = world.partner("Birch");
    let (ada, oscar) = (world.partner_admin(birch, "Ada"), world.operator(birch, "Oscar"));
    let mut pairs = Vec::new();
    for (mine, other) in partners.iter().flat_map(|one| partners.iter().map(move |other| (one, other))).chain(
        partners.iter().chain(&customers).flat_map(|one| customers.iter().map(move |other| (one, other))),
    ) {
        if mine.2 != other.2 {
            continue;
        }
        let customer = world.customer(birch, "Acme", PortalAccess::Disabled);
        let terms = match mine.2 {
            "TRIAL" => Terms::customer_managed().trial_until(days(5)),
            "SUSPENDED" => Terms::co_managed().status(AccessStatus::Suspended),
            _ => Terms::co_managed(),
        };
        let access = world.access(birch, customer, terms);
        world.rows.add_ons.push(AddOn {
            customer_id: customer,
            access_id: access,
            code: "API".to_owned(),
            partner_id: birch,
            name: "API".to_owned(),
            price: Decimal::ONE,
        });
        let eve = world.customer_user(customer, CustomerRole::Admin, &format!("Eve {}", pairs.len()));
        let by = |field: &str| if partners.iter().any(|(own, ..)| *own == field) { ada } else { eve };
        let call = |(field, input, _): &(&'static str, String, &str)| {
            let input = input.replace('%', &GlobalId::User(oscar).to_string());
            let id = GlobalId::Access(customer, access);
            let document = format!(
                "mutation {{ {field}(input: {{ accessId: \"{id}\", expectedVersion: 1, {input} }}) {{ userErrors {{ code field }} }} }}"
            );
            (by(field), document)
        };
        pairs.push((access, call(mine), call(other)));
    }
    let app = App::start_with(world, 8).await;
    let mut first = [0, 0];
    for (_, (one, mine), (two, other)) in &pairs {
        let (one, two) = (app.sign_in(*one), app.sign_in(*two));
        // Either may be first.
        let replies = if first[0] > first[1] {
            let (late, early) = tokio::join!(two.ask(other), one.ask(mine));
            [early, late]
        } else {
            tokio::join!(one.ask(mine), two.ask(other)).into()
        };
        let outcomes = [codes(&replies[0]), codes(&replies[1])];
        let done =
            outcomes.iter().position(Vec::is_empty).unwrap_or_else(|| panic!("{mine} {other} {outcomes:?}"));
        assert_eq!(outcomes[1 - done], ["CONFLICT"], "{mine} {other}");
        first[done] += 1;
    }
    assert!(first[0] > 0 && first[1] > 0, "{first:?}");
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let odd: Vec<String> = sqlx::query_scalar(
        "select a.id::text from accesses a
         where a.version <> 2
            or (select count(*) from partner_audit_events e where e.access_id = a.id) <> 1
            or (select count(*) from customer_audit_events e where e.customer_id = a.customer_id) <> 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(odd, [] as [&str; 0], "of {} accesses", pairs.len());
}

/// The managing partner opens the portal while another partner takes the customer over: whoever is first, a FULL portal and
/// FULLY_MANAGED never stand side by side.
#[tokio::test]
async fn a_portal_is_never_full_beside_a_fully_managed_access() {
    let mut world = World::default();
    let (birch, cedar) = (world.partner("Birch"), world.partner("Cedar"));
    let (ada, cid) = (world.partner_admin(birch, "Ada"), world.partner_admin(cedar, "Cid"));
    let customers: Vec<_> = (0..12)
        .map(|nth| {
            let customer = world.customer(birch, &format!("Customer {nth}"), PortalAccess::ReadOnly);
            world.access(birch, customer, Terms::co_managed());
            let access = GlobalId::Access(customer, world.access(cedar, customer, Terms::co_managed()));
            (GlobalId::Customer(customer), access)
        })
        .collect();
    let app = App::start_with(world, 8).await;
    let (ada, cid) = (app.sign_in(ada), app.sign_in(cid));
    let rounds = customers.iter().enumerate().map(|(nth, (customer, access))| {
        let opens = json!({ "customerId": customer.to_string(), "portalAccess": "FULL" });
        let takes =
            json!({ "accessId": access.to_string(), "operatingModel": "FULLY_MANAGED", "reason": "At once" });
        let (ada, cid) = (ada.clone(), cid.clone());
        async move {
            let opened = async { codes(&mutate_customer(&ada, "setPortalAccess", opens).await) };
            let changed = async { codes(&mutate(&cid, "changeOperatingModel", takes).await) };
            if nth.is_multiple_of(2) {
                tokio::join!(opened, changed)
            } else {
                let (changed, opened) = tokio::join!(changed, opened);
                (opened, changed)
            }
        }
    });
    for (opened, changed) in join_all(rounds).await {
        assert!(opened.is_empty() || opened == ["WRONG_STATE"], "{opened:?}");
        assert_eq!(changed, [] as [&str; 0]);
    }
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let levels: Vec<i16> = sqlx::query_scalar("select distinct portal_access from customers")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    assert_eq!(levels, [1]);
}

/// Two ADMINs of a customer or a partner who disable each other: one of them remains, whoever is first.
#[tokio::test]
async fn two_admins_who_disable_each_other_leave_one() {
    let mut world = World::default();
    let birch = world.partner("Birch");
    let pairs: Vec<_> = (0..8)
        .map(|nth| {
            let customer = world.customer(birch, &format!("Customer {nth}"), PortalAccess::Full);
            let mut admin =
                |name: &str| world.customer_user(customer, CustomerRole::Admin, &format!("{name} {nth}"));
            (admin("Ada"), admin("Ben"))
        })
        .collect();
    let partners: Vec<_> = (0..8)
        .map(|nth| {
            let partner = world.partner(&format!("Partner {nth}"));
            let mut admin = |name: &str| world.partner_admin(partner, &format!("{name} of {nth}"));
            (admin("Cem"), admin("Dot"))
        })
        .collect();
    let app = App::start_with(world, 8).await;
    let disable =
        "mutation ($input: DisableUserInput!) { disableUser(input: $input) { userErrors { code } } }";
    let rounds = pairs.iter().chain(&partners).map(|&(ada, ben)| {
        let by = |one, other| {
            let client = app.sign_in(one);
            let input = json!({ "input": { "userId": GlobalId::User(other).to_string() } });
            async move { codes(&client.query(disable, input).await) }
        };
        let (one, other) = (by(ada, ben), by(ben, ada));
        async move { tokio::join!(one, other) }
    });
    for (one, other) in join_all(rounds).await {
        assert_eq!(usize::from(one.is_empty()) + usize::from(other.is_empty()), 1, "{one:?} {other:?}");
    }
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let left: Vec<i64> = sqlx::query_scalar(
        "select count(*) from customer_users m join users u on u.id = m.user_id where u.disabled_at is null group by m.customer_id",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(left, [1; 8]);
    let left: Vec<i64> = sqlx::query_scalar(
        "select count(*) from partner_users m join users u on u.id = m.user_id where u.disabled_at is null group by m.partner_id",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(left, [1; 8]);
    // And so says the database, where the gateway does not ask.
    for (ada, ben) in [pairs[0], partners[0]] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "update users set disabled_at = null where id in ('{ada}', '{ben}')"
        )))
        .execute(&mut owner)
        .await
        .unwrap();
        let open = async |viewer| {
            let mut writer = app.test_database.as_role("posture_gateway").connect().await.unwrap();
            let opening = format!(
                "begin; set local role posture_writer; set local app.viewer = '{viewer}'; set local app.now = '2026-06-15T12:00:00Z'"
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(opening)).execute(&mut writer).await.unwrap();
            writer
        };
        let (mut one, mut other) = (open(ada).await, open(ben).await);
        let take =
            |user| sqlx::AssertSqlSafe(format!("update users set disabled_at = now() where id = '{user}'"));
        sqlx::raw_sql(take(ben)).execute(&mut one).await.unwrap();
        let second = tokio::spawn(async move {
            sqlx::raw_sql(take(ada)).execute(&mut other).await.map(|done| done.rows_affected())
        });
        let waits = "select count(*) from pg_stat_activity
                     where datname = current_database() and wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut owner).await.unwrap() == 0 {}
        sqlx::raw_sql("commit").execute(&mut one).await.unwrap();
        let error = second.await.unwrap().unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("42501"));
    }
}

/// Makes a change by hand that somebody else's request comes upon: it waits for the change's locks, and then finds what is.
async fn meets(app: &App, change: &str, request: impl Future<Output = Reply> + Send + 'static) -> Reply {
    let connect = || async { app.test_database.as_superuser().connect().await.unwrap() };
    let (mut holder, mut observer) = (connect().await, connect().await);
    holder.execute(AssertSqlSafe(format!("begin; {change}"))).await.unwrap();
    let asking = tokio::spawn(request);
    within("a request that waits", async {
        let waiting = "select exists (select from pg_stat_activity where datname = current_database()
                       and usename = 'posture_gateway' and wait_event_type = 'Lock')";
        while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut observer).await.unwrap() {}
    })
    .await;
    holder.execute("commit").await.unwrap();
    asking.await.unwrap()
}

#[tokio::test]
async fn an_assignment_that_ends_meanwhile_ends_what_waits_for_it() {
    for walls in Walls::EITHER {
        let mut cast = Cast::new();
        let crown = cast.crown;
        cast.world.assign(Persona::Operator.into(), crown.customer, crown.access);
        let app = App::start_behind(walls, cast.world).await;
        let change = format!(
            "update accesses set version = version + 1 where id = '{0}'; delete from operator_assignments where access_id = '{0}'",
            crown.access
        );
        let client = app.sign_in(Persona::Operator);
        let input =
            json!({ "customerId": GlobalId::Customer(crown.customer).to_string(), "criticalDays": 3 });
        let reply =
            meets(&app, &change, async move { mutate_customer(&client, "setSlaPolicy", input).await }).await;
        assert_eq!(codes(&reply), ["NOT_FOUND"], "{walls:?} {}", reply.text);
    }
}

#[tokio::test]
async fn who_becomes_an_admin_meanwhile_is_no_partners_to_disable() {
    for walls in Walls::EITHER {
        let cast = Cast::new();
        let crown = cast.crown.customer;
        let app = App::start_behind(walls, cast.world).await;
        let reader = UserId::from(Persona::DisabledPortalReader);
        let change = format!(
            "select from customers where customer_id = '{crown}' for update; \
             update customer_users set role = 'ADMIN' where user_id = '{reader}'"
        );
        let client = app.sign_in(Persona::PartnerAdmin);
        let document = format!(
            "mutation {{ disableUser(input: {{ userId: \"{}\" }}) {{ userErrors {{ code }} }} }}",
            GlobalId::User(reader)
        );
        let reply = meets(&app, &change, async move { client.ask(&document).await }).await;
        assert_eq!(codes(&reply), ["NOT_PERMITTED"], "{walls:?} {}", reply.text);
    }
}

#[tokio::test]
async fn a_schedule_that_somebody_pauses_meanwhile_is_paused_once() {
    for walls in Walls::EITHER {
        let Cast { world, crown, .. } = Cast::new();
        let app = App::start_behind(walls, world).await;
        let schedule = crown.posture.schedule;
        let change = format!("update scan_schedules set enabled = false where id = '{schedule}'");
        let client = app.sign_in(Persona::PartnerAdmin);
        let document = format!(
            "mutation {{ pauseScanSchedule(input: {{ scanScheduleId: \"{}\" }}) {{ userErrors {{ code }} }} }}",
            GlobalId::ScanSchedule(crown.customer, schedule)
        );
        let reply = meets(&app, &change, async move { client.ask(&document).await }).await;
        assert_eq!(codes(&reply), ["NO_CHANGE"], "{walls:?} {}", reply.text);
    }
}

/// Of two ADMINs one takes the other's place away, and has lost their own meanwhile.
#[tokio::test]
async fn who_is_no_admin_any_more_leaves_the_last_one_in_place() {
    for walls in Walls::EITHER {
        for lost in
            ["customer_users set role = 'READ_ONLY' where user_id", "users set disabled_at = now() where id"]
        {
            for (field, more) in [("disableUser", ""), ("setCustomerUserRole", ", role: READ_ONLY")] {
                let mut cast = Cast::new();
                let acme = cast.acme.customer;
                let last = cast.world.customer_user(acme, CustomerRole::Admin, "Last Admin");
                let app = App::start_behind(walls, cast.world).await;
                let one = UserId::from(Persona::FullPortalAdmin);
                let change = format!(
                    "select from customers where customer_id = '{acme}' for update; update {lost} = '{one}'"
                );
                let client = app.sign_in(one);
                let document = format!(
                    "mutation {{ {field}(input: {{ userId: \"{}\"{more} }}) {{ userErrors {{ code message }} }} }}",
                    GlobalId::User(last)
                );
                let reply = meets(&app, &change, async move { client.ask(&document).await }).await;
                // The policies read anew who asks, and show them nobody any more.
                let (code, why) = match walls {
                    Walls::Both => ("NOT_FOUND", "there is no user"),
                    Walls::GateAlone => ("NOT_PERMITTED", "the last ADMIN who may sign in stays one"),
                };
                assert_eq!(codes(&reply), [code], "{walls:?} {lost} {field} {}", reply.text);
                assert!(reply.text.contains(why), "{walls:?} {lost} {field} {}", reply.text);
                let stays = format!(
                    "select role = 'ADMIN' and disabled_at is null from customer_users join users on id = user_id where id = '{last}'"
                );
                let mut owner = app.owner().await;
                let stays: bool =
                    sqlx::query_scalar(AssertSqlSafe(stays)).fetch_one(&mut owner).await.unwrap();
                assert!(stays, "{walls:?} {lost} {field}");
            }
        }
    }
}
