// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::{ConnRef, DialerRef, Error, Header, Loop, MessageRef, RelayRef, Result};
use std::fmt;
use std::iter::FusedIterator;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use zcnet_sys as sys;

/// One of the things that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A connection of [`Loop::connect`] stands, or an adopted one is driven.
    Connected(ConnRef<'a>),
    /// A listener's new connection.
    Accepted(ConnRef<'a>),
    /// A message.
    Message {
        /// That it came from.
        conn: ConnRef<'a>,
        /// Its bytes, borrowed until the next poll.
        message: MessageRef<'a>,
    },
    /// A message that answers a request of [`ConnRef::request`].
    Answer {
        /// That it came from.
        conn: ConnRef<'a>,
        /// Its bytes, borrowed until the next poll.
        message: MessageRef<'a>,
        /// Of the request.
        token: u64,
    },
    /// A message of which the header alone is here: [`ConnOptions::header_from`](crate::ConnOptions::header_from).
    Header(Header<'a>),
    /// A body that was to go into a file has ended.
    FileReceived {
        /// That it came from.
        conn: ConnRef<'a>,
        /// Of the [`ReceiveFileOptions`](crate::ReceiveFileOptions).
        token: u64,
        /// Bytes that are in the file, from the offset on and without a gap.
        size: u64,
        /// All of them are, or why not more; [`ConnRef::file_error`] has the details of a file that took no more.
        result: Result<()>,
    },
    /// A request of [`ConnRef::request`] that has no answer.
    Unanswered {
        /// That was asked.
        conn: ConnRef<'a>,
        /// Of the request.
        token: u64,
        /// [`TimedOut`](crate::ErrorKind::TimedOut), or why the connection ended.
        reason: Result<()>,
    },
    /// The units with the tokens `first`, `first` + 1 … `first` + `count` - 1 have ended.
    Sent {
        /// That they were sent on.
        conn: ConnRef<'a>,
        /// The first token.
        first: u64,
        /// How many.
        count: u64,
        /// They were written, or why not.
        result: Result<()>,
    },
    /// Below the low-water mark again after an [`Again`](crate::ErrorKind::Again).
    Writable(ConnRef<'a>),
    /// The peer sends no more, only with [`ConnOptions::half_open`](crate::ConnOptions::half_open).
    PeerClosed {
        /// Which may still send.
        conn: ConnRef<'a>,
        /// It has ended in order, or what was wrong with its bytes, see
        /// [`ConnOptions::half_open_after_errors`](crate::ConnOptions::half_open_after_errors).
        reason: Result<()>,
    },
    /// The last event of a connection.
    Closed {
        /// That has ended.
        conn: ConnRef<'a>,
        /// The one reason: closed here in order, or [`Eof`](crate::ErrorKind::Eof), or what went wrong.
        reason: Result<()>,
    },
    /// [`Waker::wake`](crate::Waker::wake) was called.
    Woken,
    /// The timer with this token has run out.
    Timer(u64),
    /// Accepting pauses, and goes on later: the descriptors or the listener's limit are used up.
    AcceptLimited {
        /// The listener's number.
        user: usize,
        /// [`NoBuffers`](crate::ErrorKind::NoBuffers): the listener's limit; [`System`](crate::ErrorKind::System): what
        /// [`Error::raw_os_error`] says, `EMFILE` when descriptors ran out.
        reason: Result<()>,
    },
    /// Reading pauses until the pool has memory again.
    PoolLimited(ConnRef<'a>),
    /// A pool that [`Loop::await_memory`] asked about has room again.
    PoolReady {
        /// As it was given there.
        token: u64,
        /// Bytes that were asked for.
        size: u64,
        /// [`Invalid`](crate::ErrorKind::Invalid): it can never have so much room any more.
        result: Result<()>,
    },
    /// A connection that another loop handed over.
    Arrived(ConnRef<'a>),
    /// Both directions of a relay have ended, or it was closed or failed.
    RelayEnded {
        /// The relay.
        relay: RelayRef<'a>,
        /// Closed here in order, or [`Eof`](crate::ErrorKind::Eof), or what went wrong.
        reason: Result<()>,
        /// Bytes written in both directions.
        bytes: u64,
    },
    /// The connection of a dialer has ended, or could not be made, and another attempt follows.
    Redial {
        /// The dialer.
        dialer: DialerRef<'a>,
        /// Why it ended.
        reason: Result<()>,
        /// When the next attempt follows.
        wait: Duration,
        /// Attempts in a row that did not last.
        failures: u64,
    },
    /// A dialer has ended.
    DialerClosed {
        /// The dialer's number.
        user: usize,
        /// It was closed, or why the last of its attempts failed.
        reason: Result<()>,
    },
    /// A listener has ended.
    ListenerClosed {
        /// The listener's number.
        user: usize,
        /// Why.
        reason: Result<()>,
    },
}

impl<'a> Event<'a> {
    /// The message, if this is one, an answer included; not one of which the header alone is here.
    pub fn message(&self) -> Option<MessageRef<'a>> {
        match self {
            Event::Message { message, .. } | Event::Answer { message, .. } => Some(*message),
            _ => None,
        }
    }

    /// The connection, if the event is of one.
    pub fn conn(&self) -> Option<ConnRef<'a>> {
        match self {
            Event::Connected(conn)
            | Event::Accepted(conn)
            | Event::Arrived(conn)
            | Event::Message { conn, .. }
            | Event::Answer { conn, .. }
            | Event::Unanswered { conn, .. }
            | Event::FileReceived { conn, .. }
            | Event::Sent { conn, .. }
            | Event::Writable(conn)
            | Event::PeerClosed { conn, .. }
            | Event::Closed { conn, .. }
            | Event::PoolLimited(conn) => Some(*conn),
            Event::Header(header) => Some(header.conn()),
            _ => None,
        }
    }
}

/// What one poll handed out. It borrows the loop: the next poll ends it, and everything in it.
///
/// ```compile_fail,E0499
/// fn two(poller: &mut zcnet::Loop) {
///     let first = poller.poll(None).unwrap();
///     let second = poller.poll(None).unwrap();
///     println!("{} {}", first.len(), second.len());
/// }
/// ```
/// ```
/// fn two(poller: &mut zcnet::Loop) {
///     let first = poller.poll(None).unwrap().len();
///     let second = poller.poll(None).unwrap();
///     println!("{} {}", first, second.len());
/// }
/// ```
pub struct Events<'a> {
    first: *const sys::zcn_event,
    count: usize,
    more: bool,
    owner: &'a Loop,
}

impl<'a> Events<'a> {
    /// # Safety
    /// The array is the present one of the loop, which is not polled for 'a.
    pub(crate) unsafe fn new(first: *const sys::zcn_event, count: usize, more: bool, owner: &'a Loop) -> Events<'a> {
        Events { first, count, more, owner }
    }

    /// The events, each once. Those of a connection that is closed meanwhile are left out.
    #[inline]
    pub fn iter(&self) -> EventIter<'a> {
        EventIter { next: self.first, left: self.count, owner: self.owner }
    }

    /// How many events, at most.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True when the time passed without an event.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// True when another poll would give more at once.
    pub fn more(&self) -> bool {
        self.more
    }

    /// The loop, to connect, listen and set timers while the events are looked at.
    pub fn owner(&self) -> &'a Loop {
        self.owner
    }
}

impl<'a> IntoIterator for &Events<'a> {
    type Item = Event<'a>;
    type IntoIter = EventIter<'a>;

    #[inline]
    fn into_iter(self) -> EventIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for Events<'a> {
    type Item = Event<'a>;
    type IntoIter = EventIter<'a>;

    fn into_iter(self) -> EventIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Events<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Iterates over [`Events`].
#[derive(Debug)]
pub struct EventIter<'a> {
    next: *const sys::zcn_event,
    left: usize,
    owner: &'a Loop,
}

/// # Safety
/// `event` is in the present array of a loop or stream.
#[inline]
pub(crate) unsafe fn event_type(event: *const sys::zcn_event) -> u32 {
    // SAFETY: a connection that is closed on another thread blanks its events while they are looked at: the type is
    // the one field that changes, and it is stored with an atomic operation. Relaxed, since nothing else is told by it:
    // what the event shows stays valid either way.
    unsafe { (*std::ptr::addr_of!((*event).r#type).cast::<AtomicU32>()).load(Ordering::Relaxed) }
}

impl<'a> Iterator for EventIter<'a> {
    type Item = Event<'a>;

    #[inline]
    fn next(&mut self) -> Option<Event<'a>> {
        while self.left > 0 {
            let event = self.next;
            self.left -= 1;
            // SAFETY: there was one more, so this is in the array or just behind it.
            self.next = unsafe { event.add(1) };
            // SAFETY: the event is in the array, which stays for 'a.
            if let Some(message) = unsafe { make_message(event, self.owner) } {
                return Some(message);
            }
            // SAFETY: as above.
            if let Some(known) = unsafe { make(event, self.owner) } {
                return Some(known);
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl FusedIterator for EventIter<'_> {}

struct Fields {
    status: i32,
    user: usize,
    size: u64,
    token: u64,
}

/// The most frequent event, where the caller's match can see what it is.
///
/// # Safety
/// As for make().
#[inline(always)]
unsafe fn make_message<'a>(event: *const sys::zcn_event, owner: &'a Loop) -> Option<Event<'a>> {
    // SAFETY: as the caller promises; an event that has a connection holds a reference on it for as long.
    unsafe {
        if event_type(event) != sys::ZCN_EVENT_MESSAGE || (*event).token != 0 {
            return None;
        }
        let conn = ConnRef::new(NonNull::new_unchecked((*event).conn), owner.id());
        Some(Event::Message { conn, message: MessageRef::new(event) })
    }
}

/// # Safety
/// The event is in the present array of the loop, which is not polled for 'a.
#[inline(never)]
unsafe fn make<'a>(event: *const sys::zcn_event, owner: &'a Loop) -> Option<Event<'a>> {
    // SAFETY: as the caller promises; events that have a connection hold a reference on it for as long. So it is below.
    let conn = || unsafe { ConnRef::new(NonNull::new_unchecked((*event).conn), owner.id()) };
    // SAFETY: as above. These fields stay as they are; the type, which may change, is not read with them.
    let of = || unsafe {
        Fields { status: (*event).status, user: (*event).user, size: (*event).size, token: (*event).token }
    };
    // SAFETY: as above.
    let kind = unsafe { event_type(event) };
    Some(match kind {
        sys::ZCN_EVENT_MESSAGE => {
            // SAFETY: the event is a message's.
            let message = unsafe { MessageRef::new(event) };
            // SAFETY: as above; it stays as it is.
            match unsafe { (*event).token } {
                token if conn().has_ids() => Event::Answer { conn: conn(), message, token },
                body_size => Event::Header(Header::new(conn(), message, body_size)),
            }
        }
        sys::ZCN_EVENT_FILE_RECEIVED => {
            let Fields { status, size, token, .. } = of();
            Event::FileReceived { conn: conn(), token, size, result: check(status) }
        }
        sys::ZCN_EVENT_POOL_READY => {
            let Fields { status, size, token, .. } = of();
            Event::PoolReady { token, size, result: check(status) }
        }
        sys::ZCN_EVENT_UNANSWERED => {
            let Fields { status, token, .. } = of();
            Event::Unanswered { conn: conn(), token, reason: check(status) }
        }
        sys::ZCN_EVENT_CONNECTED => Event::Connected(conn()),
        sys::ZCN_EVENT_ACCEPTED => Event::Accepted(conn()),
        sys::ZCN_EVENT_SENT => {
            let Fields { status, size, token, .. } = of();
            Event::Sent { conn: conn(), first: token, count: size, result: check(status) }
        }
        sys::ZCN_EVENT_WRITABLE => Event::Writable(conn()),
        sys::ZCN_EVENT_PEER_CLOSED => Event::PeerClosed { conn: conn(), reason: check(of().status) },
        sys::ZCN_EVENT_CLOSED => Event::Closed { conn: conn(), reason: check(of().status) },
        sys::ZCN_EVENT_WOKEN => Event::Woken,
        sys::ZCN_EVENT_TIMER => Event::Timer(of().token),
        sys::ZCN_EVENT_ACCEPT_LIMITED => {
            let Fields { status, user, size, .. } = of();
            Event::AcceptLimited { user, reason: Err(Error::of_system(status, size)) }
        }
        sys::ZCN_EVENT_POOL_LIMITED => Event::PoolLimited(conn()),
        sys::ZCN_EVENT_ARRIVED => Event::Arrived(conn()),
        sys::ZCN_EVENT_RELAY_ENDED => {
            let Fields { status, size, .. } = of();
            // SAFETY: data of this event is the relay, which stays until the next poll.
            let relay = unsafe { RelayRef::new(NonNull::new_unchecked((*event).data as *mut _), owner) };
            Event::RelayEnded { relay, reason: check(status), bytes: size }
        }
        sys::ZCN_EVENT_REDIAL => {
            let Fields { status, size, token, .. } = of();
            // SAFETY: data of this event is the dialer, which stays until the next poll.
            let dialer = unsafe { DialerRef::new(NonNull::new_unchecked((*event).data as *mut _), owner) };
            Event::Redial { dialer, reason: check(status), wait: Duration::from_millis(size), failures: token }
        }
        sys::ZCN_EVENT_DIALER_CLOSED => Event::DialerClosed { user: of().user, reason: check(of().status) },
        sys::ZCN_EVENT_LISTENER_CLOSED => Event::ListenerClosed { user: of().user, reason: check(of().status) },
        // ZCN_EVENT_NONE, and what a later library may add.
        _ => return None,
    })
}
