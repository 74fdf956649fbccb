// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::{Conn, Error, Loop, RelayOptions, RelayStats, Result};
use std::mem;
use std::os::unix::io::{AsRawFd, IntoRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::time::Duration;
use zcnet_sys as sys;

/// Bytes between two sockets, both ways, which a loop moves without passing them through the program; for any thread:
/// close, abort. What belongs to the loop's owner is reached with [`Loop::relay`]. A clone is the same relay, and
/// dropping it does not end it.
#[derive(Debug)]
pub struct Relay {
    raw: NonNull<sys::zcn_relay>,
    loop_id: u64,
}

// SAFETY: close, abort, retain and release are for any thread that holds a reference; the rest goes through the loop.
unsafe impl Send for Relay {}
// SAFETY: as above.
unsafe impl Sync for Relay {}

/// A relay in the hands of the loop's owner.
#[derive(Debug, Clone, Copy)]
pub struct RelayRef<'a> {
    raw: NonNull<sys::zcn_relay>,
    owner: &'a Loop,
}

/// How a relay moves bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum RelayMethod {
    /// Spliced where reads are large, copied where they are small.
    Auto = sys::ZCN_RELAY_AUTO,
    /// Spliced, but where the kernel refuses it.
    Splice = sys::ZCN_RELAY_SPLICE,
    /// Through memory of the pool.
    Copy = sys::ZCN_RELAY_COPY,
}

/// One of the two of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Direction {
    /// From the first to the second.
    Forward = sys::ZCN_RELAY_FORWARD,
    /// From the second to the first.
    Backward = sys::ZCN_RELAY_BACKWARD,
}

/// What happens when a tap is slower than the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tap {
    /// The tap ends: what it got is a beginning without a gap.
    End,
    /// It misses bytes, and goes on with later ones.
    Skip,
    /// The pair waits for it, at most so long at a time; `None`: for ever.
    Wait(Option<Duration>),
}

impl Loop {
    /// Joins two open connections of this loop. They give up their sockets to the relay and end; what they had received
    /// and not delivered goes first. [`RelayEnded`](crate::Event::RelayEnded) comes when both directions have ended.
    ///
    /// # Errors
    /// Units are queued on one of them, one is still connecting or has ended, or they are not of this loop; both are then
    /// as they were.
    pub fn join(&self, first: &Conn, second: &Conn, options: &RelayOptions) -> Result<Relay> {
        let (first, second) = (self.get(first)?, self.get(second)?);
        // SAFETY: the handles are live, and the caller is the owner.
        self.joined(|out| unsafe { sys::zcn_relay_conns(out, first.as_ptr(), second.as_ptr(), options.raw()) })
    }

    /// Joins two connected stream sockets that the program has.
    ///
    /// # Errors
    /// One is no connected stream socket, or there is no memory; both are then closed.
    pub fn join_sockets(
        &self,
        first: impl Into<OwnedFd>,
        second: impl Into<OwnedFd>,
        options: &RelayOptions,
    ) -> Result<Relay> {
        let (first, second): (OwnedFd, OwnedFd) = (first.into(), second.into());
        // SAFETY: as in join(); the descriptors are ours.
        let relay = self.joined(|out| unsafe {
            sys::zcn_relay_fds(out, self.as_ptr(), first.as_raw_fd(), second.as_raw_fd(), options.raw())
        })?;
        let _ = (first.into_raw_fd(), second.into_raw_fd()); // the library's own now
        Ok(relay)
    }

    fn joined(&self, call: impl FnOnce(*mut *mut sys::zcn_relay) -> i32) -> Result<Relay> {
        let mut out = ptr::null_mut();
        self.detailed(call(&mut out))?;
        let raw = NonNull::new(out).expect("ZCN_OK gives a relay");
        // SAFETY: the loop holds a reference on it until its last event.
        Ok(unsafe { RelayRef::new(raw, self) }.to_relay())
    }

    /// A relay of this loop in its owner's hands.
    ///
    /// # Errors
    /// It is another loop's.
    pub fn relay<'a>(&'a self, relay: &'a Relay) -> Result<RelayRef<'a>> {
        self.owns(relay.loop_id)?;
        Ok(RelayRef { raw: relay.raw, owner: self })
    }
}

impl Relay {
    /// Writes what was read, then ends.
    pub fn close(&self) {
        // SAFETY: the handle is live. A forked child alone is told otherwise, and has nothing to end.
        unsafe { sys::zcn_relay_close(self.raw.as_ptr()) };
    }

    /// Ends at once.
    pub fn abort(&self) {
        // SAFETY: as in close().
        unsafe { sys::zcn_relay_abort(self.raw.as_ptr()) };
    }
}

impl<'a> RelayRef<'a> {
    /// # Safety
    /// The relay is the loop's, and lives for 'a.
    pub(crate) unsafe fn new(raw: NonNull<sys::zcn_relay>, owner: &'a Loop) -> RelayRef<'a> {
        RelayRef { raw, owner }
    }

    /// The relay, to be kept and given to other threads.
    pub fn to_relay(self) -> Relay {
        // SAFETY: the handle is live, and the caller is the owner. So it is below.
        unsafe { sys::zcn_relay_retain(self.as_ptr()) };
        Relay { raw: self.raw, loop_id: self.owner.id() }
    }

    /// Lets a file, a pipe or a socket have what goes through one direction too. Before the next poll nothing is missed.
    ///
    /// # Errors
    /// The direction has or had a tap, the relay has ended, or there is no pipe to be had.
    pub fn tap(self, direction: Direction, to: impl Into<OwnedFd>, policy: Tap) -> Result<()> {
        let (policy, wait) = match policy {
            Tap::End => (sys::ZCN_TAP_END, 0),
            Tap::Skip => (sys::ZCN_TAP_SKIP, 0),
            Tap::Wait(time) => (sys::ZCN_TAP_WAIT, time.map_or(0, crate::options::milliseconds)),
        };
        let fd: OwnedFd = to.into();
        // SAFETY: as in to_relay(); the descriptor is ours.
        check(unsafe { sys::zcn_relay_tap(self.as_ptr(), direction as u32, fd.as_raw_fd(), policy, wait) })?;
        let _ = fd.into_raw_fd(); // the library's own now
        Ok(())
    }

    /// The program's own number.
    pub fn user(self) -> usize {
        // SAFETY: as in to_relay().
        unsafe { sys::zcn_relay_get_user(self.as_ptr()) }
    }

    /// Sets the program's own number.
    pub fn set_user(self, user: usize) {
        // SAFETY: as in to_relay(). A live handle takes any number.
        unsafe { sys::zcn_relay_set_user(self.as_ptr(), user) };
    }

    /// Why it ended: nothing while it runs, and when it was closed in order.
    pub fn error(self) -> Option<Error> {
        let mut error = crate::error::empty_error();
        // SAFETY: as in to_relay(); the place is a zcn_error with its size set.
        unsafe { sys::zcn_relay_get_error(self.as_ptr(), &mut error) };
        Some(Error::found(error.status, &error)).filter(|error| error.status() != sys::ZCN_OK)
    }

    /// Reads the counters.
    pub fn stats(self) -> RelayStats {
        // SAFETY: numbers only, for which zero is a value.
        let mut stats: RelayStats = unsafe { mem::zeroed() };
        stats.struct_size = mem::size_of::<RelayStats>() as u64;
        // SAFETY: as in to_relay(); struct_size says how much may be written.
        unsafe { sys::zcn_relay_get_stats(self.as_ptr(), &mut stats) };
        stats
    }

    fn as_ptr(self) -> *mut sys::zcn_relay {
        self.raw.as_ptr()
    }
}

impl PartialEq<Relay> for RelayRef<'_> {
    fn eq(&self, other: &Relay) -> bool {
        self.raw == other.raw
    }
}

impl Clone for Relay {
    fn clone(&self) -> Relay {
        // SAFETY: this value holds a reference.
        unsafe { sys::zcn_relay_retain(self.raw.as_ptr()) };
        Relay { raw: self.raw, loop_id: self.loop_id }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, which ends here.
        unsafe { sys::zcn_relay_release(self.raw.as_ptr()) }
    }
}
