//! Who may change what, by the database alone: the role that mutations lower themselves to, whatever the gateway asks of it.

use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use crate::support::cast::Persona::{
    DisabledPortalAdmin, DisabledUser, DistributorAdmin, FullPortalAdmin, FullPortalReader, Operator,
    PartnerAdmin, PlatformAdmin, ReadOnlyPortalAdmin, RivalAdmin, Scanner, Unknown,
};
use crate::support::cast::{Cast, Persona};
use crate::support::database::TestDatabase;
use crate::support::world::{NOW, days};

const DENIED: &str = "42501";
const CHECK_VIOLATED: &str = "23514";
const NO_SUCH_ROW: &str = "23503";

/// Opens a mutation's transaction as `store::scope` does, tries one statement and takes it back: how many rows, or which
/// SQLSTATE.
async fn attempt(gateway: &mut PgConnection, persona: Persona, sql: &str) -> Result<u64, String> {
    let viewer = posture_gateway::domain::ids::UserId::from(persona);
    let opening = format!(
        "begin; set local role posture_writer; set local app.viewer = '{viewer}'; set local app.now = '{}'",
        NOW.to_rfc3339()
    );
    gateway.execute(AssertSqlSafe(opening)).await.unwrap();
    let outcome = gateway.execute(AssertSqlSafe(sql)).await;
    gateway.execute("rollback").await.unwrap();
    outcome
        .map(|done| done.rows_affected())
        .map_err(|error| error.as_database_error().unwrap().code().unwrap().into_owned())
}

struct Wall {
    gateway: PgConnection,
    cast: Cast,
    database: TestDatabase,
}

async fn wall() -> Wall {
    let cast = Cast::new();
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    cast.world.rows.insert(&mut owner, |_, _| ()).await.unwrap();
    let gateway = database.as_role("posture_gateway").connect().await.unwrap();
    Wall { gateway, cast, database }
}

#[tokio::test]
async fn each_side_changes_its_own_half_of_its_own_accesses() {
    let Wall { mut gateway, cast, database: _database } = wall().await;
    let (acme, bolt) = (cast.acme.access, cast.bolt.access);
    let set = |access, what: &str| {
        format!("update accesses set version = version + 1, {what} where id = '{access}'")
    };
    let (model, consent) = ("operating_model = 'FULLY_MANAGED'", "customer_consent = 2");
    let denied = || Err(DENIED.to_owned());
    for (persona, sql, outcome) in [
        (PartnerAdmin, set(acme, model), Ok(1)),
        (PartnerAdmin, set(acme, "privilege_ceiling = 2"), Ok(1)),
        (PartnerAdmin, set(acme, "status = 'SUSPENDED'"), Ok(1)),
        // The customer's half.
        (PartnerAdmin, set(acme, consent), denied()),
        (PartnerAdmin, set(acme, "consent_until = now()"), denied()),
        (PartnerAdmin, set(acme, "trial_elected_model = 'CO_MANAGED'"), denied()),
        (FullPortalAdmin, set(acme, consent), Ok(1)),
        (DisabledPortalAdmin, set(cast.crown.access, "customer_consent = 0"), Ok(1)),
        // The partner's half, and its model outside of a trial.
        (FullPortalAdmin, set(acme, model), denied()),
        (FullPortalAdmin, set(acme, "privilege_ceiling = 2"), denied()),
        (FullPortalAdmin, set(acme, "status = 'ENDED', ended_at = now()"), denied()),
        // Nobody else's.
        (FullPortalReader, set(acme, consent), Ok(0)),
        (ReadOnlyPortalAdmin, set(acme, consent), Ok(0)),
        (RivalAdmin, set(bolt, model), Ok(0)),
        (DistributorAdmin, set(bolt, model), Ok(0)),
        // It may lock what is assigned to it, and no more.
        (Operator, set(bolt, model), denied()),
        (PlatformAdmin, set(bolt, model), Ok(0)),
        (Scanner, set(bolt, model), Ok(0)),
        (DisabledUser, set(acme, model), Ok(0)),
        (Unknown, set(acme, model), Ok(0)),
        // Without a new version, and what nobody may.
        (
            PartnerAdmin,
            format!("update accesses set {model} where id = '{acme}'"),
            Err(CHECK_VIOLATED.to_owned()),
        ),
        (PartnerAdmin, set(acme, &format!("partner_id = '{}'", cast.cedar)), denied()),
        (PartnerAdmin, format!("delete from accesses where id = '{acme}'"), denied()),
    ] {
        assert_eq!(attempt(&mut gateway, persona, &sql).await, outcome, "{persona:?}: {sql}");
    }
}

/// What opens posture the database opens no second time, whatever the gateway asks of it (DESIGN.md 6).
#[tokio::test]
async fn an_access_lives_once() {
    let Wall { mut gateway, cast, database } = wall().await;
    let (acme, bolt) = (cast.acme.access, cast.bolt.access);
    let mut owner = database.as_superuser().connect().await.unwrap();
    let mut put = async |access, what: &str| {
        owner
            .execute(AssertSqlSafe(format!("update accesses set {what} where id = '{access}'")))
            .await
            .unwrap();
    };
    let trial_until = |end: i64| {
        format!(
            "status = 'TRIAL', ended_at = null, trial_started_at = '{}', trial_ends_at = '{}', trial_convert_by = '{}'",
            days(end - 30).to_rfc3339(),
            days(end).to_rfc3339(),
            days(end + 30).to_rfc3339()
        )
    };
    let set = |what: &str| format!("update accesses set version = version + 1, {what} where id = '{acme}'");
    let convert = set(&format!("status = 'ACTIVE', trial_converted_at = '{}'", NOW.to_rfc3339()));
    let end = set("status = 'ENDED', ended_at = now()");
    let elect = set("trial_elected_model = 'CO_MANAGED'");
    let never = || Err(CHECK_VIOLATED.to_owned());
    let (active, held) = ("status = 'ACTIVE'", "status = 'SUSPENDED'");
    let (over, ended) = (trial_until(-31), "status = 'ENDED', ended_at = now()");
    for (state, persona, sql, outcome) in [
        (active, PartnerAdmin, end.clone(), Ok(1)),
        (active, PartnerAdmin, convert.clone(), never()),
        (active, FullPortalAdmin, elect.clone(), never()),
        (active, PartnerAdmin, set("status = 'TRIAL'"), never()),
        (held, PartnerAdmin, set(active), Ok(1)),
        (held, PartnerAdmin, end.clone(), Ok(1)),
        (ended, PartnerAdmin, set("status = 'ACTIVE', ended_at = null"), never()),
        (ended, PartnerAdmin, set("status = 'SUSPENDED', ended_at = null"), never()),
        (ended, PartnerAdmin, set("privilege_ceiling = 2"), never()),
        // The customer's last word stays the customer's.
        (ended, FullPortalAdmin, set("customer_consent = 0"), Ok(1)),
        (&trial_until(3), PartnerAdmin, convert.clone(), Ok(1)),
        (&trial_until(-3), PartnerAdmin, convert.clone(), Ok(1)),
        (&trial_until(3), PartnerAdmin, set(active), never()),
        (&trial_until(3), PartnerAdmin, set(held), never()),
        (&trial_until(3), PartnerAdmin, end.clone(), Ok(1)),
        (&trial_until(3), FullPortalAdmin, elect.clone(), Ok(1)),
        (&trial_until(-3), FullPortalAdmin, elect.clone(), never()),
        // The time to convert it is over.
        (&over, PartnerAdmin, convert.clone(), never()),
        (&over, PartnerAdmin, end.clone(), Ok(1)),
    ] {
        put(acme, "ended_at = null, status = 'ACTIVE'").await;
        put(acme, state).await;
        assert_eq!(attempt(&mut gateway, persona, &sql).await, outcome, "{state}, {persona:?}: {sql}");
    }
    // A conversion by the way widens nothing either: not of one's own, and not of others'.
    put(bolt, &trial_until(3)).await;
    let sql = format!(
        "update accesses set version = version + 1, status = 'ACTIVE', trial_converted_at = '{}', operating_model = 'FULLY_MANAGED' \
         where id = '{bolt}'",
        NOW.to_rfc3339()
    );
    assert_eq!(attempt(&mut gateway, PartnerAdmin, &sql).await, Err(DENIED.to_owned()));
    assert_eq!(attempt(&mut gateway, RivalAdmin, &sql).await, Ok(0));
}

/// The viewer of the transaction, in SQL.
const WHOEVER_ASKS: &str = "nullif(current_setting('app.viewer', true), '')::uuid";

#[tokio::test]
async fn events_are_added_to_the_own_logs_alone_and_never_changed() {
    let Wall { mut gateway, cast, database: _database } = wall().await;
    let record = |log: &str, owner: &str, id| {
        format!(
            "insert into {log}_audit_events ({log}_id, id, at, actor, actor_id, action) \
             values ('{id}', gen_random_uuid(), now(), 'a', {WHOEVER_ASKS}, '{owner}')"
        )
    };
    let told = |customer: &str, partner: &str| {
        format!(
            "insert into customer_audit_events (customer_id, partner_id, id, at, actor, actor_id, action) \
             values ('{customer}', '{partner}', gen_random_uuid(), now(), 'a', {WHOEVER_ASKS}, 'told')"
        )
    };
    let decided = |partner: &str, customer: &str| {
        format!(
            "insert into partner_audit_events (partner_id, customer_id, id, at, actor, actor_id, action) \
             values ('{partner}', '{customer}', gen_random_uuid(), now(), 'a', {WHOEVER_ASKS}, 'decided')"
        )
    };
    let in_anothers_name = |sql: &str| sql.replace(WHOEVER_ASKS, "gen_random_uuid()");
    let (birch, cedar) = (cast.birch.to_string(), cast.cedar.to_string());
    let (acme, dune) = (cast.acme.customer.to_string(), cast.dune.customer.to_string());
    let denied = || Err(DENIED.to_owned());
    for (persona, sql, outcome) in [
        (Persona::PartnerAdmin, record("partner", "own", &birch), Ok(1)),
        // In the own partner's name: by it other partners are not told.
        (Persona::PartnerAdmin, told(&acme, &birch), Ok(1)),
        (Persona::PartnerAdmin, told(&acme, &cedar), denied()),
        (Persona::PartnerAdmin, record("customer", "unnamed", &acme), denied()),
        (Persona::Operator, told(&cast.bolt.customer.to_string(), &birch), Ok(1)),
        (Persona::Operator, told(&acme, &birch), denied()),
        (Persona::PlatformAdmin, record("customer", "unnamed", &acme), denied()),
        (Persona::PlatformAdmin, told(&acme, &birch), denied()),
        (Persona::PartnerAdmin, record("partner", "rival", &cedar), denied()),
        (Persona::PartnerAdmin, record("customer", "of a rival", &dune), denied()),
        // A customer's decision stands in its partner's log, too.
        (Persona::FullPortalAdmin, decided(&birch, &acme), Ok(1)),
        (Persona::FullPortalAdmin, record("partner", "of no customer", &birch), denied()),
        (Persona::FullPortalAdmin, decided(&birch, &dune), denied()),
        (Persona::FullPortalAdmin, decided(&cedar, &acme), denied()),
        // Nobody writes in another's name.
        (Persona::FullPortalAdmin, in_anothers_name(&decided(&birch, &acme)), denied()),
        (Persona::FullPortalAdmin, in_anothers_name(&record("customer", "own", &acme)), denied()),
        (Persona::PartnerAdmin, in_anothers_name(&record("partner", "own", &birch)), denied()),
        (Persona::PartnerAdmin, in_anothers_name(&told(&acme, &birch)), denied()),
        (Persona::FullPortalAdmin, record("customer", "own", &acme), Ok(1)),
        (Persona::FullPortalAdmin, record("customer", "another", &dune), denied()),
        (Persona::DisabledUser, record("partner", "own once", &birch), denied()),
        (Persona::Scanner, record("partner", "of nobody", &birch), denied()),
        (Persona::PartnerAdmin, "update partner_audit_events set action = 'x'".to_owned(), denied()),
        (Persona::PartnerAdmin, "delete from customer_audit_events".to_owned(), denied()),
        (Persona::PartnerAdmin, "truncate partner_audit_events".to_owned(), denied()),
        (Persona::PartnerAdmin, "update partner_audit_heads set seq = 0".to_owned(), denied()),
    ] {
        assert_eq!(attempt(&mut gateway, persona, &sql).await, outcome, "{persona:?}: {sql}");
    }
}

/// The place and the link of an event are the database's to give.
#[tokio::test]
async fn nobody_forges_a_link() {
    let Wall { mut gateway, cast, database } = wall().await;
    let sql = format!(
        "with forged as (insert into partner_audit_events (partner_id, id, at, actor, action, seq, previous_hash, hash) \
         values ('{}', gen_random_uuid(), now(), 'a', 'forged', 1, 'x', 'x') returning seq, hash) \
         select from forged where seq = 1 or hash = 'x'",
        cast.birch
    );
    // Reading what was written takes a right that mutations do not have.
    assert_eq!(attempt(&mut gateway, Persona::PartnerAdmin, &sql).await, Err(DENIED.to_owned()));
    let mut owner = database.as_superuser().connect().await.unwrap();
    let plain = sql.replace("with forged as (", "").split(" returning").next().unwrap().to_owned();
    owner.execute(AssertSqlSafe(plain)).await.unwrap();
    let (seq, length): (i64, i32) =
        sqlx::query_as("select seq, length(hash) from partner_audit_events where action = 'forged'")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert_eq!((seq, length), (2, 32));
}

#[tokio::test]
async fn a_customer_never_opens_its_own_portal() {
    let Wall { mut gateway, cast, database: _database } = wall().await;
    let set = |customer, level| {
        format!("update customers set portal_access = {level} where customer_id = '{customer}'")
    };
    let (bolt, acme) = (cast.bolt.customer, cast.acme.customer);
    for (persona, sql, outcome) in [
        (Persona::ReadOnlyPortalAdmin, set(bolt, 2), Err(DENIED.to_owned())),
        (Persona::FullPortalAdmin, set(acme, 1), Ok(1)),
        (Persona::ReadOnlyPortalReader, set(bolt, 0), Ok(0)),
        (Persona::PartnerAdmin, set(bolt, 2), Ok(1)),
        (Persona::PartnerAdmin, set(cast.dune.customer, 2), Ok(0)),
        // It may lock what is assigned to it, and no more.
        (Persona::Operator, set(bolt, 2), Err(DENIED.to_owned())),
        (Persona::PlatformAdmin, set(bolt, 2), Ok(0)),
    ] {
        assert_eq!(attempt(&mut gateway, persona, &sql).await, outcome, "{persona:?}: {sql}");
    }
}

/// *Operate* (DESIGN.md 4), as its policies know it by themselves.
#[tokio::test]
async fn shares_and_evidence_are_written_by_whoever_operates_in_their_own_name() {
    let Wall { mut gateway, cast, database: _database } = wall().await;
    let (acme, bolt, crown, dune) = (cast.acme, cast.bolt, cast.crown, cast.dune);
    let none = || "null".to_owned();
    let (birch, cedar) = (format!("'{}'", cast.birch), format!("'{}'", cast.cedar));
    let denied = || Err(DENIED.to_owned());
    for (persona, sold, partner, outcome) in [
        (PartnerAdmin, crown, birch.clone(), Ok(1)),
        (PartnerAdmin, crown, none(), denied()),
        (PartnerAdmin, crown, cedar, denied()),
        (PartnerAdmin, acme, birch.clone(), denied()),
        (PartnerAdmin, bolt, birch.clone(), denied()),
        (PartnerAdmin, dune, birch.clone(), denied()),
        (FullPortalAdmin, acme, none(), Ok(1)),
        (FullPortalAdmin, acme, birch.clone(), denied()),
        (FullPortalAdmin, crown, none(), denied()),
        (FullPortalReader, acme, none(), denied()),
        (ReadOnlyPortalAdmin, bolt, none(), denied()),
        (DisabledPortalAdmin, crown, none(), denied()),
        // It sees Bolt, and does not operate it; Crown is not assigned to it.
        (Operator, bolt, birch.clone(), denied()),
        (Operator, crown, birch.clone(), denied()),
        (RivalAdmin, bolt, none(), denied()),
        (DistributorAdmin, crown, none(), denied()),
        (PlatformAdmin, crown, none(), denied()),
        (Scanner, bolt, none(), denied()),
        (DisabledUser, crown, birch.clone(), denied()),
        (Unknown, crown, none(), denied()),
    ] {
        let (customer, evidence) = (sold.customer, sold.posture.evidence);
        let inserts = |user: &str| {
            let author = format!("now(), 'name', '{user}', {partner}");
            [
                format!(
                    "insert into posture_shares (customer_id, id, label, expires_at, created_at, created_by, created_by_id, \
                     created_by_partner) values ('{customer}', gen_random_uuid(), 'label', now(), {author})"
                ),
                format!(
                    "insert into evidence (customer_id, id, control, title, created_at, created_by, created_by_id, \
                     created_by_partner) values ('{customer}', gen_random_uuid(), 'control', 'title', {author})"
                ),
            ]
        };
        for sql in inserts(&posture_gateway::domain::ids::UserId::from(persona).to_string()) {
            assert_eq!(attempt(&mut gateway, persona, &sql).await, outcome, "{persona:?}: {sql}");
        }
        for sql in inserts("00000000-0000-0000-0000-000000000000") {
            assert_eq!(attempt(&mut gateway, persona, &sql).await, denied(), "{persona:?}: {sql}");
        }
        // What belongs to a record is written by whoever may write one: refused here for there is no such scan.
        let sql = format!("insert into evidence_scans values ('{customer}', '{evidence}', '{customer}')");
        let operates = (persona == PartnerAdmin && customer == crown.customer)
            || (persona == FullPortalAdmin && customer == acme.customer);
        let refused = if operates { NO_SUCH_ROW } else { DENIED };
        assert_eq!(attempt(&mut gateway, persona, &sql).await, Err(refused.to_owned()), "{persona:?}: {sql}");
    }
}

/// Revoked stays revoked, and what was recorded stays as it is.
#[tokio::test]
async fn of_shares_and_evidence_nothing_changes_but_that_a_share_is_revoked() {
    let Wall { mut gateway, cast, database } = wall().await;
    let (acme, crown) = (cast.acme.customer, cast.crown.customer);
    let denied = || Err(DENIED.to_owned());
    let revoke =
        |customer| format!("update posture_shares set revoked_at = now() where customer_id = '{customer}'");
    for (persona, sql, outcome) in [
        (PartnerAdmin, revoke(crown), Ok(1)),
        (FullPortalAdmin, revoke(acme), Ok(1)),
        (PartnerAdmin, revoke(acme), Ok(0)),
        (DisabledPortalAdmin, revoke(crown), Ok(0)),
        (FullPortalReader, revoke(acme), Ok(0)),
        (RivalAdmin, revoke(crown), Ok(0)),
        (PlatformAdmin, revoke(crown), Ok(0)),
        (PartnerAdmin, "update posture_shares set revoked_at = null".to_owned(), denied()),
        (PartnerAdmin, "update posture_shares set expires_at = now()".to_owned(), denied()),
        (PartnerAdmin, "update posture_shares set secret_hash = null".to_owned(), denied()),
        (PartnerAdmin, "delete from posture_shares".to_owned(), denied()),
        (PartnerAdmin, "select secret_hash from posture_shares".to_owned(), denied()),
        (PartnerAdmin, "update evidence set title = 'x'".to_owned(), denied()),
        (PartnerAdmin, "delete from evidence_findings".to_owned(), denied()),
        (PartnerAdmin, "update evidence_files set name = 'x'".to_owned(), denied()),
        (PartnerAdmin, "delete from evidence_files".to_owned(), denied()),
    ] {
        assert_eq!(attempt(&mut gateway, persona, &sql).await, outcome, "{persona:?}: {sql}");
    }
    let mut owner = database.as_superuser().connect().await.unwrap();
    owner.execute("update posture_shares set revoked_at = now()").await.unwrap();
    assert_eq!(attempt(&mut gateway, PartnerAdmin, &revoke(crown)).await, Ok(0), "it is revoked already");
}

#[tokio::test]
async fn everyone_writes_their_own_visit_alone() {
    let Wall { mut gateway, database: _database, .. } = wall().await;
    let of = |persona: Persona| posture_gateway::domain::ids::UserId::from(persona);
    let visit = |user| {
        format!(
            "insert into visits (user_id, at) values ('{user}', now()) on conflict (user_id) do update set at = excluded.at"
        )
    };
    let denied = || Err(DENIED.to_owned());
    for (persona, sql, outcome) in [
        (PartnerAdmin, visit(of(PartnerAdmin)), Ok(1)),
        (FullPortalReader, visit(of(FullPortalReader)), Ok(1)),
        (PartnerAdmin, visit(of(Operator)), denied()),
        (DisabledUser, visit(of(DisabledUser)), denied()),
        (PartnerAdmin, format!("update visits set user_id = '{}'", of(Operator)), denied()),
        (PartnerAdmin, "delete from visits".to_owned(), denied()),
    ] {
        assert_eq!(attempt(&mut gateway, persona, &sql).await, outcome, "{persona:?}: {sql}");
    }
}

/// *Operate*: findings, their history and SLA policies, of the customers that somebody operates and in the own name.
#[tokio::test]
async fn findings_are_triaged_by_those_who_operate_their_customer() {
    let Wall { mut gateway, cast, database: _database } = wall().await;
    let (acme, bolt, crown) = (cast.acme.customer, cast.bolt.customer, cast.crown.customer);
    let triage =
        |customer| format!("update findings set status = 'TRIAGED' where customer_id = '{customer}'");
    let set = |customer| format!("update sla_policies set high_days = 3 where customer_id = '{customer}'");
    let add = |customer| {
        format!(
            "insert into sla_policies (customer_id) values ('{customer}') on conflict (customer_id) do update set low_days = 3"
        )
    };
    let note = |customer, finding, actor: Persona, partner: Option<_>| {
        let actor = posture_gateway::domain::ids::UserId::from(actor);
        let partner = partner.map_or_else(|| "null".to_owned(), |id| format!("'{id}'"));
        format!(
            "insert into finding_history (customer_id, id, finding_id, at, actor, actor_id, partner_id, old_status, new_status) \
             values ('{customer}', gen_random_uuid(), '{finding}', now(), 'a', '{actor}', {partner}, 'OPEN', 'OPEN')"
        )
    };
    let (of_acme, of_bolt, of_crown) =
        (cast.acme.posture.finding, cast.bolt.posture.finding, cast.crown.posture.finding);
    let (birch, cedar) = (Some(cast.birch), Some(cast.cedar));
    let denied = || Err(DENIED.to_owned());
    for (persona, sql, outcome) in [
        (PartnerAdmin, triage(crown), Ok(1)),
        (PartnerAdmin, set(crown), Ok(1)),
        (PartnerAdmin, add(crown), Ok(1)),
        (PartnerAdmin, note(crown, of_crown, PartnerAdmin, birch), Ok(1)),
        (FullPortalAdmin, triage(acme), Ok(1)),
        (FullPortalAdmin, set(acme), Ok(1)),
        (FullPortalAdmin, note(acme, of_acme, FullPortalAdmin, None), Ok(1)),
        // In another's name, another partner's, or none.
        (PartnerAdmin, note(crown, of_crown, Operator, birch), denied()),
        (PartnerAdmin, note(crown, of_crown, PartnerAdmin, cedar), denied()),
        (PartnerAdmin, note(crown, of_crown, PartnerAdmin, None), denied()),
        (FullPortalAdmin, note(acme, of_acme, FullPortalAdmin, birch), denied()),
        // Seen, and not operated: a row that is found and may not be changed is passed over.
        (PartnerAdmin, triage(bolt), Ok(0)),
        (PartnerAdmin, set(bolt), Ok(0)),
        (PartnerAdmin, add(bolt), denied()),
        (PartnerAdmin, note(bolt, of_bolt, PartnerAdmin, birch), denied()),
        (ReadOnlyPortalAdmin, triage(bolt), Ok(0)),
        (ReadOnlyPortalAdmin, note(bolt, of_bolt, ReadOnlyPortalAdmin, None), denied()),
        // Not even seen.
        (PartnerAdmin, triage(acme), Ok(0)),
        (PartnerAdmin, add(acme), denied()),
        (DisabledPortalAdmin, triage(crown), Ok(0)),
        (RivalAdmin, triage(bolt), Ok(0)),
        (DistributorAdmin, triage(crown), Ok(0)),
        (Operator, triage(crown), Ok(0)),
        (FullPortalReader, triage(acme), Ok(0)),
        (FullPortalReader, add(acme), denied()),
        (PlatformAdmin, triage(acme), Ok(0)),
        (Scanner, triage(bolt), Ok(0)),
        (DisabledUser, triage(crown), Ok(0)),
        (Unknown, triage(crown), Ok(0)),
        // What nobody may.
        (PartnerAdmin, format!("update findings set title = 'x' where customer_id = '{crown}'"), denied()),
        (PartnerAdmin, format!("delete from findings where customer_id = '{crown}'"), denied()),
        (PartnerAdmin, "update finding_history set note = 'x'".to_owned(), denied()),
        (PartnerAdmin, "delete from finding_history".to_owned(), denied()),
        (PartnerAdmin, "select from finding_history".to_owned(), denied()),
        (PartnerAdmin, format!("delete from sla_policies where customer_id = '{crown}'"), denied()),
    ] {
        assert_eq!(attempt(&mut gateway, persona, &sql).await, outcome, "{persona:?}: {sql}");
    }
}
