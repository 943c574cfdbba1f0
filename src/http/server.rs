//! The accept loop: header timeouts, clients that take nothing, and an orderly end.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::patience::Patient;
use crate::config::HttpLimits;

/// Serves until `shutdown` resolves, then lets requests under way finish within the limit. A WebSocket is no request any more once it is
/// one: `LiveDoor::stop` ends those.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: HttpLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let mut builder = Builder::new();
    // Whoever does not finish a request's head in time is not worth a connection.
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    builder.max_buf_size(limits.head_bytes).max_header_size(limits.head_bytes);
    let places = Arc::new(Semaphore::new(limits.connections));
    let stopping = watch::Sender::new(false);
    tokio::pin!(shutdown);
    loop {
        // Whoever finds no place waits in the kernel's queue, where they cost next to nothing.
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        let (stream, place) = tokio::select! {
            accepted = accepted => match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_of_the_connection(&error) => continue,
                Err(error) => {
                    // Out of file handles, most likely: others will be closed, meanwhile do not spin.
                    tracing::error!(error = &error as &dyn std::error::Error, "cannot accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let io = TokioIo::new(Patient::new(stream, limits.write_timeout));
        let connection = builder.serve_connection(io, service).with_upgrades();
        let mut stop = stopping.subscribe();
        tokio::spawn(async move {
            let _place = place;
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = async { let _ = stop.wait_for(|stop| *stop).await; } => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
            }
        });
    }
    drop(listener);
    stopping.send_replace(true);
    // Resolves when the last connection has let go of its end.
    if tokio::time::timeout(limits.shutdown_timeout, stopping.closed()).await.is_err() {
        tracing::warn!("requests under way were cut off");
    }
    Ok(())
}

fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
