// SPDX-License-Identifier: MIT
//! Code of the program that C calls: a panic may not pass through C.
use std::io::{self, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::{mem, process};

/// `None` when the call panicked. What it had half done may be seen: only for calls after which nobody looks.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // Dropping it may panic too, with what is left alone then.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(mem::forget);
            None
        }
    }
}

/// For calls that have no way to say that they failed: a panic ends the process.
pub(crate) fn or_abort<T>(what: &str, call: impl FnOnce() -> T) -> T {
    caught(call).unwrap_or_else(|| {
        let _ = writeln!(io::stderr(), "zcnet: {} panicked, and the C library cannot be told: the process ends", what);
        process::abort()
    })
}
