// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::{PoolOptions, PoolStats, Result};
use std::os::unix::io::{AsFd, AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use zcnet_sys as sys;

/// Where the bytes of messages and units live. A clone is the same pool. It lives until everything taken from it is
/// gone.
#[derive(Debug)]
pub struct Pool {
    raw: NonNull<sys::zcn_pool>,
}

// SAFETY: every function of a pool may be called from any thread.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}

/// When a pool asks the system for huge pages, which may give none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HugePages {
    /// When it has grown past 8 MiB.
    WhenLarge = 0,
    /// Never.
    Never = 1,
    /// From the start.
    Always = 2,
}

impl Pool {
    /// A pool of its own.
    ///
    /// # Errors
    /// A size is out of range, or there is no memory.
    pub fn new(options: &PoolOptions) -> Result<Pool> {
        Pool::made(options.raw())
    }

    pub(crate) fn made(options: &sys::zcn_pool_options) -> Result<Pool> {
        let mut out = ptr::null_mut();
        // SAFETY: both point to what the function asks for.
        check(unsafe { sys::zcn_pool_create(&mut out, options) })?;
        Ok(Pool { raw: NonNull::new(out).expect("ZCN_OK gives a pool") })
    }

    /// The pool of the process, which is used wherever none is named.
    ///
    /// # Errors
    /// There is no memory.
    pub fn process() -> Result<Pool> {
        let mut out = ptr::null_mut();
        // SAFETY: out is a place for the handle.
        check(unsafe { sys::zcn_pool_default(&mut out) })?;
        Ok(Pool { raw: NonNull::new(out).expect("ZCN_OK gives a pool") })
    }

    /// Gives free memory back to the system; the bytes that went.
    ///
    /// # Errors
    /// None that a live pool has.
    pub fn trim(&self) -> Result<u64> {
        let mut bytes = 0;
        // SAFETY: the handle is live.
        check(unsafe { sys::zcn_pool_trim(self.as_ptr(), &mut bytes) })?;
        Ok(bytes)
    }

    /// Reads the gauges and counters. This looks at every message handle of the process.
    ///
    /// # Errors
    /// There is no memory to do so.
    pub fn stats(&self) -> Result<PoolStats> {
        // SAFETY: the struct holds numbers only, for which zero is a value.
        let mut stats: PoolStats = unsafe { std::mem::zeroed() };
        stats.struct_size = std::mem::size_of::<PoolStats>() as u64;
        // SAFETY: the handle is live and struct_size says how much may be written.
        check(unsafe { sys::zcn_pool_get_stats(self.as_ptr(), &mut stats) })?;
        Ok(stats)
    }

    /// Writes who holds what of the pool, as lines of text for people. This looks at every message handle of the process.
    ///
    /// # Errors
    /// There is no memory to do so, or writing failed.
    pub fn dump(&self, to: impl AsFd) -> Result<()> {
        // SAFETY: the handle is live, and the descriptor open.
        check(unsafe { sys::zcn_pool_dump(self.as_ptr(), to.as_fd().as_raw_fd()) })
    }

    /// The memory file of a pool with [`PoolOptions::shared`], and its size. Another process that has the descriptor maps
    /// it, and reads messages where they lie.
    ///
    /// # Errors
    /// The pool's memory lies in no file.
    pub fn shared(&self) -> Result<(BorrowedFd<'_>, u64)> {
        let (mut fd, mut bytes) = (-1, 0);
        // SAFETY: the handle is live, and the others are places to write to.
        check(unsafe { sys::zcn_pool_get_shared(self.as_ptr(), &mut fd, &mut bytes) })?;
        // SAFETY: the descriptor is open as long as the pool, which is borrowed.
        Ok((unsafe { BorrowedFd::borrow_raw(fd) }, bytes))
    }

    /// Where bytes lie in the pool's memory file: those of a received message, or of a body.
    ///
    /// # Errors
    /// The bytes are not in the file, or there is none.
    pub fn offset_of(&self, bytes: &[u8]) -> Result<u64> {
        let mut offset = 0;
        // SAFETY: the handle is live; data and size are a slice, whose address alone is looked at.
        check(unsafe {
            sys::zcn_pool_get_offset(self.as_ptr(), bytes.as_ptr().cast(), bytes.len() as u64, &mut offset)
        })?;
        Ok(offset)
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::zcn_pool {
        self.raw.as_ptr()
    }

    pub(crate) fn ptr_or_null(pool: Option<&Pool>) -> *mut sys::zcn_pool {
        pool.map_or(ptr::null_mut(), Pool::as_ptr)
    }
}

impl Clone for Pool {
    fn clone(&self) -> Pool {
        // SAFETY: the handle is live, so it may be retained.
        unsafe { sys::zcn_pool_retain(self.as_ptr()) };
        Pool { raw: self.raw }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, which ends here.
        unsafe { sys::zcn_pool_release(self.as_ptr()) }
    }
}
