//! Batching without waiting: the loaders' batches run in the request's own task, after everything that could ask has asked.
//!
//! The stock spawner starts a batch on another thread after a millisecond; under load it starts too early and splits.
//! Here the request is polled until nothing in it can go on, and only then everything that is queued runs, as one wave; the
//! request goes on after all of it. Between waves nothing is read. So which keys share a statement, and how many statements there
//! are, depends on the query and never on timing, and nobody waits for a timer (PERFORMANCE.md 9).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use async_graphql::runtime::Timer;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::task::{FutureObj, Spawn, SpawnError};
use tokio::sync::oneshot;

/// The batches that wait for the request to have asked everything.
#[derive(Clone, Default)]
pub struct Batches {
    waiting: Arc<Mutex<Vec<FutureObj<'static, ()>>>>,
}

impl Batches {
    fn take(&self) -> Vec<FutureObj<'static, ()>> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a read that is no loader's in the next wave. None where the wave was dropped, and the request with it.
    pub async fn in_wave<T: Send + 'static>(
        &self,
        read: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        let read = async move {
            // Whoever asked may have been given up for an error beside it.
            let _ = sender.send(read.await);
        };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(FutureObj::new(Box::new(read)));
        receiver.await.ok()
    }

    /// Runs a request to its end, and its batches whenever it can go no further without them.
    pub async fn drive<F: Future>(&self, request: F) -> F::Output {
        let mut request = pin!(request);
        let mut wave = FuturesUnordered::new();
        poll_fn(|context| {
            loop {
                while let Some(()) = ready!(wave.poll_next_unpin(context)) {}
                if let Poll::Ready(output) = request.as_mut().poll(context) {
                    return Poll::Ready(output);
                }
                wave.extend(self.take());
                if wave.is_empty() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}

impl Spawn for Batches {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(future);
        Ok(())
    }
}

/// A timer that does not wait: when a batch runs, everyone has asked.
pub struct Immediately;

impl Timer for Immediately {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
    use futures_util::future::join_all;

    use super::*;

    struct Counting(Arc<AtomicUsize>);

    impl Loader<u32> for Counting {
        type Value = u32;
        type Error = Infallible;

        async fn load(&self, keys: &[u32]) -> Result<HashMap<u32, u32>, Infallible> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(keys.iter().map(|key| (*key, key + 1)).collect())
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_level_of_any_width_is_one_batch() {
        let (batches, count) = (Batches::default(), Arc::new(AtomicUsize::new(0)));
        let loader = DataLoader::with_cache(
            Counting(Arc::clone(&count)),
            batches.clone(),
            Immediately,
            HashMapCache::default(),
        );
        let sum = batches
            .drive(async {
                let level = join_all((0..500).map(|n| loader.load_one(n * 2))).await;
                let found: Vec<_> = level.into_iter().filter_map(|value| value.ok().flatten()).collect();
                join_all(found.iter().map(|n| loader.load_one(*n))).await.len()
            })
            .await;
        assert_eq!((sum, count.load(Ordering::Relaxed)), (500, 2));
    }

    /// Also where the read takes its time, as a database does.
    #[tokio::test]
    async fn what_follows_a_read_shares_the_wave_of_what_does_not() {
        let (batches, count) = (Batches::default(), Arc::new(AtomicUsize::new(0)));
        let loader = DataLoader::with_cache(
            Counting(Arc::clone(&count)),
            batches.clone(),
            Immediately,
            HashMapCache::default(),
        );
        let read = || async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        };
        let (one, other) =
            (async { batches.in_wave(read()).await.map(|()| loader.load_one(1)).unwrap().await }, async {
                batches.in_wave(async {}).await.map(|()| loader.load_one(2)).unwrap().await
            });
        let both = batches.drive(async { tokio::join!(one, other) }).await;
        assert_eq!((both, count.load(Ordering::Relaxed)), ((Ok(Some(2)), Ok(Some(3))), 1));
    }
}
