//! Work that takes a processor for milliseconds: reading a large document, validating it, answering what it asks about the schema. It is done
//! beside the threads that move requests along, and few at a time, so that others do not wait behind it at each of their steps.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_graphql::{Value, Variables};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// Up to so many bytes are read in next to no time.
const LIGHT: usize = 4 * 1024;

/// Takes heavy work by turns.
#[derive(Clone, Debug)]
pub(super) struct Heavy(Arc<Semaphore>);

impl Default for Heavy {
    /// Half of the processors, one at least.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(Semaphore::new((processors / 2).max(1))))
    }
}

impl Heavy {
    /// Does work on so many bytes.
    pub(super) async fn work<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        if bytes <= LIGHT {
            return work();
        }
        // Nobody closes it.
        let _turn = self.0.acquire().await;
        aside(work)
    }

    /// Runs something whose first step may be heavy.
    pub(super) async fn begin<T>(&self, is_heavy: bool, run: impl Future<Output = T>) -> T {
        let mut run = pin!(run);
        if is_heavy {
            let _turn = self.0.acquire().await;
            let first =
                std::future::poll_fn(|context| Poll::Ready(aside(|| run.as_mut().poll(context)))).await;
            if let Poll::Ready(outcome) = first {
                return outcome;
            }
        }
        run.await
    }
}

/// Does something on this thread while another one takes over what else there is to do here; where there is only one, as it is.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Whether a document takes long to be validated, or asks about the schema, which is answered at once.
pub(super) fn is_heavy(query: &str) -> bool {
    let about_schema = query.match_indices("__").any(|(at, _)| {
        let name = query.get(at..).unwrap_or_default();
        name.starts_with("__schema") || (name.starts_with("__type") && !name.starts_with("__typename"))
    });
    about_schema || query.len() > LIGHT
}

/// About how many bytes a document and the texts in its variables have.
pub(super) fn size_of(document: Option<&str>, variables: &Variables) -> usize {
    document.map_or(0, str::len) + variables.values().map(size_of_value).sum::<usize>()
}

fn size_of_value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::List(list) => list.iter().map(size_of_value).sum(),
        Value::Object(fields) => fields.values().map(size_of_value).sum(),
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_heavy_waits_its_turn_and_what_is_light_does_not() {
        let heavy = Heavy(Arc::new(Semaphore::new(1)));
        assert_eq!(heavy.work(LIGHT + 1, || 1).await, 1);
        let turn = heavy.0.acquire().await.unwrap();
        assert_eq!(heavy.work(LIGHT, || 2).await, 2);
        assert_eq!(heavy.begin(false, async { 3 }).await, 3);
        let mut waits = tokio::spawn({
            let heavy = heavy.clone();
            async move {
                heavy
                    .begin(true, async {
                        tokio::task::yield_now().await;
                        4
                    })
                    .await
            }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(turn);
        assert_eq!((&mut waits).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn on_one_thread_it_is_done_there() {
        assert_eq!(Heavy::default().work(LIGHT + 1, || 1).await, 1);
        assert_eq!(Heavy::default().begin(true, async { 2 }).await, 2);
    }
}
