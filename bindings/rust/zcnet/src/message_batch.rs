// SPDX-License-Identifier: MIT
//! What is done to many messages at once.
use crate::error::check;
use crate::{Message, Result};
use std::{mem, ptr};
use zcnet_sys as sys;

/// Releases many messages: several times cheaper than dropping them one by one. The vector keeps its room.
pub fn release_all(messages: &mut Vec<Message>) {
    let mut handles = [ptr::null_mut(); 256];
    while !messages.is_empty() {
        let from = messages.len().saturating_sub(handles.len());
        let count = messages.len() - from;
        for (handle, message) in handles.iter_mut().zip(messages.drain(from..)) {
            *handle = message.as_ptr();
            mem::forget(message);
        }
        // SAFETY: these handles were owned, and are forgotten.
        let status = unsafe { sys::zcn_msg_release_batch(handles.as_ptr(), count) };
        debug_assert_eq!(status, sys::ZCN_OK, "a message was released behind its owner's back");
    }
}

/// Lets messages go easy on memory: each that has been held for [`PoolOptions::detach_after`] and keeps more than
/// [`PoolOptions::detach_ratio`] times its bytes becomes a copy, as [`Message::detach`] makes it; how many did. With the
/// default options of pools none does. Call it now and then over what is kept for long.
///
/// Neighbours that lie in one block are judged together: give messages in the order in which they came.
///
/// [`PoolOptions::detach_after`]: crate::PoolOptions::detach_after
/// [`PoolOptions::detach_ratio`]: crate::PoolOptions::detach_ratio
///
/// # Errors
/// There is no memory for a copy. That message stays as it is; others may have become copies all the same.
pub fn settle(messages: &mut [Message]) -> Result<usize> {
    let mut handles: Vec<_> = messages.iter().map(Message::as_ptr).collect();
    let mut copied = 0;
    // SAFETY: the handles are owned, and nobody looks at the messages: they are borrowed mutably.
    let status = unsafe { sys::zcn_msg_settle(handles.as_mut_ptr(), handles.len(), &mut copied) };
    if copied > 0 || status != sys::ZCN_OK {
        for (message, handle) in messages.iter_mut().zip(handles) {
            // SAFETY: a handle that was replaced is released, and what stands in its place is owned.
            unsafe { message.becomes(handle) };
        }
    }
    check(status)?;
    Ok(copied)
}
