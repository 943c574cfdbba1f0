//! What is new where it is hidden: whole customers, and rivals' accesses.

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::user::CustomerRole;
use posture_gateway::store::seed::World;

use super::Change;
use crate::proof::eyes::Who;
use crate::proof::worlds::{newcomer, rival};

impl Change<'_> {
    /// New customers of other partners, and rivals' accesses to the customers that are there.
    pub(super) fn additions(&mut self) {
        if self.eyes.who == Who::PlatformAdmin {
            return;
        }
        let own = self.eyes.employer();
        let others: Vec<_> = self.to.partners.iter().filter(|row| Some(row.id) != own).cloned().collect();
        if others.is_empty() {
            return;
        }
        if self.dice.one_in(2) {
            let new = newcomer(self.dice.number(), &others);
            self.add(new);
        }
        for customer in self.to.customers.clone() {
            // To its own users the customer's accesses are shown, but for a reader behind a closed portal.
            let shown = match self.eyes.who {
                Who::Customer(own, role, portal) => {
                    own == customer.customer_id
                        && (role == CustomerRole::Admin || portal != PortalAccess::Disabled)
                }
                Who::PartnerAdmin(_) | Who::PartnerOperator(_) | Who::PlatformAdmin | Who::Nobody => false,
            };
            if shown || !self.dice.one_in(4) {
                continue;
            }
            let partner = &others[self.dice.below(others.len())];
            let live = self.to.accesses.iter().any(|row| {
                (row.customer_id, row.partner_id) == (customer.customer_id, partner.id)
                    && row.status.is_live()
            });
            let new = rival(self.dice.number(), &customer, partner, live);
            self.add(new);
        }
    }

    /// Adds all that a small world has.
    fn add(&mut self, mut new: World) {
        macro_rules! add {
            ($($table:ident)*) => {$( self.to.$table.append(&mut new.$table); )*};
        }
        // No e-mail address twice.
        new.users.iter_mut().for_each(|row| row.email = None);
        add! {
            customers users memberships accesses subscriptions add_ons quotes prepaid_purchases usage_alerts assets findings
            finding_history sla_policies components scans scan_targets scan_reports scan_schedules scan_schedule_targets
            evidence evidence_findings evidence_scans evidence_files posture_shares posture_snapshots visits access_records
            security_settings api_keys
            partner_audit_events customer_audit_events
        }
    }
}
