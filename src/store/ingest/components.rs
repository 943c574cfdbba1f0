//! An upload's components: what each bill of materials names, and no more.

use super::{BATCH, Upload};
use crate::ingest::{ReportedComponent, Run};
use crate::store::StoreError;

impl Upload<'_> {
    /// Makes the run's components those of its tool and target; one that no bill of materials names any more goes.
    pub(super) async fn components(
        &mut self,
        run: &Run,
        components: &[ReportedComponent],
    ) -> Result<(), StoreError> {
        for batch in components.chunks(BATCH) {
            self.components_batch(batch).await?;
        }
        let customer = self.registration.customer.0;
        let identities: Vec<_> = components.iter().map(|component| component.identity.as_slice()).collect();
        let named = sqlx::query_scalar!(
            "select c.id
             from unnest($2::bytea[]) as r(identity)
             cross join lateral (
                 select c.id from components c where c.customer_id = $1 and c.identity = r.identity limit 1
             ) c",
            customer,
            &identities as _,
        )
        .fetch_all(self.writer.connection()?)
        .await?;
        sqlx::query!(
            "insert into component_sources (customer_id, component_id, tool, target)
             select $1, unnest($4::uuid[]), $2, $3
             on conflict do nothing",
            customer,
            run.tool,
            run.target,
            &named,
        )
        .execute(self.writer.connection()?)
        .await?;
        // One statement, one snapshot: the sources that it deletes are still seen in it.
        sqlx::query!(
            "with gone as (
                 delete from component_sources
                 where customer_id = $1 and tool = $2 and target = $3 and component_id = any (array(
                     select component_id from component_sources where customer_id = $1 and tool = $2 and target = $3
                     except
                     select unnest($4::uuid[])))
                 returning component_id
             )
             delete from components c
             where c.customer_id = $1 and c.id = any (array(select component_id from gone))
               and (select count(*) from component_sources s
                    where s.customer_id = $1 and s.component_id = c.id and (s.tool, s.target) <> ($2, $3)) = 0",
            customer,
            run.tool,
            run.target,
            &named,
        )
        .execute(self.writer.connection()?)
        .await?;
        Ok(())
    }

    async fn components_batch(&mut self, batch: &[ReportedComponent]) -> Result<(), StoreError> {
        let ids: Vec<_> = batch.iter().map(|_| self.new_id()).collect();
        let identities: Vec<_> = batch.iter().map(|component| component.identity.as_slice()).collect();
        let names: Vec<_> = batch.iter().map(|component| component.name.as_str()).collect();
        let versions: Vec<_> = batch.iter().map(|component| component.version.as_deref()).collect();
        let purls: Vec<_> = batch.iter().map(|component| component.purl.as_deref()).collect();
        // Lists of different lengths make no array of arrays, so each travels as a JSON text.
        let licenses: Vec<_> =
            batch.iter().map(|component| serde_json::json!(component.licenses).to_string()).collect();
        sqlx::query!(
            "insert into components as c (customer_id, id, identity, name, version, purl, licenses)
             select $1, r.id, r.identity, r.name, r.version, r.purl, array(select jsonb_array_elements_text(r.licenses::jsonb))
             from unnest($2::uuid[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[])
                  as r(id, identity, name, version, purl, licenses)
             on conflict (customer_id, identity) do update set
                 name = excluded.name, version = excluded.version, purl = excluded.purl, licenses = excluded.licenses
             where (c.name, c.version, c.purl, c.licenses)
                   is distinct from (excluded.name, excluded.version, excluded.purl, excluded.licenses)",
            self.registration.customer.0,
            &ids,
            &identities as _,
            &names as _,
            &versions as _,
            &purls as _,
            &licenses,
        )
        .execute(self.writer.connection()?)
        .await?;
        Ok(())
    }
}
