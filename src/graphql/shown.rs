//! What the gate showed a partner's user of customers' data in one request, for the customers to know (access transparency).
//!
//! Noted where the gate says so: at every gated field that is answered, at look-ups by id, in payloads, and where something is computed
//! over many customers. What the customers' own users and the platform's admins are shown is noted nowhere.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::domain::ids::CustomerId;
use crate::policy::{DataClass, Viewer};
use crate::store::transparency::{Coordinate, Name, Reads, Shown};

/// Fields of one class of one customer; seldom more than a handful, each once.
type Fields = Vec<(&'static str, String)>;

/// What one request was shown.
#[derive(Debug, Default)]
pub struct Showing {
    entries: Mutex<HashMap<(CustomerId, DataClass), Fields>>,
}

impl Showing {
    /// Notes that a field of `parent_type` shows a class of some customers.
    pub fn note(
        &self,
        viewer: &Viewer,
        class: DataClass,
        customers: impl IntoIterator<Item = CustomerId>,
        (parent_type, field): (&'static str, &str),
    ) {
        let is_told = match class {
            DataClass::Posture | DataClass::Activity | DataClass::SecurityConfig => true,
            // The billing relationship is the partner's own business.
            DataClass::Commercial | DataClass::Pricing => false,
        };
        let (true, Viewer::Partner { .. }) = (is_told, viewer) else { return };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for customer in customers {
            let fields = entries.entry((customer, class)).or_default();
            if !fields.iter().any(|(ty, known)| *ty == parent_type && known == field) {
                fields.push((parent_type, field.to_owned()));
            }
        }
    }

    /// What has to be recorded before the answer is sent; none where nothing was shown. Customers of whom the same was shown stand
    /// together, in an order that depends on nothing but what was shown.
    #[must_use]
    pub fn take(&self, request: Uuid, operation: Option<&str>) -> Option<Reads> {
        let entries = std::mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner));
        let mut alike: BTreeMap<(DataClass, Vec<Coordinate>), Vec<CustomerId>> = BTreeMap::new();
        for ((customer, class), fields) in entries {
            let mut fields: Vec<_> =
                fields.iter().filter_map(|(ty, field)| Coordinate::new(ty, field)).collect();
            fields.sort_unstable();
            alike.entry((class, fields)).or_default().push(customer);
        }
        let shown = alike.into_iter().map(|((class, fields), mut customers)| {
            customers.sort_unstable();
            Shown { class, fields, customers }
        });
        let shown: Vec<_> = shown.collect();
        (!shown.is_empty()).then(|| Reads { request, operation: operation.and_then(Name::new), shown })
    }
}
