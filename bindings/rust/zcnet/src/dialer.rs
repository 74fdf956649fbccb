// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::{ConnRef, DialOptions, DialerStats, Framing, Loop, Result};
use std::mem;
use std::ptr::{self, NonNull};
use zcnet_sys as sys;

/// Keeps one connection to an address, and makes a new one when it ends, after waits that grow. It goes on when this is
/// dropped; [`DialerRef::close`] ends it. A clone is the same dialer.
#[derive(Debug)]
pub struct Dialer {
    raw: NonNull<sys::zcn_dialer>,
    loop_id: u64,
}

// SAFETY: what belongs to the loop's owner goes through the loop; retain and release are for any thread.
unsafe impl Send for Dialer {}
// SAFETY: as above.
unsafe impl Sync for Dialer {}

/// A dialer in the hands of the loop's owner.
#[derive(Debug, Clone, Copy)]
pub struct DialerRef<'a> {
    raw: NonNull<sys::zcn_dialer>,
    owner: &'a Loop,
}

impl Loop {
    /// Connects to an address (see [`Loop::connect`]; not `fd:N`), now and whenever the connection has ended. Each
    /// attempt is a connection like any other; behind its end comes [`Redial`](crate::Event::Redial).
    ///
    /// # Errors
    /// The address is wrong, an option is out of range, or there is no memory. That nobody is there is none.
    pub fn dial(&self, address: &str, framing: &Framing, options: &DialOptions) -> Result<Dialer> {
        let address = crate::event_loop::text(address)?;
        let mut out = ptr::null_mut();
        self.detailed(options.with_raw(|options| {
            // SAFETY: the handles are live, the text terminated, and out is a place for the handle.
            unsafe { sys::zcn_dial(&mut out, self.as_ptr(), address.as_ptr().cast(), framing.as_ptr(), options) }
        }))?;
        Ok(Dialer { raw: NonNull::new(out).expect("ZCN_OK gives a dialer"), loop_id: self.id() })
    }

    /// A dialer of this loop in its owner's hands.
    ///
    /// # Errors
    /// It is another loop's.
    pub fn dialer<'a>(&'a self, dialer: &'a Dialer) -> Result<DialerRef<'a>> {
        self.owns(dialer.loop_id)?;
        Ok(DialerRef { raw: dialer.raw, owner: self })
    }
}

impl<'a> DialerRef<'a> {
    /// # Safety
    /// The dialer is the loop's, and lives for 'a.
    pub(crate) unsafe fn new(raw: NonNull<sys::zcn_dialer>, owner: &'a Loop) -> DialerRef<'a> {
        DialerRef { raw, owner }
    }

    /// The dialer, to be kept.
    pub fn to_dialer(self) -> Dialer {
        // SAFETY: the handle is live, and the caller is the owner. So it is below.
        unsafe { sys::zcn_dialer_retain(self.as_ptr()) };
        Dialer { raw: self.raw, loop_id: self.owner.id() }
    }

    /// The present connection, which stands or is being made; `None` while the dialer waits.
    pub fn conn(self) -> Option<ConnRef<'a>> {
        // SAFETY: as in to_dialer().
        let conn = NonNull::new(unsafe { sys::zcn_dialer_get_conn(self.as_ptr()) })?;
        // SAFETY: the connection is the loop's, and stays at least until the next poll.
        Some(unsafe { ConnRef::new(conn, self.owner.id()) })
    }

    /// Tries now instead of at the end of the wait, and begins with the first wait again.
    ///
    /// # Errors
    /// The dialer is closed.
    pub fn hurry(self) -> Result<()> {
        // SAFETY: as in to_dialer().
        check(unsafe { sys::zcn_dialer_hurry(self.as_ptr()) })
    }

    /// Makes no more connections; the present one lives on. [`DialerClosed`](crate::Event::DialerClosed) comes.
    pub fn close(self) {
        // SAFETY: as in to_dialer(). A forked child alone is told otherwise, and has nothing to close.
        unsafe { sys::zcn_dialer_close(self.as_ptr()) };
    }

    /// The program's own number.
    pub fn user(self) -> usize {
        // SAFETY: as in to_dialer().
        unsafe { sys::zcn_dialer_get_user(self.as_ptr()) }
    }

    /// Sets the program's own number.
    pub fn set_user(self, user: usize) {
        // SAFETY: as in to_dialer(). A live handle takes any number.
        unsafe { sys::zcn_dialer_set_user(self.as_ptr(), user) };
    }

    /// Reads the counters.
    pub fn stats(self) -> DialerStats {
        // SAFETY: numbers only, for which zero is a value.
        let mut stats: DialerStats = unsafe { mem::zeroed() };
        stats.struct_size = mem::size_of::<DialerStats>() as u64;
        // SAFETY: as in to_dialer(); struct_size says how much may be written.
        unsafe { sys::zcn_dialer_get_stats(self.as_ptr(), &mut stats) };
        stats
    }

    fn as_ptr(self) -> *mut sys::zcn_dialer {
        self.raw.as_ptr()
    }
}

impl PartialEq<Dialer> for DialerRef<'_> {
    fn eq(&self, other: &Dialer) -> bool {
        self.raw == other.raw
    }
}

impl Clone for Dialer {
    fn clone(&self) -> Dialer {
        // SAFETY: this value holds a reference.
        unsafe { sys::zcn_dialer_retain(self.raw.as_ptr()) };
        Dialer { raw: self.raw, loop_id: self.loop_id }
    }
}

impl Drop for Dialer {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, which ends here.
        unsafe { sys::zcn_dialer_release(self.raw.as_ptr()) }
    }
}
