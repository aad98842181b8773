//! Listens, and keeps each reader within bounds: so many at once, so long to say what is wanted, so long to take the answer.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use listenfd::ListenFd;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Readers at once; more wait until one has gone.
const READERS: usize = 16;

/// For a reader to say what is wanted.
const HEADERS: Duration = Duration::from_secs(5);

/// For a reader to be done.
const WHOLE: Duration = Duration::from_secs(30);

/// The most that a request may be.
const REQUEST: usize = 16 << 10;

/// A place to listen at.
pub enum Listener {
    /// An address.
    Tcp(TcpListener),
    /// A socket.
    Unix(UnixListener),
}

/// What systemd has opened for us; else the addresses of the options.
pub fn listeners(addresses: &[String]) -> Result<Vec<Listener>, String> {
    let handed = handed_over().map_err(|error| format!("the sockets of systemd cannot be used: {error}"))?;
    if !handed.is_empty() {
        return Ok(handed);
    }
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = if address.starts_with('/') { unix(Path::new(address)) } else { tcp(address) };
        listeners.push(listener.map_err(|error| {
            format!("option listen: {address} cannot be listened at: {error}; expected IP:PORT or the path of a socket")
        })?);
    }
    Ok(listeners)
}

fn handed_over() -> io::Result<Vec<Listener>> {
    let mut fds = ListenFd::from_env();
    let mut listeners = Vec::new();
    for at in 0..fds.len() {
        if let Ok(Some(listener)) = fds.take_tcp_listener(at) {
            listener.set_nonblocking(true)?;
            listeners.push(Listener::Tcp(TcpListener::from_std(listener)?));
        } else if let Some(listener) = fds.take_unix_listener(at)? {
            listener.set_nonblocking(true)?;
            listeners.push(Listener::Unix(UnixListener::from_std(listener)?));
        }
    }
    Ok(listeners)
}

fn tcp(address: &str) -> io::Result<Listener> {
    let address: std::net::SocketAddr = address.parse().map_err(io::Error::other)?;
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).map(Listener::Tcp)
}

fn unix(path: &Path) -> io::Result<Listener> {
    // What an earlier run has left; anything else that bears the name is somebody's.
    if path.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    UnixListener::bind(path).map(Listener::Unix)
}

/// Answers whoever comes, for ever.
pub async fn serve(listener: Listener, router: Router, slots: Arc<Semaphore>) {
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let accepted = match &listener {
            Listener::Tcp(listener) => {
                listener.accept().await.map(|(stream, _)| answer_in_background(stream, &router, slot))
            }
            Listener::Unix(listener) => {
                listener.accept().await.map(|(stream, _)| answer_in_background(stream, &router, slot))
            }
        };
        if accepted.is_err() {
            // Out of files, as a rule: some are closed soon.
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// As many at once as may be.
#[must_use]
pub fn slots() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(READERS))
}

fn answer_in_background<S>(stream: S, router: &Router, slot: tokio::sync::OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = router.clone();
    tokio::spawn(async move {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS)
            .keep_alive(false)
            .half_close(true)
            .max_buf_size(REQUEST)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        // Who takes too long or breaks the rules is cut off; there is nobody to tell.
        let _ = timeout(WHOLE, connection).await;
        drop(slot);
    });
}
