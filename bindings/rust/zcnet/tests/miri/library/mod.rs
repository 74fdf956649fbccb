// SPDX-License-Identifier: MIT
//! As much of the library as these tests need, in Rust: messages are lines. Handles are boxes, so that Miri sees their lives.
#![allow(clippy::missing_safety_doc, clippy::undocumented_unsafe_blocks)] // what they ask for is in the headers

mod events;
mod messages;
mod units;
mod values;

pub use events::{after_polls, Script};
use zcnet::sys::ZCN_OK;

/// A new handle.
unsafe fn give<T, H>(out: *mut *mut H, value: T) -> i32 {
    unsafe { *out = Box::into_raw(Box::new(value)).cast() };
    ZCN_OK
}

unsafe fn release<T, H>(handle: *mut H) {
    if !handle.is_null() {
        drop(unsafe { Box::from_raw(handle.cast::<T>()) });
    }
}
