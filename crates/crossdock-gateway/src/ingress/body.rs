//! Reads a request's body, never more of it than is allowed, never longer, and never more of all bodies together than
//! there is room for (I10).

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use hyper::body::{Body, Bytes};
use tokio::time::timeout;

/// Space made before anything has arrived; a body that says it is longer has to send first.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// Why a body was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// Larger than allowed, by its own word or counted.
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: usize, declared: Option<u64> },
    #[error("the body did not arrive within {seconds} s")]
    TooSlow { seconds: u64 },
    /// The other bodies that are being read take all the room.
    #[error("no room for the body now")]
    NoRoom,
    /// The sender went away, or its chunks cannot be read.
    #[error("the body is broken: {0}")]
    Broken(String),
}

/// Room for all bodies that are in memory at once, in bytes.
#[derive(Debug)]
pub struct Room {
    used: AtomicUsize,
    bytes_max: usize,
}

impl Room {
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), bytes_max })
    }
}

/// A body, and the room it takes until it is dropped.
#[derive(Debug)]
pub struct Held {
    pub bytes: Vec<u8>,
    room: Arc<Room>,
    taken: usize,
}

impl Held {
    fn push(&mut self, chunk: &[u8]) -> Result<(), BodyFault> {
        let used = self.room.used.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
        self.taken += chunk.len();
        if used > self.room.bytes_max {
            return Err(BodyFault::NoRoom);
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.used.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

/// Reads a body of at most `bytes_max` within `within`.
///
/// # Errors
/// The first fault; the rest of the body is left unread then.
pub async fn read<B>(body: B, room: &Arc<Room>, bytes_max: usize, within: Duration) -> Result<Held, BodyFault>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    let declared = body.size_hint().exact();
    if declared.is_some_and(|declared| declared > bytes_max as u64) {
        return Err(BodyFault::TooLarge { bytes_max, declared });
    }
    let ahead = declared.map_or(0, |declared| (declared as usize).min(AHEAD_BYTES_MAX));
    let mut held = Held { bytes: Vec::with_capacity(ahead), room: room.clone(), taken: 0 };
    let mut body = pin!(body);
    let reading = async {
        while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            let frame = frame.map_err(|error| BodyFault::Broken(error.to_string()))?;
            let Ok(chunk) = frame.into_data() else { continue };
            if held.bytes.len() + chunk.len() > bytes_max {
                return Err(BodyFault::TooLarge { bytes_max, declared: None });
            }
            held.push(&chunk)?;
        }
        Ok(())
    };
    let mut reading = pin!(reading);
    // Most bodies are there already: a timer is set up only for one that has to be waited for.
    let at_once = std::future::poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await;
    let result = match at_once {
        Poll::Ready(result) => Ok(result),
        Poll::Pending => timeout(within, reading).await,
    };
    match result {
        Ok(result) => result.map(|()| held),
        Err(_) => Err(BodyFault::TooSlow { seconds: within.as_secs() }),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
    use hyper::body::Frame;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn chunks(count: usize, bytes: usize) -> impl Body<Data = Bytes, Error = Infallible> {
        let chunk = move |_| Ok(Frame::data(Bytes::from(vec![b'x'; bytes])));
        StreamBody::new(stream::iter((0..count).map(chunk)))
    }

    #[tokio::test]
    async fn a_body_at_the_limit_passes_and_one_byte_more_does_not() {
        let room = Room::new(1000);
        let held = read(Full::new(Bytes::from(vec![1; 100])), &room, 100, SECOND).await.expect("at the limit");
        assert_eq!(held.bytes.len(), 100);
        let fault = read(Full::new(Bytes::from(vec![1; 101])), &room, 100, SECOND).await.expect_err("above");
        assert_eq!(fault, BodyFault::TooLarge { bytes_max: 100, declared: Some(101) });
        assert_eq!(read(chunks(10, 10), &room, 100, SECOND).await.expect("at the limit").bytes.len(), 100);
        let fault = read(chunks(11, 10), &room, 100, SECOND).await.expect_err("above");
        assert_eq!(fault, BodyFault::TooLarge { bytes_max: 100, declared: None });
        assert!(read(Empty::new(), &room, 100, SECOND).await.expect("empty").bytes.is_empty());
    }

    #[tokio::test]
    async fn bodies_share_a_room_and_give_it_back() {
        let room = Room::new(150);
        let first = read(chunks(10, 10), &room, 100, SECOND).await.expect("room for one");
        assert_eq!(read(chunks(10, 10), &room, 100, SECOND).await.expect_err("full"), BodyFault::NoRoom);
        drop(first);
        read(chunks(10, 10), &room, 100, SECOND).await.expect("room again");
        assert_eq!(room.used.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_stops_sending_is_not_waited_for() {
        let stuck = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>()).boxed();
        let fault = read(stuck, &Room::new(10), 10, 3 * SECOND).await.expect_err("stuck");
        assert_eq!(fault, BodyFault::TooSlow { seconds: 3 });
    }
}
