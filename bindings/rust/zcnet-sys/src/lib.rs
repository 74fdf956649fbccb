// SPDX-License-Identifier: MIT
//! The C functions of [libzcnet](https://crates.io/crates/zcnet), as the headers declare them.
//!
//! Names, types and constants are those of C. What each function does, takes and returns is said in the headers and
//! in the manual pages (`man zcnet`); programs want the crate `zcnet`, which makes these calls safe.
//!
//! The library is found by pkg-config (`libzcnet`). With the feature `vendored`
//! it is compiled from the sources in this crate and linked into the program;
//! `ZCNET_NO_VENDOR=1` forbids that whatever the features say, as packagers of distributions want it.
#![no_std]
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
#![allow(non_camel_case_types)]

mod declarations;

pub use core::ffi::c_void;
pub use declarations::*;
// core::ffi has these from Rust 1.64 on; the crate is to work with 1.63.
pub use c_types::{c_char, c_int};

mod c_types {
    // What C's char is differs among the processors that Linux runs on.
    #[cfg(any(
        target_arch = "aarch64",
        target_arch = "arm",
        target_arch = "powerpc64",
        target_arch = "riscv64",
        target_arch = "s390x",
        target_arch = "powerpc"
    ))]
    /// `char`
    pub type c_char = u8;
    #[cfg(not(any(
        target_arch = "aarch64",
        target_arch = "arm",
        target_arch = "powerpc64",
        target_arch = "riscv64",
        target_arch = "s390x",
        target_arch = "powerpc"
    )))]
    /// `char`
    pub type c_char = i8;
    /// `int`
    pub type c_int = i32;
}

/// `struct iovec` of the system: a piece of memory.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iovec {
    /// Its first byte.
    pub iov_base: *mut c_void,
    /// Its bytes.
    pub iov_len: usize,
}

/// The version of the headers that these declarations were written from, as `zcn_version()` counts.
pub const ZCN_VERSION_NUMBER: u32 = ZCN_VERSION_MAJOR * 1_000_000 + ZCN_VERSION_MINOR * 1_000 + ZCN_VERSION_PATCH;
