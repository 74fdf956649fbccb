// SPDX-License-Identifier: MIT
use crate::{Conn, Error, Events, Framing, Loop, ReceiveFileOptions, Result, Waker};
use std::io;
use std::ops::Deref;
use std::os::unix::io::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::Interest;
use tokio::{task, time};

/// Polls that find something, one after the other, before others have their turn.
const MOST_BUSY: u32 = 64;

/// A [`Loop`] that a task polls without blocking a thread. All of the loop's functions but its poll are here too.
///
/// ```
/// use zcnet::{tokio::Driver, Event, Framing, Loop};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let framing: Framing = "length,strip=4".parse()?;
/// let mut driver = Driver::new(Loop::new()?)?;
/// let listener = driver.listen("tcp://127.0.0.1:0", &framing)?;
/// let conn = driver.connect(listener.address(), &framing)?;
/// driver.get(&conn)?.send_copy(b"hello")?;
/// loop {
///     let events = driver.poll().await?;
///     if let Some(message) = events.iter().find_map(|event| event.message()) {
///         assert_eq!(&*message, b"hello");
///         break;
///     }
/// }
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug)]
pub struct Driver {
    // Before the loop, since it watches the loop's descriptor: it goes first.
    watch: AsyncFd<Watched>,
    inner: Loop,
    busy: u32,
}

#[derive(Debug)]
struct Watched(RawFd);

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl Driver {
    /// Has tokio watch a loop. Called inside a runtime that has its I/O and time drivers on.
    ///
    /// # Errors
    /// tokio cannot watch one more descriptor.
    pub fn new(inner: Loop) -> io::Result<Driver> {
        // Newer versions of tokio have another function for descriptors that might be closed while they are watched. This
        // one is not: the watch goes before the loop.
        #[allow(deprecated)]
        let watch = AsyncFd::with_interest(Watched(inner.as_raw_fd()), Interest::READABLE)?;
        Ok(Driver { watch, inner, busy: 0 })
    }

    /// Writes what is queued, waits for something to happen, and hands it out; never an empty batch.
    ///
    /// It may be dropped at any point, as `select!` does: what happened is then handed out by the next call.
    ///
    /// # Errors
    /// As [`Loop::poll`].
    pub async fn poll(&mut self) -> Result<Events<'_>> {
        // Other tasks of this thread have their turn, however busy the loop is.
        self.busy += 1;
        if self.busy >= MOST_BUSY {
            self.busy = 0;
            task::yield_now().await;
        }
        // Ready or not, poll first: the program may have sent. What is polled is handed out in the same step: between
        // taking and returning nothing is awaited, so that a dropped future has taken nothing.
        let mut polled = self.inner.poll_raw(Some(Duration::ZERO))?;
        while polled.count == 0 {
            self.busy = 0;
            if polled.more {
                task::yield_now().await;
                polled = self.inner.poll_raw(Some(Duration::ZERO))?;
                continue;
            }
            let deadline = self.inner.next_deadline()?;
            let ready = match deadline {
                None => Some(self.watch.readable().await),
                Some(time) => time::timeout(time, self.watch.readable()).await.ok(),
            };
            polled = self.inner.poll_raw(Some(Duration::ZERO))?;
            match ready {
                // tokio reports edges: its note may be cleared only when the loop was then seen to have nothing. What
                // comes in between is an edge of its own.
                Some(Ok(mut guard)) if polled.count == 0 && !polled.more => guard.clear_ready(),
                // The runtime is shutting down.
                Some(Err(_)) if polled.count == 0 => return Err(Error::new(zcnet_sys::ZCN_ECLOSED)),
                _ => {}
            }
        }
        // SAFETY: the loop is borrowed mutably until the last use of the result, so it is not polled.
        Ok(unsafe { Events::new(polled.first, polled.count, polled.more, &self.inner) })
    }

    /// [`Loop::set_framing`].
    ///
    /// # Errors
    /// As there.
    pub fn set_framing(&mut self, conn: &Conn, framing: &Framing) -> Result<()> {
        self.inner.set_framing(conn, framing)
    }

    /// [`Loop::receive_file`].
    ///
    /// # Errors
    /// As there.
    pub fn receive_file(
        &mut self,
        conn: &Conn,
        file: Option<OwnedFd>,
        size: Option<u64>,
        options: &ReceiveFileOptions,
    ) -> Result<()> {
        self.inner.receive_file(conn, file, size, options)
    }

    /// [`Loop::hand_over`].
    ///
    /// # Errors
    /// As there.
    pub fn hand_over(&mut self, conn: &Conn, to: &Waker) -> Result<()> {
        self.inner.hand_over(conn, to)
    }

    /// The loop, no longer watched.
    pub fn into_inner(self) -> Loop {
        self.inner
    }
}

impl Deref for Driver {
    type Target = Loop;

    fn deref(&self) -> &Loop {
        &self.inner
    }
}
