//! The end of a connection whose request was answered before it was read to its end. Closing at once would make the
//! kernel throw the answer away at the sender (RFC 9112, 9.6), so the rest is read and forgotten for a short while.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// How long the rest of a request is read after its answer, while something comes.
const LINGER: Duration = Duration::from_secs(10);
/// How long nothing may come meanwhile.
const SILENCE: Duration = Duration::from_secs(1);

/// One connection, as those who answer see it.
#[derive(Debug)]
pub struct Visit {
    pub peer: SocketAddr,
    unread: AtomicBool,
}

impl Visit {
    pub fn new(peer: SocketAddr) -> Arc<Self> {
        Arc::new(Self { peer, unread: AtomicBool::new(false) })
    }

    /// A request has a body, or it has been read to its end.
    pub fn set_unread(&self, is_unread: bool) {
        self.unread.store(is_unread, Ordering::Relaxed);
    }
}

/// The socket below a connection.
pub struct Lingering {
    io: TokioIo<TcpStream>,
    visit: Arc<Visit>,
    rest: Option<Rest>,
}

/// The reading of the rest.
struct Rest {
    until: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Lingering {
    pub fn new(stream: TcpStream, visit: Arc<Visit>) -> Self {
        Self { io: TokioIo::new(stream), visit, rest: None }
    }

    /// Ready when the sender is done, or the time is up.
    fn poll_forget_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let rest =
            self.rest.get_or_insert_with(|| Rest { until: Instant::now() + LINGER, timer: Box::pin(sleep(SILENCE)) });
        let mut space = [0; 16 * 1024];
        loop {
            let mut piece = ReadBuf::new(&mut space);
            match Pin::new(self.io.inner_mut()).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                    let now = Instant::now();
                    if now >= rest.until {
                        return Poll::Ready(());
                    }
                    rest.timer.as_mut().reset(rest.until.min(now + SILENCE));
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return rest.timer.as_mut().poll(cx),
            }
        }
    }
}

impl Read for Lingering {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.rest.is_none() {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        }
        if self.visit.unread.load(Ordering::Relaxed) {
            ready!(self.poll_forget_rest(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
