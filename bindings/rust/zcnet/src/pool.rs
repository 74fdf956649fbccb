// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::{PoolOptions, PoolStats, Result};
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
