//! An upload's findings and the assets that they are on.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::{BATCH, Upload};
use crate::domain::asset::CanonicalAsset;
use crate::domain::finding::FindingStatus;
use crate::ingest::{ReportedFinding, Run};
use crate::store::StoreError;

/// The id of each asset that a run names.
type AssetIds<'run> = HashMap<&'run CanonicalAsset, Uuid>;

/// A finding that was known and that the tool's word gives another status.
struct Changed {
    finding: Uuid,
    before: FindingStatus,
    after: FindingStatus,
    /// Of the row of its history.
    history: Uuid,
}

impl Upload<'_> {
    /// Adds the assets that are not known yet; the ids of all that the run names.
    ///
    /// They are looked up once a run: a look-up for each finding is planned for a table that looks almost empty while it grows, and
    /// then may read all of it each time.
    pub(super) async fn assets<'run>(&mut self, run: &'run Run) -> Result<AssetIds<'run>, StoreError> {
        let assets: Vec<_> = run
            .findings
            .iter()
            .filter_map(|finding| finding.asset.as_ref())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let customer = self.registration.customer.0;
        for batch in assets.chunks(BATCH) {
            let ids: Vec<_> = batch.iter().map(|_| self.new_id()).collect();
            let kinds: Vec<_> = batch.iter().map(|asset| asset.kind().as_str()).collect();
            let values: Vec<_> = batch.iter().map(|asset| asset.value()).collect();
            self.discovered += sqlx::query!(
                "insert into assets (customer_id, id, kind, value, first_seen_at)
                 select $1, r.id, r.kind, r.value, $2
                 from unnest($3::uuid[], $4::text[], $5::text[]) as r(id, kind, value)
                 on conflict (customer_id, kind, value) do nothing",
                customer,
                self.now,
                &ids,
                &kinds as _,
                &values as _,
            )
            .execute(self.writer.connection()?)
            .await?
            .rows_affected();
        }
        if assets.is_empty() {
            return Ok(AssetIds::new());
        }
        let values: Vec<_> = assets.iter().map(|asset| asset.value()).collect();
        let known = sqlx::query!(
            "select id, kind, value from assets where customer_id = $1 and value = any ($2)",
            customer,
            &values as _,
        )
        .fetch_all(self.writer.connection()?)
        .await?;
        let spelled: HashMap<_, _> =
            assets.into_iter().map(|asset| ((asset.kind().as_str(), asset.value()), asset)).collect();
        Ok(known
            .iter()
            .filter_map(|row| Some((*spelled.get(&(row.kind.as_str(), row.value.as_str()))?, row.id)))
            .collect())
    }

    /// Adds or refreshes what the run reports; how many are new, or back.
    pub(super) async fn findings(&mut self, run: &Run, assets: &AssetIds<'_>) -> Result<i64, StoreError> {
        let mut new = 0;
        for batch in run.findings.chunks(BATCH) {
            new += self.findings_batch(run, batch, assets).await?;
        }
        Ok(new)
    }

    /// What people have decided stays: only an open or resolved finding takes the tool's word, also that its user accepts
    /// it. A resolved one that is back is reopened, which its history tells, and due as a new one; with another severity it is
    /// due as if it had always had it, which is so many days before the due date of a new one as it was found or reopened before
    /// today.
    ///
    /// Which of them are known only the unique constraint is asked, whose look-up no plan can make slow. So the statement leaves
    /// the status as it was, to tell it; the few that are to have another one get it by a statement of their own.
    async fn findings_batch(
        &mut self,
        run: &Run,
        batch: &[ReportedFinding],
        assets: &AssetIds<'_>,
    ) -> Result<i64, StoreError> {
        let ids = column(batch, |_| self.new_id());
        let fingerprints = column(batch, |finding| finding.fingerprint.as_slice());
        let rules = column(batch, |finding| finding.rule_id.as_deref());
        let titles = column(batch, |finding| finding.title.as_str());
        let descriptions = column(batch, |finding| finding.description.as_deref());
        let severities = column(batch, |finding| finding.severity.rank());
        let cves = column(batch, |finding| finding.cve.as_deref());
        let scores = column(batch, |finding| finding.cvss_score);
        let locations = column(batch, |finding| finding.location.as_deref());
        let statuses = column(batch, |finding| said(finding).as_str());
        let asset_ids =
            column(batch, |finding| finding.asset.as_ref().and_then(|asset| assets.get(asset)).copied());
        let written = sqlx::query!(
            "insert into findings as f (customer_id, tool, target, first_seen_at, last_seen_at,
                                        id, fingerprint, rule_id, title, description, severity, cve,
                                        cvss_score, location, status, asset_id, sla_due_at)
             select $1, $2, $3, $4, $4, r.*, ($16::timestamptz[])[r.severity + 1]
             from unnest($5::uuid[], $6::bytea[], $7::text[], $8::text[], $9::text[], $10::smallint[], $11::text[],
                         $12::double precision[], $13::text[], $14::text[], $15::uuid[])
                  as r(id, fingerprint, rule_id, title, description, severity, cve, cvss_score, location, status, asset_id)
             on conflict (customer_id, tool, target, fingerprint) do update set
                 last_seen_at = excluded.last_seen_at,
                 rule_id = excluded.rule_id,
                 title = excluded.title,
                 description = excluded.description,
                 severity = excluded.severity,
                 cve = excluded.cve,
                 cvss_score = excluded.cvss_score,
                 location = excluded.location,
                 asset_id = excluded.asset_id,
                 sla_due_at = case
                     when f.status = 'RESOLVED' then excluded.sla_due_at
                     when f.severity <> excluded.severity then
                         excluded.sla_due_at
                         - (date_trunc('day', excluded.first_seen_at, 'UTC') - date_trunc('day', coalesce(f.reopened_at, f.first_seen_at), 'UTC'))
                     else f.sla_due_at
                 end
             returning f.id, f.fingerprint, f.status",
            self.registration.customer.0,
            run.tool,
            run.target,
            self.now,
            &ids,
            &fingerprints as _,
            &rules as _,
            &titles as _,
            &descriptions as _,
            &severities,
            &cves as _,
            &scores as _,
            &locations as _,
            &statuses as _,
            &asset_ids as _,
            &self.due_at as _,
        )
        .fetch_all(self.writer.connection()?)
        .await?;

        let added: HashSet<_> = ids.iter().copied().collect();
        let known: Vec<_> = written.iter().filter(|row| !added.contains(&row.id)).collect();
        let mut new = written.len() - known.len();
        let reported: HashMap<_, _> = if known.is_empty() {
            HashMap::new()
        } else {
            batch.iter().map(|finding| (finding.fingerprint.as_slice(), finding)).collect()
        };
        let mut changed = Vec::new();
        for row in known {
            let Some(finding) = reported.get(row.fingerprint.as_slice()) else { continue };
            let (before, after) = (row.status.parse()?, said(finding));
            new += usize::from(before == FindingStatus::Resolved);
            if before == FindingStatus::Resolved
                || (before, after) == (FindingStatus::Open, FindingStatus::Accepted)
            {
                changed.push(Changed { finding: row.id, before, after, history: self.new_id() });
            }
        }
        self.take_the_word(&changed).await?;
        Ok(i64::try_from(new).unwrap_or(i64::MAX))
    }

    /// Gives findings the status that the tool says they have, and tells it in their history.
    async fn take_the_word(&mut self, changed: &[Changed]) -> Result<(), StoreError> {
        if changed.is_empty() {
            return Ok(());
        }
        let findings: Vec<_> = changed.iter().map(|change| change.finding).collect();
        let open: Vec<_> = changed
            .iter()
            .filter(|change| change.after == FindingStatus::Open)
            .map(|change| change.finding)
            .collect();
        let before: Vec<_> = changed.iter().map(|change| change.before.as_str()).collect();
        let after: Vec<_> = changed.iter().map(|change| change.after.as_str()).collect();
        let history: Vec<_> = changed.iter().map(|change| change.history).collect();
        sqlx::query!(
            "with told as (
                 insert into finding_history (customer_id, id, finding_id, at, actor, actor_id, old_status, new_status)
                 select $1, r.id, r.finding, $2, $3, gate.enabled_viewer(), r.before, r.after
                 from unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[]) as r(id, finding, before, after)
             )
             update findings f set
                 status = case when f.id = any ($8) then 'OPEN' else 'ACCEPTED' end,
                 resolved_at = case when f.status <> 'RESOLVED' then f.resolved_at end,
                 reopened_at = case when f.status = 'RESOLVED' and f.id = any ($8) then $2 else f.reopened_at end
             where f.customer_id = $1 and f.id = any ($5)",
            self.registration.customer.0,
            self.now,
            self.registration.scanner,
            &history,
            &findings,
            &before as _,
            &after as _,
            &open,
        )
        // Planned for the ids at hand, which are then hashed.
        .persistent(false)
        .execute(self.writer.connection()?)
        .await?;
        Ok(())
    }

    /// What a full run no longer reports is fixed; how many were open until now.
    pub(super) async fn resolve(&mut self, run: &Run) -> Result<i64, StoreError> {
        let fingerprints = column(&run.findings, |finding| finding.fingerprint.as_slice());
        let resolved = sqlx::query_scalar!(
            r#"with gone as materialized (
                 select id, status from findings
                 where customer_id = $1 and tool = $2 and target = $3 and fingerprint = any (array(
                     select fingerprint from findings
                     where customer_id = $1 and tool = $2 and target = $3 and status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')
                     except
                     select unnest($5::bytea[])))
             ), resolved as (
                 update findings f set status = 'RESOLVED', resolved_at = $4
                 where f.customer_id = $1 and f.id = any (array(select id from gone))
             ), told as (
                 insert into finding_history (customer_id, id, finding_id, at, actor, actor_id, old_status, new_status)
                 select $1, gen_random_uuid(), id, $4, $6, gate.enabled_viewer(), status, 'RESOLVED' from gone
             )
             select count(*) as "count!" from gone"#,
            self.registration.customer.0,
            run.tool,
            run.target,
            self.now,
            &fingerprints as _,
            self.registration.scanner,
        )
        .fetch_one(self.writer.connection()?)
        .await?;
        Ok(resolved)
    }
}

/// The status that the tool says a finding has.
const fn said(finding: &ReportedFinding) -> FindingStatus {
    if finding.accepted { FindingStatus::Accepted } else { FindingStatus::Open }
}

/// One value of each finding, as the array that becomes a column.
fn column<'a, T>(findings: &'a [ReportedFinding], value: impl Fn(&'a ReportedFinding) -> T) -> Vec<T> {
    findings.iter().map(value).collect()
}
