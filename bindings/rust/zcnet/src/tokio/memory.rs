// SPDX-License-Identifier: MIT
use super::Driver;
use crate::{Error, Event, Loop, LoopOptions, Pool, Result};
use zcnet_sys as sys;

/// Waits until a pool that is at its limit has room for so many bytes: what a task does whose allocation said
/// [`NoBuffers`](crate::ErrorKind::NoBuffers), before it tries again. It is no promise: others may take the room first.
/// Dropping the future ends the wait.
///
/// ```
/// use zcnet::{tokio::memory, ErrorKind, Pool, PoolOptions, Unit};
/// # fn main() -> zcnet::Result<()> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let pool = Pool::new(&PoolOptions::new().limit(64 << 20))?;
/// let body = loop {
///     match Unit::with_capacity(Some(&pool), None, 4096) {
///         Err(error) if error.kind() == ErrorKind::NoBuffers => memory(&pool, 4096).await?,
///         other => break other?,
///     }
/// };
/// # drop(body);
/// # Ok(())
/// # })
/// # }
/// ```
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid): the pool could never hold so many bytes. There is no memory or descriptor, or
/// the runtime shuts down. Called inside a runtime that has its I/O and time drivers on.
pub async fn memory(pool: &Pool, size: u64) -> Result<()> {
    // A loop of its own, which costs some descriptors for as long as there is no memory: the events of another would be
    // somebody else's.
    let mut driver = {
        let waiter = Loop::with_options(&LoopOptions::new().event_capacity(16).without_helper(true))?;
        waiter.await_memory(pool, size, 0)?;
        Driver::new(waiter).map_err(|_| Error::new(sys::ZCN_ESYS))?
    };
    loop {
        for event in driver.poll().await?.iter() {
            if let Event::PoolReady { result, .. } = event {
                return result;
            }
        }
    }
}
