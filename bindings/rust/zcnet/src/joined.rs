// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::{Message, Result};
use std::io::IoSlice;
use std::ptr::{self, NonNull};
use std::slice;
use zcnet_sys as sys;

/// Several messages as one, in parts: no byte is copied.
#[derive(Debug)]
pub struct Joined {
    raw: NonNull<sys::zcn_msg>,
}

// SAFETY: as for Message.
unsafe impl Send for Joined {}
// SAFETY: as for Message.
unsafe impl Sync for Joined {}

impl Joined {
    /// Joins 1 to 1024 messages, which stay as they are.
    ///
    /// # Errors
    /// There are too few or too many, or there is no memory.
    pub fn new(messages: &[&Message]) -> Result<Joined> {
        let handles: Vec<_> = messages.iter().map(|message| message.as_ptr() as *const sys::zcn_msg).collect();
        let mut out = ptr::null_mut();
        // SAFETY: the handles are live, and there are as many as the call says.
        check(unsafe { sys::zcn_msg_join(&mut out, handles.as_ptr(), handles.len()) })?;
        Ok(Joined { raw: NonNull::new(out).expect("ZCN_OK gives a message") })
    }

    /// Bytes of all parts.
    pub fn size(&self) -> u64 {
        // SAFETY: the handle is live.
        unsafe { sys::zcn_msg_size(self.as_ptr()) }
    }

    /// The parts in order.
    pub fn parts(&self) -> Vec<IoSlice<'_>> {
        let mut pieces = vec![sys::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; 1024];
        let mut count = 0;
        // SAFETY: there is room for as many pieces as the call says.
        let status = unsafe { sys::zcn_msg_iovecs(self.as_ptr(), pieces.as_mut_ptr(), pieces.len(), &mut count) };
        debug_assert_eq!(status, sys::ZCN_OK);
        // SAFETY: each piece stays as long as the message, which the result borrows.
        pieces[..count]
            .iter()
            .map(|piece| IoSlice::new(unsafe { slice::from_raw_parts(piece.iov_base.cast(), piece.iov_len) }))
            .collect()
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::zcn_msg {
        self.raw.as_ptr()
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        // SAFETY: this value holds the handle, which ends here.
        let status = unsafe { sys::zcn_msg_release(self.as_ptr()) };
        debug_assert_eq!(status, sys::ZCN_OK, "a message was released behind its owner's back");
    }
}
