//! `GET /share/{secret}`: what an outsider sees by a link, and that a link which shows nothing says nothing (DESIGN.md 4).

use chrono::{DateTime, TimeDelta, Utc};
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, UserId};
use posture_gateway::domain::secret::Secret;
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};

use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{NOW, World};

/// Makes a link, and tells its secret.
async fn link(client: &Client, customer: CustomerId) -> String {
    let document = format!(
        "mutation {{ createPostureShare(input: {{ customerId: \"{}\", label: \"For <b>the</b> insurer\", \
         expiresAt: \"2026-09-01T00:00:00Z\" }}) {{ url }} }}",
        GlobalId::Customer(customer)
    );
    let url = client.data(&document).await["createPostureShare"]["url"].as_str().unwrap().to_owned();
    url.rsplit('/').next().unwrap().to_owned()
}

async fn open(app: &App, secret: &str) -> Reply {
    let client = app.anonymous();
    client.send(client.get_from(&format!("/share/{secret}"))).await
}

async fn open_in_browser(app: &App, secret: &str) -> Reply {
    let client = app.anonymous().header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    client.send(client.get_from(&format!("/share/{secret}"))).await
}

#[tokio::test]
async fn a_link_shows_numbers_and_nothing_that_names_anything() {
    let cast = Cast::new();
    let crown = cast.crown.customer;
    let app = App::start(cast.world).await;
    let secret = link(&app.sign_in(Persona::PartnerAdmin), crown).await;
    let reply = open(&app, &secret).await;
    assert_eq!(
        reply.body,
        json!({
            "share": { "label": "For <b>the</b> insurer", "expiresAt": "2026-09-01T00:00:00Z" },
            "customer": { "name": "Crown" },
            "asOf": "2026-06-15T12:00:00Z",
            "posture": {
                "openFindings": { "critical": 0, "high": 1, "medium": 0, "low": 0, "info": 0, "total": 1 },
                "slaBreaches": 0, "assets": 1, "riskScore": 3.8, "lastScanAt": reply.body["posture"]["lastScanAt"],
            },
        })
    );
    assert_eq!((reply.status, reply.statements), (200, 5));
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-robots-tag", "noindex, nofollow"),
        ("vary", "accept"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }

    let page = open_in_browser(&app, &secret).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(
        page.text.contains("For &lt;b&gt;the&lt;/b&gt; insurer") && page.text.contains("Crown"),
        "{}",
        page.text
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.ends_with("'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !page.text.contains("<script"), "{policy}");
    let nothing = open_in_browser(&app, "nothing").await;
    assert_eq!((nothing.status, nothing.header("content-type")), (404, Some("text/html; charset=utf-8")));
    assert_eq!(nothing.header("content-security-policy"), Some(policy));

    // Nothing of what the numbers count, nor of who counted.
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let names: Vec<String> = sqlx::query_scalar(
        "select title from findings union select value from assets union select name from components union select name from users",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(names.len() > 10);
    for name in names {
        assert!(!reply.text.contains(&name) && !page.text.contains(&name), "{name}");
    }
}

/// What makes a link show nothing, by what it is called, and whether it can be undone.
const ENDS: &[(&str, &str, Option<&str>)] = &[
    (
        "revoked",
        "update posture_shares set revoked_at = '2026-06-15T12:00:00Z' where secret_hash is not null",
        None,
    ),
    (
        "another model",
        "update accesses set operating_model = 'CO_MANAGED' where id = 'ACCESS'",
        Some("update accesses set operating_model = 'FULLY_MANAGED' where id = 'ACCESS'"),
    ),
    (
        "less consent",
        "update accesses set customer_consent = 1 where id = 'ACCESS'",
        Some("update accesses set customer_consent = 2 where id = 'ACCESS'"),
    ),
    (
        "consent that ended",
        "update accesses set consent_until = '2026-06-15T12:00:00Z' where id = 'ACCESS'",
        Some("update accesses set consent_until = '2026-06-15T12:00:01Z' where id = 'ACCESS'"),
    ),
    (
        "a lower ceiling",
        "update accesses set privilege_ceiling = 1 where id = 'ACCESS'",
        Some("update accesses set privilege_ceiling = 2 where id = 'ACCESS'"),
    ),
    (
        "a pause",
        "update accesses set status = 'SUSPENDED' where id = 'ACCESS'",
        Some("update accesses set status = 'ACTIVE' where id = 'ACCESS'"),
    ),
    (
        "an end of the access",
        "update accesses set status = 'ENDED', ended_at = now() where id = 'ACCESS'",
        None,
    ),
    (
        "a disabled maker",
        "update users set disabled_at = now() where id = 'MAKER'",
        Some("update users set disabled_at = null where id = 'MAKER'"),
    ),
    ("a maker without a role", "delete from partner_users where user_id = 'MAKER'", None),
    (
        "an operator without the assignment",
        "update partner_users set role = 'OPERATOR' where user_id = 'MAKER'",
        Some("update partner_users set role = 'ADMIN' where user_id = 'MAKER'"),
    ),
];

/// Nothing distinguishes them: neither a byte nor a header nor the number of statements.
#[tokio::test]
async fn whatever_ended_a_link_it_is_answered_like_one_that_never_was() {
    let (mut replies, mut pages) = (Vec::new(), Vec::new());
    for (what, ends, undone) in ENDS {
        let cast = Cast::new();
        let crown = cast.crown;
        let app = App::start(cast.world).await;
        let secret = link(&app.sign_in(Persona::PartnerAdmin), crown.customer).await;
        let sql = |sql: &str| {
            sql.replace("ACCESS", &crown.access.to_string())
                .replace("MAKER", &UserId::from(Persona::PartnerAdmin).to_string())
        };
        assert_eq!(open(&app, &secret).await.status, 200, "{what}");
        app.as_owner(&sql(ends)).await;
        replies.push((*what, open(&app, &secret).await));
        pages.push((*what, open_in_browser(&app, &secret).await));
        // Decided from the facts of now.
        if let Some(undone) = undone {
            app.as_owner(&sql(undone)).await;
            assert_eq!(open(&app, &secret).await.status, 200, "after {what}");
        }
    }

    let cast = Cast::new();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let secret = link(&app.sign_in(Persona::FullPortalAdmin), acme).await;
    let shown = open(&app, &secret).await;
    for text in [
        "posture_share_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "nonsense",
        "%ff%fe",
        "%00",
        "';drop table posture_shares--",
        &secret[1..],
        &secret.to_lowercase(),
        &format!("{secret}%20"),
        &"x".repeat(4_000),
    ] {
        replies.push(("nothing", open(&app, text).await));
        pages.push(("nothing", open_in_browser(&app, text).await));
    }
    // The customer's own link, once its portal is no longer FULL.
    app.as_owner("update customers set portal_access = 1").await;
    replies.push(("a portal that closed", open(&app, &secret).await));
    app.as_owner("update customers set portal_access = 2").await;
    assert_eq!(open(&app, &secret).await.text, shown.text);
    let end: DateTime<Utc> = "2026-09-01T00:00:00Z".parse().unwrap();
    app.clock.advance(end - TimeDelta::seconds(1) - NOW);
    assert_eq!(open(&app, &secret).await.status, 200);
    app.clock.advance(TimeDelta::seconds(1));
    replies.push(("its end", open(&app, &secret).await));

    let (_, first) = replies[0].clone();
    assert_eq!(
        (first.status, first.codes().as_slice(), first.statements),
        (404, ["NOT_FOUND"].as_slice(), 3)
    );
    for (what, reply) in replies {
        assert_eq!(reply, first, "{what}");
    }
    let (_, first) = pages[0].clone();
    assert_eq!((first.status, first.statements), (404, 3));
    for (what, page) in pages {
        assert_eq!(page, first, "{what}");
    }
}

/// By the gateway's own mutations, as it happens.
#[tokio::test]
async fn a_partner_that_stops_operating_takes_its_links_along() {
    let mut cast = Cast::new();
    let crown = cast.crown;
    cast.world.assign(Persona::Operator.into(), crown.customer, crown.access);
    let access = GlobalId::Access(crown.customer, crown.access);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let secrets =
        [link(&admin, crown.customer).await, link(&app.sign_in(Persona::Operator), crown.customer).await];
    let change = async |model: &str| {
        let document = format!(
            "mutation {{ changeOperatingModel(input: {{ accessId: \"{access}\", operatingModel: {model}, reason: \"as agreed\" }}) {{ \
             userErrors {{ code }} }} }}"
        );
        assert_eq!(admin.data(&document).await["changeOperatingModel"]["userErrors"], json!([]));
    };
    let statuses = async || [open(&app, &secrets[0]).await.status, open(&app, &secrets[1]).await.status];
    assert_eq!(statuses().await, [200, 200]);
    change("CO_MANAGED").await;
    assert_eq!(statuses().await, [404, 404]);
    change("FULLY_MANAGED").await;
    assert_eq!(statuses().await, [200, 200]);
    let consent = |to: &str| {
        format!(
            "mutation {{ setPartnerConsent(input: {{ accessId: \"{access}\", consent: {to} }}) {{ userErrors {{ code }} }} }}"
        )
    };
    app.sign_in(Persona::DisabledPortalAdmin).data(&consent("SUPPORT")).await;
    assert_eq!(statuses().await, [404, 404]);
    app.sign_in(Persona::DisabledPortalAdmin).data(&consent("MANAGE")).await;
    let assignment = format!(
        "mutation {{ assignOperator(input: {{ accessId: \"{access}\", operatorId: \"{}\", assigned: false }}) {{ \
         userErrors {{ code }} }} }}",
        GlobalId::User(Persona::Operator.into())
    );
    admin.data(&assignment).await;
    assert_eq!(statuses().await, [200, 404]);
}

/// Data of others, and what the numbers do not count, change no byte.
#[tokio::test]
async fn what_is_anothers_changes_no_answer() {
    let answers = async |world: World, customer| {
        let app = App::start(world).await;
        let secret = link(&app.sign_in(Persona::FullPortalAdmin), customer).await;
        let (one, two) = (open(&app, &secret).await, open_in_browser(&app, &secret).await);
        (one, two)
    };
    let cast = Cast::new();
    let acme = cast.acme.customer;
    let mut other = Cast::new().world;
    let birch = other.partner("Another partner");
    let more = other.customer(birch, "Another", posture_gateway::domain::customer::PortalAccess::Full);
    other.posture(more);
    other.rows.findings.iter_mut().for_each(|row| row.title.push_str(", once more"));
    other.rows.assets.iter_mut().for_each(|row| row.value.insert_str(0, "other-"));
    assert_eq!(answers(cast.world, acme).await, answers(other, acme).await);
}

/// What the door's role reads in its own transaction.
async fn read(gateway: &mut PgConnection, secret: Option<&str>) -> Vec<String> {
    let hash = secret.map(|secret| Secret::claimed(secret.to_owned()).hash()).unwrap_or_default();
    let hash = hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let share = if secret.is_some() { format!("; set local app.share = '{hash}'") } else { String::new() };
    let opening =
        format!("begin; set local role posture_share; set local app.now = '{}'{share}", NOW.to_rfc3339());
    gateway.execute(AssertSqlSafe(opening)).await.unwrap();
    let rows = sqlx::query_scalar(
        "select name from customers union all \
         select 'rollup of ' || customer_id from posture_rollups union all \
         select distinct 'due of ' || customer_id from posture_due",
    )
    .fetch_all(&mut *gateway)
    .await
    .unwrap();
    gateway.execute("rollback").await.unwrap();
    rows
}

/// The second wall by itself: the role sees the one customer, while the link works, and nothing else ever.
#[tokio::test]
async fn the_database_lets_a_link_see_one_customer_and_nothing_without_one() {
    let cast = Cast::new();
    let crown = cast.crown;
    let app = App::start(cast.world).await;
    app.as_owner("update findings set sla_due_at = '2026-07-01T00:00:00Z'").await;
    let secret = link(&app.sign_in(Persona::PartnerAdmin), crown.customer).await;
    let mut gateway = app.test_database.as_role("posture_gateway").connect().await.unwrap();
    let all = vec![
        "Crown".to_owned(),
        format!("rollup of {}", crown.customer),
        format!("due of {}", crown.customer),
    ];
    let nothing: Vec<String> = Vec::new();
    assert_eq!(read(&mut gateway, None).await, nothing);
    assert_eq!(read(&mut gateway, Some("nonsense")).await, nothing);
    assert_eq!(read(&mut gateway, Some(&secret)).await, all);
    // A transaction that brings none along, after one that did.
    assert_eq!(read(&mut gateway, None).await, nothing);
    for (what, ends, undone) in ENDS {
        let sql = |sql: &str| {
            sql.replace("ACCESS", &crown.access.to_string())
                .replace("MAKER", &UserId::from(Persona::PartnerAdmin).to_string())
        };
        let Some(undone) = undone else { continue };
        app.as_owner(&sql(ends)).await;
        assert_eq!(read(&mut gateway, Some(&secret)).await, nothing, "{what}");
        app.as_owner(&sql(undone)).await;
        assert_eq!(read(&mut gateway, Some(&secret)).await, all, "after {what}");
    }
    app.as_owner("update posture_shares set expires_at = '2026-06-15T12:00:00Z'").await;
    assert_eq!(read(&mut gateway, Some(&secret)).await, nothing, "its end");
    for sql in [
        "select * from findings",
        "select * from assets",
        "select * from users",
        "select * from posture_shares",
    ] {
        gateway.execute("begin; set local role posture_share").await.unwrap();
        let refused = gateway.execute(sql).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{sql}");
        gateway.execute("rollback").await.unwrap();
    }
}

/// The first wall by itself: policies that let everything through change no answer.
#[tokio::test]
async fn without_the_policies_a_link_shows_the_same() {
    for (what, ends, _) in ENDS {
        let cast = Cast::new();
        let crown = cast.crown;
        let app = App::start(cast.world).await;
        let secret = link(&app.sign_in(Persona::PartnerAdmin), crown.customer).await;
        let both = open(&app, &secret).await;
        app.as_owner(
            "alter policy shares on customers using (true); alter policy shares on posture_rollups using (true); \
             alter policy shares on posture_due using (true)",
        )
        .await;
        assert_eq!(open(&app, &secret).await, both, "{what}");
        let sql = ends
            .replace("ACCESS", &crown.access.to_string())
            .replace("MAKER", &UserId::from(Persona::PartnerAdmin).to_string());
        app.as_owner(&sql).await;
        assert_eq!(open(&app, &secret).await.status, 404, "{what}");
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let app = App::start(World::default()).await;
    let client = app.anonymous();
    assert_eq!(client.send(client.post_to("/share/x")).await.status, 405);
    for path in ["/share", "/share/", "/share/a/b"] {
        assert_eq!(client.send(client.get_from(path)).await.status, 404, "{path}");
    }
}
