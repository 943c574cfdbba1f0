//! What a partner's accesses add up to: the commercial side over all of them, posture over those that show it.

use chrono::{Days, NaiveDate};
use posture_gateway::domain::access::{AccessStatus, OperatingModel};
use posture_gateway::domain::subscription::SubscriptionStatus;
use posture_gateway::store::seed::{Access, Partner, Subscription};
use rust_decimal::Decimal;

use super::{Answer, Model, counts, leaf, money, record, some};
use crate::proof::model::gate::{COMMERCIAL, Who};

impl<'w> Model<'w> {
    pub(super) fn dashboard(&self, partner: &'w Partner) -> Answer<'w> {
        let rows = self.own_accesses(partner.id);
        let fields =
            vec![("commercial", self.commercial(partner, &rows)), ("posture", self.posture_totals(&rows))];
        some(record("PartnerDashboard", fields))
    }

    fn commercial(&self, partner: &Partner, rows: &[&'w Access]) -> Answer<'w> {
        let sold: Vec<&Subscription> = rows
            .iter()
            .filter(|access| self.on_access(COMMERCIAL, access).is_none())
            .filter_map(|access| self.sold(access))
            .collect();
        let recurs = |row: &&&Subscription| {
            matches!(row.status, SubscriptionStatus::Active | SubscriptionStatus::PastDue)
        };
        let revenue: Decimal = sold.iter().filter(recurs).map(|row| self.recurring(row)).sum();
        let today = self.gate.now.date_naive();
        let soon = |date: NaiveDate| today <= date && date <= today + Days::new(30);
        let ends_soon = |access: &&&Access| {
            access.status == AccessStatus::Trial
                && !self.gate.trial_expired(access)
                && access.trial_ends_at.is_some_and(|end| soon(end.date_naive()))
        };
        let by_model = OperatingModel::ALL.iter().map(|model| {
            let count = rows.iter().filter(|access| access.operating_model == *model).count();
            let fields = vec![("operatingModel", leaf(model.as_str())), ("count", leaf(count))];
            Some(record("OperatingModelCount", fields))
        });
        let by_status = AccessStatus::ALL.iter().map(|status| {
            let count = rows.iter().filter(|access| access.status == *status).count();
            Some(record("AccessStatusCount", vec![("status", leaf(status.as_str())), ("count", leaf(count))]))
        });
        let renewals = sold.iter().filter(|row| row.renewal_date.is_some_and(soon)).count();
        some(record(
            "CommercialTotals",
            vec![
                ("accesses", leaf(rows.len())),
                ("byOperatingModel", Answer::Many(by_model.collect())),
                ("byStatus", Answer::Many(by_status.collect())),
                ("monthlyRecurringRevenue", money(revenue, &partner.currency)),
                ("trialsEndingWithin30Days", leaf(rows.iter().filter(ends_soon).count())),
                ("renewalsWithin30Days", leaf(renewals)),
                ("usageAlerts", leaf(sold.iter().filter(|row| self.alerts(row)).count())),
            ],
        ))
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn posture_totals(&self, rows: &[&'w Access]) -> Answer<'w> {
        // "Over the accesses whose posture the partner sees": nobody else has such totals.
        let as_partner = matches!(self.asking(), Who::Partner(..));
        let included: Vec<_> =
            rows.iter().filter(|access| as_partner && self.shows_posture(access)).collect();
        let mut open = [0; 5];
        let (mut breaches, mut assets, mut scores) = (0, 0, Vec::new());
        for access in &included {
            let customer = access.customer_id;
            let own = self.open_by_severity(customer);
            for (sum, count) in open.iter_mut().zip(own) {
                *sum += count;
            }
            breaches += self.breaches(customer);
            assets += self.assets_of(customer);
            if self.last_scan(customer).is_some() {
                scores.push(super::posture::risk_score(own));
            }
        }
        let mean = (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64);
        some(record(
            "PostureTotals",
            vec![
                ("accessesIncluded", leaf(included.len())),
                ("accessesExcluded", leaf(rows.len() - included.len())),
                ("openFindings", counts(open)),
                ("slaBreaches", leaf(breaches)),
                ("assets", leaf(assets)),
                ("meanRiskScore", leaf(mean)),
            ],
        ))
    }
}
