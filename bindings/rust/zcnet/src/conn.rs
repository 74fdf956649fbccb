// SPDX-License-Identifier: MIT
use crate::{Result, SendError, Unit};
use std::ptr::NonNull;
use zcnet_sys as sys;

/// A connection, for any thread: post, close, abort. What belongs to the loop's owner is reached with [`Loop::get`].
/// A clone is the same connection, and dropping it does not close it.
#[derive(Debug)]
pub struct Conn {
    raw: NonNull<sys::zcn_conn>,
    loop_id: u64,
}

// SAFETY: the functions that Conn calls are for any thread that holds a reference, and it holds one.
unsafe impl Send for Conn {}
// SAFETY: as above.
unsafe impl Sync for Conn {}

/// Where a connection is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnState {
    /// The peer has not answered yet.
    Connecting,
    /// Both ways are open, or one still is.
    Open,
    /// It is closing; what is queued is being sent.
    Draining,
    /// It has ended.
    Closed,
}

impl Conn {
    /// # Safety
    /// The connection is live, and a reference is taken for the result.
    pub(crate) unsafe fn retained(raw: NonNull<sys::zcn_conn>, loop_id: u64) -> Conn {
        // SAFETY: as the caller promises.
        unsafe { sys::zcn_conn_retain(raw.as_ptr()) };
        Conn { raw, loop_id }
    }

    /// Queues a unit from any thread. Units of one thread keep their order. A unit that the framing cannot carry ends
    /// when the loop takes it.
    ///
    /// # Errors
    /// As much as the high-water mark is queued, or the connection is closed; the unit comes back.
    pub fn post(&self, unit: impl Into<Unit>) -> Result<(), SendError> {
        // SAFETY: both handles are live, and the unit belongs to this call.
        unit.into().offer(|unit| unsafe { sys::zcn_conn_post(self.as_ptr(), unit) })
    }

    /// Closes: what is queued is sent until the drain timeout, then [`Closed`](crate::Event::Closed) comes.
    pub fn close(&self) {
        // SAFETY: the handle is live. A forked child is the only one that is told otherwise, and has nothing to close.
        unsafe { sys::zcn_conn_close(self.as_ptr()) };
    }

    /// Ends at once: what is queued is dropped, the peer of a TCP connection gets a reset.
    pub fn abort(&self) {
        // SAFETY: as in close().
        unsafe { sys::zcn_conn_abort(self.as_ptr()) };
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::zcn_conn {
        self.raw.as_ptr()
    }

    pub(crate) fn loop_id(&self) -> u64 {
        self.loop_id
    }
}

impl Clone for Conn {
    fn clone(&self) -> Conn {
        // SAFETY: this value holds a reference.
        unsafe { Conn::retained(self.raw, self.loop_id) }
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, which ends here.
        unsafe { sys::zcn_conn_release(self.as_ptr()) }
    }
}

impl PartialEq for Conn {
    fn eq(&self, other: &Conn) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Conn {}

impl std::hash::Hash for Conn {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.raw.hash(state);
    }
}
