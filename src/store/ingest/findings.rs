//! An upload's findings and the assets that they are on.

use std::collections::BTreeSet;

use super::{BATCH, Upload};
use crate::domain::asset::CanonicalAsset;
use crate::ingest::{ReportedFinding, Run};
use crate::store::StoreError;

impl Upload<'_> {
    /// Adds the assets that are not known yet.
    pub(super) async fn assets(&mut self, run: &Run) -> Result<(), StoreError> {
        let assets: Vec<_> = run
            .findings
            .iter()
            .filter_map(|finding| finding.asset.as_ref())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        for batch in assets.chunks(BATCH) {
            let ids: Vec<_> = batch.iter().map(|_| self.new_id()).collect();
            let kinds: Vec<_> = batch.iter().map(|asset| asset.kind().as_str()).collect();
            let values: Vec<_> = batch.iter().map(|asset| asset.value()).collect();
            self.discovered += sqlx::query!(
                "insert into assets (customer_id, id, kind, value, first_seen_at)
                 select $1, r.id, r.kind, r.value, $2
                 from unnest($3::uuid[], $4::text[], $5::text[]) as r(id, kind, value)
                 on conflict (customer_id, kind, value) do nothing",
                self.registration.customer.0,
                self.now,
                &ids,
                &kinds as _,
                &values as _,
            )
            .execute(self.writer.connection()?)
            .await?
            .rows_affected();
        }
        Ok(())
    }

    /// Adds or refreshes what the run reports; how many are new, or back.
    pub(super) async fn findings(&mut self, run: &Run) -> Result<i64, StoreError> {
        let mut new = 0;
        for batch in run.findings.chunks(BATCH) {
            new += self.findings_batch(run, batch).await?;
        }
        Ok(new)
    }

    /// What people have decided stays: only an open or resolved finding takes the tool's word, also that its user accepts
    /// it. A resolved one that is back is reopened, which its history tells, and due as a new one; with another severity it is
    /// due as if it had always had it, which is so many days before the due date of a new one as it was found or reopened before
    /// today.
    ///
    /// `lateral` with `limit`, since a table that has just grown looks almost empty to the planner, which would then compare
    /// each reported row with all of it.
    async fn findings_batch(&mut self, run: &Run, batch: &[ReportedFinding]) -> Result<i64, StoreError> {
        let ids = column(batch, |_| self.new_id());
        let fingerprints = column(batch, |finding| finding.fingerprint.as_slice());
        let rules = column(batch, |finding| finding.rule_id.as_deref());
        let titles = column(batch, |finding| finding.title.as_str());
        let descriptions = column(batch, |finding| finding.description.as_deref());
        let severities = column(batch, |finding| finding.severity.rank());
        let cves = column(batch, |finding| finding.cve.as_deref());
        let scores = column(batch, |finding| finding.cvss_score);
        let locations = column(batch, |finding| finding.location.as_deref());
        let statuses = column(batch, |finding| if finding.accepted { "ACCEPTED" } else { "OPEN" });
        let asset_kinds = column(batch, |finding| finding.asset.as_ref().map(|asset| asset.kind().as_str()));
        let asset_values = column(batch, |finding| finding.asset.as_ref().map(CanonicalAsset::value));
        let new = sqlx::query_scalar!(
            r#"with reported as materialized (
                   select r.*, a.id as asset_id, f.id as finding_id, f.status as before
                   from unnest($5::uuid[], $6::bytea[], $7::text[], $8::text[], $9::text[], $10::smallint[], $11::text[],
                               $12::double precision[], $13::text[], $14::text[], $15::text[], $16::text[])
                        as r(id, fingerprint, rule_id, title, description, severity, cve,
                             cvss_score, location, status, asset_kind, asset_value)
                   left join lateral (
                       select a.id from assets a
                       where a.customer_id = $1 and a.kind = r.asset_kind and a.value = r.asset_value limit 1
                   ) a on true
                   left join lateral (
                       select f.id, f.status from findings f
                       where f.customer_id = $1 and f.tool = $2 and f.target = $3 and f.fingerprint = r.fingerprint limit 1
                   ) f on true
               ), written as (
                   insert into findings as f (customer_id, tool, target, first_seen_at, last_seen_at,
                                              id, fingerprint, rule_id, title, description, severity, cve,
                                              cvss_score, location, status, sla_due_at, asset_id)
                   select $1, $2, $3, $4, $4,
                          id, fingerprint, rule_id, title, description, severity, cve,
                          cvss_score, location, status, ($17::timestamptz[])[severity + 1], asset_id
                   from reported
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
                       status = case when f.status in ('OPEN', 'RESOLVED') then excluded.status else f.status end,
                       resolved_at = case when f.status <> 'RESOLVED' then f.resolved_at end,
                       reopened_at = case
                           when f.status = 'RESOLVED' and excluded.status = 'OPEN' then excluded.last_seen_at
                           else f.reopened_at
                       end,
                       sla_due_at = case
                           when f.status = 'RESOLVED' then excluded.sla_due_at
                           when f.severity <> excluded.severity then
                               excluded.sla_due_at
                               - (date_trunc('day', excluded.first_seen_at, 'UTC') - date_trunc('day', coalesce(f.reopened_at, f.first_seen_at), 'UTC'))
                           else f.sla_due_at
                       end
               ), told as (
                   -- The id of what was not added is free.
                   insert into finding_history (customer_id, id, finding_id, at, actor, actor_id, old_status, new_status)
                   select $1, id, finding_id, $4, $18, gate.enabled_viewer(), before, status
                   from reported where before = 'RESOLVED' or before = 'OPEN' and status = 'ACCEPTED'
               )
               select count(*) filter (where before is null or before = 'RESOLVED') as "new!" from reported"#,
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
            &asset_kinds as _,
            &asset_values as _,
            &self.due_at as _,
            self.registration.scanner,
        )
        .fetch_one(self.writer.connection()?)
        .await?;
        Ok(new)
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

/// One value of each finding, as the array that becomes a column.
fn column<'a, T>(findings: &'a [ReportedFinding], value: impl Fn(&'a ReportedFinding) -> T) -> Vec<T> {
    findings.iter().map(value).collect()
}
