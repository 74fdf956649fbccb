// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::{ListenerStats, Loop, Result};
use std::mem;
use std::os::unix::io::RawFd;
use std::ptr::NonNull;
use zcnet_sys as sys;

/// Accepts connections, each of which appears with [`Accepted`](crate::Event::Accepted). It stays open when this is
/// dropped; [`Loop::close_listener`](crate::Loop::close_listener) ends it.
#[derive(Debug)]
pub struct Listener {
    raw: NonNull<sys::zcn_listener>,
    loop_id: u64,
    address: String,
}

// SAFETY: what belongs to the loop's owner goes through the loop; a release is for any thread.
unsafe impl Send for Listener {}
// SAFETY: as above.
unsafe impl Sync for Listener {}

/// Text that a function writes into a buffer.
pub(crate) fn text<const SIZE: usize>(get: impl FnOnce(*mut sys::c_char, usize) -> i32) -> Result<String> {
    let mut buffer = [0_u8; SIZE];
    check(get(buffer.as_mut_ptr().cast(), buffer.len()))?;
    let end = buffer.iter().position(|&byte| byte == 0).unwrap_or(buffer.len());
    Ok(String::from_utf8_lossy(&buffer[..end]).into_owned())
}

impl Listener {
    /// # Safety
    /// `raw` is an owned listener of the loop with this id, whose owner calls.
    pub(crate) unsafe fn new(raw: NonNull<sys::zcn_listener>, loop_id: u64) -> Result<Listener> {
        let mut listener = Listener { raw, loop_id, address: String::new() };
        // SAFETY: the handle is live, and the buffer as large as it says.
        listener.address =
            text::<160>(|buffer, size| unsafe { sys::zcn_listener_address(raw.as_ptr(), buffer, size) })?;
        Ok(listener)
    }

    /// The bound address as text, such as "tcp://127.0.0.1:41234".
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::zcn_listener {
        self.raw.as_ptr()
    }

    pub(crate) fn loop_id(&self) -> u64 {
        self.loop_id
    }
}

impl Loop {
    /// Stops listening. Accepted connections live on.
    ///
    /// # Errors
    /// The listener is another loop's.
    pub fn close_listener(&self, listener: &Listener) -> Result<()> {
        self.owns(listener.loop_id())?;
        // SAFETY: the handle is live, and the caller is its owner.
        check(unsafe { sys::zcn_listener_close(listener.as_ptr()) })
    }

    /// Reads a listener's counters.
    ///
    /// # Errors
    /// The listener is another loop's.
    pub fn listener_stats(&self, listener: &Listener) -> Result<ListenerStats> {
        self.owns(listener.loop_id())?;
        // SAFETY: numbers only, for which zero is a value.
        let mut stats: ListenerStats = unsafe { mem::zeroed() };
        stats.struct_size = mem::size_of::<ListenerStats>() as u64;
        // SAFETY: as in close_listener(); struct_size says how much may be written.
        check(unsafe { sys::zcn_listener_get_stats(listener.as_ptr(), &mut stats) })?;
        Ok(stats)
    }

    /// The number of the program's own that comes with a listener's events.
    ///
    /// # Errors
    /// The listener is another loop's.
    pub fn listener_user(&self, listener: &Listener) -> Result<usize> {
        self.owns(listener.loop_id())?;
        // SAFETY: as in close_listener().
        Ok(unsafe { sys::zcn_listener_get_user(listener.as_ptr()) })
    }

    /// Sets it.
    ///
    /// # Errors
    /// The listener is another loop's.
    pub fn set_listener_user(&self, listener: &Listener, user: usize) -> Result<()> {
        self.owns(listener.loop_id())?;
        // SAFETY: as in close_listener().
        check(unsafe { sys::zcn_listener_set_user(listener.as_ptr(), user) })
    }

    /// A listener's descriptor, for socket options. It must not be accepted from or closed.
    ///
    /// # Errors
    /// The listener is another loop's, or closed.
    pub fn listener_fd(&self, listener: &Listener) -> Result<RawFd> {
        self.owns(listener.loop_id())?;
        // SAFETY: as in close_listener().
        let fd = unsafe { sys::zcn_listener_fd(listener.as_ptr()) };
        check(if fd < 0 { sys::ZCN_ECLOSED } else { sys::ZCN_OK })?;
        Ok(fd)
    }
}

impl Clone for Listener {
    fn clone(&self) -> Listener {
        // SAFETY: this value holds a reference.
        unsafe { sys::zcn_listener_retain(self.as_ptr()) };
        Listener { raw: self.raw, loop_id: self.loop_id, address: self.address.clone() }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, which ends here.
        unsafe { sys::zcn_listener_release(self.as_ptr()) }
    }
}
