// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::{Conn, ConnOptions, ConnRef, Error, Events, Framing, ListenOptions, Listener, LoopOptions};
use crate::{LoopRelayStats, LoopStats, Pool, Result};
use std::cell::Cell;
use std::ffi::CString;
use std::marker::PhantomData;
use std::mem;
use std::os::unix::io::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use zcnet_sys as sys;

/// Drives connections and hands out what happened, in batches.
///
/// A loop has one owner at a time, never a thread of its own: it may move between threads, but not be shared.
/// ```compile_fail,E0277
/// fn is_sync<T: Sync>() {}
/// is_sync::<zcnet::Loop>();
/// ```
/// ```
/// fn is_send<T: Send>() {}
/// is_send::<zcnet::Loop>();
/// ```
///
/// To run it inside another event loop, watch its descriptor ([`AsFd`]) for reading, poll with a timeout of zero when it
/// is ready or [`Loop::next_deadline`] has come, and again while [`Events::more`] says so. Feature `tokio` does it for
/// tokio.
#[derive(Debug)]
pub struct Loop {
    raw: NonNull<sys::zcn_loop>,
    id: u64,
    not_sync: PhantomData<Cell<()>>,
}

// SAFETY: a loop has one owner at a time, which may be any thread.
unsafe impl Send for Loop {}

/// Makes the present or the next poll of a loop return, from any thread; and names a loop to others
/// ([`Loop::hand_over`]).
#[derive(Debug)]
pub struct Waker {
    raw: NonNull<sys::zcn_loop>,
}

// SAFETY: wake, retain and release are for any thread; the last release comes after the loop's owner has ended polling.
unsafe impl Send for Waker {}
// SAFETY: as above.
unsafe impl Sync for Waker {}

/// What a poll gave, without a lifetime.
pub(crate) struct Polled {
    pub(crate) first: *const sys::zcn_event,
    pub(crate) count: usize,
    pub(crate) more: bool,
}

pub(crate) fn text(address: &str) -> Result<CString> {
    CString::new(address).map_err(|_| Error::new(sys::ZCN_EADDRESS))
}

impl Loop {
    /// A loop with the default options.
    ///
    /// # Errors
    /// There is no memory, or there are no descriptors.
    pub fn new() -> Result<Loop> {
        Loop::with_options(&LoopOptions::new())
    }

    /// A loop.
    ///
    /// # Errors
    /// As [`Loop::new`], and an option is out of range.
    pub fn with_options(options: &LoopOptions) -> Result<Loop> {
        // An id is never used twice, as an address would be. Relaxed: only that each call gets another number counts.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut out = ptr::null_mut();
        // SAFETY: both point to what the function asks for.
        check(unsafe { sys::zcn_loop_create(&mut out, options.raw()) })?;
        let raw = NonNull::new(out).expect("ZCN_OK gives a loop");
        Ok(Loop { raw, id: NEXT.fetch_add(1, Ordering::Relaxed), not_sync: PhantomData })
    }

    /// Writes what is queued, waits for the first event, at most so long (`None`: for ever), and hands out what happened.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed): the loop was closed and its last event handed out. A system call failed.
    #[inline]
    pub fn poll(&mut self, timeout: Option<Duration>) -> Result<Events<'_>> {
        let polled = self.poll_raw(timeout)?;
        // SAFETY: the loop is borrowed mutably until the last use of the result, so it is not polled.
        Ok(unsafe { Events::new(polled.first, polled.count, polled.more, self) })
    }

    #[inline]
    pub(crate) fn poll_raw(&mut self, timeout: Option<Duration>) -> Result<Polled> {
        let timeout = timeout.map_or(-1, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
        let (mut first, mut count, mut more) = (ptr::null(), 0, 0);
        // SAFETY: the handle is live, the caller the owner, and the others are places to write to.
        check(unsafe { sys::zcn_loop_poll(self.as_ptr(), timeout, &mut first, &mut count, &mut more) })?;
        #[cfg(feature = "tracing")]
        // SAFETY: this is the array that was just handed out.
        unsafe {
            crate::trace::events(first, count)
        };
        Ok(Polled { first, count, more: more != 0 })
    }

    /// How long until the loop has to be polled though its descriptor is silent; `None`: for ever.
    ///
    /// # Errors
    /// None in the process that made the loop.
    pub fn next_deadline(&self) -> Result<Option<Duration>> {
        let mut nanoseconds = 0;
        // SAFETY: as in poll_raw().
        check(unsafe { sys::zcn_loop_next_deadline(self.as_ptr(), &mut nanoseconds) })?;
        Ok(Some(nanoseconds).filter(|&time| time != i64::MAX).map(|time| Duration::from_nanos(time.max(0) as u64)))
    }

    /// Connects to `tcp://HOST:PORT`, `unix:///path`, `unix-abstract:NAME` or `fd:N`. The answer comes as
    /// [`Connected`](crate::Event::Connected) or [`Closed`](crate::Event::Closed); units may be sent at once.
    ///
    /// # Errors
    /// The address is wrong, or there is no memory or descriptor.
    pub fn connect(&self, address: &str, framing: &Framing) -> Result<Conn> {
        self.connect_with(address, framing, &ConnOptions::new())
    }

    /// As [`Loop::connect`], with options.
    ///
    /// # Errors
    /// As there, and an option is out of range.
    pub fn connect_with(&self, address: &str, framing: &Framing, options: &ConnOptions) -> Result<Conn> {
        let address = text(address)?;
        self.open(|out| {
            // SAFETY: the handles are live, the text terminated, and out is a place for the handle.
            unsafe { sys::zcn_connect(out, self.as_ptr(), address.as_ptr().cast(), framing.as_ptr(), options.raw()) }
        })
    }

    /// Drives a connected stream socket that the program has, such as a `TcpStream` or `UnixStream`. It becomes
    /// non-blocking.
    ///
    /// # Errors
    /// It is not a stream socket, or there is no memory; the socket is then closed.
    pub fn adopt(&self, socket: impl Into<OwnedFd>, framing: &Framing, options: &ConnOptions) -> Result<Conn> {
        let fd: OwnedFd = socket.into();
        let conn = self.open(|out| {
            // SAFETY: as in connect_with(); the descriptor is ours.
            unsafe { sys::zcn_conn_adopt(out, self.as_ptr(), fd.as_raw_fd(), framing.as_ptr(), options.raw()) }
        })?;
        let _ = fd.into_raw_fd(); // the library's own now
        Ok(conn)
    }

    fn open(&self, call: impl FnOnce(*mut *mut sys::zcn_conn) -> i32) -> Result<Conn> {
        let mut out = ptr::null_mut();
        self.detailed(call(&mut out))?;
        let raw = NonNull::new(out).expect("ZCN_OK gives a connection");
        // SAFETY: the loop holds a reference on it until its last event.
        Ok(unsafe { ConnRef::new(raw, self.id) }.to_conn())
    }

    /// Listens on an address. Port 0 takes a free one; [`Listener::address`] tells which.
    ///
    /// # Errors
    /// The address is wrong or in use, or not allowed, or there is no memory or descriptor.
    pub fn listen(&self, address: &str, framing: &Framing) -> Result<Listener> {
        self.listen_with(address, framing, &ListenOptions::new())
    }

    /// As [`Loop::listen`], with options.
    ///
    /// # Errors
    /// As there, and an option is out of range.
    pub fn listen_with(&self, address: &str, framing: &Framing, options: &ListenOptions) -> Result<Listener> {
        let address = text(address)?;
        let mut out = ptr::null_mut();
        self.detailed(options.with_raw(|options| {
            // SAFETY: as in connect_with().
            unsafe { sys::zcn_listen(&mut out, self.as_ptr(), address.as_ptr().cast(), framing.as_ptr(), options) }
        }))?;
        // SAFETY: the listener was just made, and is this loop's.
        unsafe { Listener::new(NonNull::new(out).expect("ZCN_OK gives a listener"), self.id) }
    }

    /// Tells the loop's counters to whoever connects to a Unix socket, `unix:///path` (for the user of this process alone)
    /// or `unix-abstract:NAME`: `zcnet stat ADDRESS` shows them, in the format of Prometheus too.
    ///
    /// # Errors
    /// As [`Loop::listen`].
    pub fn listen_stat(&self, address: &str) -> Result<Listener> {
        let address = text(address)?;
        let mut out = ptr::null_mut();
        // SAFETY: as in connect_with().
        self.detailed(unsafe { sys::zcn_listen_stat(&mut out, self.as_ptr(), address.as_ptr().cast()) })?;
        // SAFETY: as in listen_with().
        unsafe { Listener::new(NonNull::new(out).expect("ZCN_OK gives a listener"), self.id) }
    }

    /// A connection of this loop in its owner's hands.
    ///
    /// # Errors
    /// It is another loop's.
    #[inline]
    pub fn get<'a>(&'a self, conn: &'a Conn) -> Result<ConnRef<'a>> {
        self.drives(conn)?;
        // SAFETY: the connection is this loop's, conn holds a reference for 'a, and the loop is not polled for 'a.
        Ok(unsafe { ConnRef::new(NonNull::new_unchecked(conn.as_ptr()), self.id) })
    }

    /// Changes how a connection's bytes are understood from here on. Messages that were handed out stay as they were;
    /// parsing starts again behind them. For protocols that change in mid-stream, together with
    /// [`ConnOptions::messages_per_poll`]`(1)`.
    ///
    /// # Errors
    /// The connection is closed or another loop's, or there is no memory.
    pub fn set_framing(&mut self, conn: &Conn, framing: &Framing) -> Result<()> {
        self.drives(conn)?;
        // SAFETY: both handles are live, and nothing of the last array is borrowed any more: self is mutable.
        check(unsafe { sys::zcn_conn_set_framing(conn.as_ptr(), ptr::null(), framing.as_ptr()) })
    }

    /// Sets a timer: one [`Timer`](crate::Event::Timer) event with this token after the delay. Setting a token again
    /// moves it.
    ///
    /// # Errors
    /// There is no memory, or the loop is closed.
    pub fn set_timer(&self, token: u64, delay: Duration) -> Result<()> {
        let delay = i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
        // SAFETY: as in poll_raw(). So it is below.
        check(unsafe { sys::zcn_loop_timer_set(self.as_ptr(), token, delay) })
    }

    /// Takes a timer back; false: there is none, or it has gone off.
    pub fn cancel_timer(&self, token: u64) -> bool {
        // SAFETY: as in set_timer().
        unsafe { sys::zcn_loop_timer_cancel(self.as_ptr(), token) == sys::ZCN_OK }
    }

    /// Asks for one [`PoolReady`](crate::Event::PoolReady) event with this token when a pool that is at its limit has room
    /// for so many bytes: what to do when an allocation said [`NoBuffers`](crate::ErrorKind::NoBuffers). It is no promise:
    /// others may take the room first. Feature `tokio` has a future.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid): the pool could never hold so many bytes. There is no memory, or the loop is
    /// closed.
    pub fn await_memory(&self, pool: &Pool, size: u64, token: u64) -> Result<()> {
        // SAFETY: as in set_timer(). So it is below.
        check(unsafe { sys::zcn_loop_await_memory(self.as_ptr(), pool.as_ptr(), size, token) })
    }

    /// Closes every connection, drained, and every listener, dialer and relay. Polls go on until the last event is handed out.
    ///
    /// # Errors
    /// None in the process that made the loop.
    pub fn close(&self) -> Result<()> {
        // SAFETY: as in set_timer().
        check(unsafe { sys::zcn_loop_close(self.as_ptr()) })
    }

    /// Reads the counters.
    ///
    /// # Errors
    /// None that a live loop has.
    pub fn stats(&self) -> Result<LoopStats> {
        // SAFETY: numbers only, for which zero is a value.
        let mut stats: LoopStats = unsafe { mem::zeroed() };
        stats.struct_size = mem::size_of::<LoopStats>() as u64;
        // SAFETY: as in set_timer(); struct_size says how much may be written.
        check(unsafe { sys::zcn_loop_get_stats(self.as_ptr(), &mut stats) })?;
        Ok(stats)
    }

    /// Reads the counters of its relays: what they carry is in none of [`Loop::stats`].
    ///
    /// # Errors
    /// None that a live loop has.
    pub fn relay_stats(&self) -> Result<LoopRelayStats> {
        // SAFETY: as in stats().
        let mut stats: LoopRelayStats = unsafe { mem::zeroed() };
        stats.struct_size = mem::size_of::<LoopRelayStats>() as u64;
        // SAFETY: as in stats().
        check(unsafe { sys::zcn_loop_get_relay_stats(self.as_ptr(), &mut stats) })?;
        Ok(stats)
    }

    /// What wakes this loop from any thread. Connections outlive the loop's owner for as long as one is kept.
    pub fn waker(&self) -> Waker {
        // SAFETY: the handle is live.
        unsafe { sys::zcn_loop_retain(self.as_ptr()) };
        Waker { raw: self.raw }
    }

    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn owns(&self, id: u64) -> Result<()> {
        check(if id == self.id { sys::ZCN_OK } else { sys::ZCN_EINVAL })
    }

    /// The error with what the loop remembers of it.
    pub(crate) fn detailed(&self, status: i32) -> Result<()> {
        if status == sys::ZCN_OK {
            return Ok(());
        }
        // SAFETY: as in set_timer(); the place is a zcn_error with its size set.
        Err(Error::detailed(status, |place| unsafe { sys::zcn_loop_get_error(self.as_ptr(), place) }))
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::zcn_loop {
        self.raw.as_ptr()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, which ends here; no poll is running, since nobody else has the loop.
        unsafe { sys::zcn_loop_release(self.as_ptr()) }
    }
}

impl AsRawFd for Loop {
    fn as_raw_fd(&self) -> RawFd {
        // SAFETY: as in set_timer().
        unsafe { sys::zcn_loop_fd(self.as_ptr()) }
    }
}

/// Readable whenever a poll would give an event or write a byte, level-triggered. It must not be read.
impl AsFd for Loop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is the loop's, and open as long as it lives.
        unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
    }
}

impl Waker {
    pub(crate) fn as_ptr(&self) -> *mut sys::zcn_loop {
        self.raw.as_ptr()
    }

    /// Makes the present or the next poll return with a [`Woken`](crate::Event::Woken) event. Several calls may give
    /// one event.
    pub fn wake(&self) {
        // SAFETY: this value holds a reference. A forked child alone is told otherwise, and has nothing to wake.
        unsafe { sys::zcn_loop_wake(self.raw.as_ptr()) };
    }
}

impl Clone for Waker {
    fn clone(&self) -> Waker {
        // SAFETY: the handle is live.
        unsafe { sys::zcn_loop_retain(self.raw.as_ptr()) };
        Waker { raw: self.raw }
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, which ends here.
        unsafe { sys::zcn_loop_release(self.raw.as_ptr()) }
    }
}
