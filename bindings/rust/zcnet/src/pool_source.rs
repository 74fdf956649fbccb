// SPDX-License-Identifier: MIT
//! Memory of the program for pools.
use crate::callback::{caught, or_abort};
use crate::{Pool, PoolOptions, Result};
use std::alloc::Layout;
use std::collections::HashMap;
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zcnet_sys as sys;

/// Memory of the program for a pool ([`Pool::with_source`]): pinned, of huge pages, shared, on a device's bus. It is asked
/// not for each message, but for slabs of many blocks, and for messages that are larger than half a block; on whichever
/// thread needs or returns memory, by several at once. It must not use this crate. It is dropped when the pool is gone, with
/// everything that was taken from it.
///
/// ```
/// use std::alloc::{alloc_zeroed, dealloc, Layout};
/// use std::ptr::NonNull;
/// use zcnet::{Pool, PoolOptions, PoolSource, Unit};
///
/// struct Heap;
///
/// // SAFETY: the allocator gives what the layout asks for, with zeros in it, and keeps it until it is given back.
/// unsafe impl PoolSource for Heap {
///     fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
///         // SAFETY: the size is not 0.
///         NonNull::new(unsafe { alloc_zeroed(layout) })
///     }
///
///     unsafe fn free(&self, memory: NonNull<u8>, layout: Layout) {
///         // SAFETY: it came from allocate() with this layout.
///         unsafe { dealloc(memory.as_ptr(), layout) }
///     }
/// }
///
/// # fn main() -> zcnet::Result<()> {
/// let pool = Pool::with_source(&PoolOptions::new(), Heap)?;
/// let mut body = Unit::with_capacity(Some(&pool), None, 100)?;
/// body.put(b"in the program's memory");
/// # Ok(())
/// # }
/// ```
///
/// # Safety
/// What `allocate` gives has the size and alignment of the layout, belongs to nobody else until `free`, and may be read and
/// written from any thread. It is initialised: zeroed, or written before, since readers get it as `&mut [u8]`.
pub unsafe trait PoolSource: Send + Sync + 'static {
    /// Initialised memory, of a size that is a power of two from 4 KiB and an alignment of up to 2 MiB; `None` when there
    /// is none, which a panic means too.
    fn allocate(&self, layout: Layout) -> Option<NonNull<u8>>;

    /// Takes back what `allocate` gave, whole. A panic ends the process.
    ///
    /// # Safety
    /// `memory` came from `allocate` with this layout, and nobody uses it any more.
    unsafe fn free(&self, memory: NonNull<u8>, layout: Layout);
}

struct Given<S> {
    source: S,
    /// The library tells the size alone when it gives memory back.
    layouts: Mutex<HashMap<usize, Layout>>,
}

impl<S> Given<S> {
    fn layouts(&self) -> MutexGuard<'_, HashMap<usize, Layout>> {
        // The source, which may panic, is not called while it is locked.
        self.layouts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

unsafe extern "C" fn allocate<S: PoolSource>(context: *mut sys::c_void, size: u64, alignment: u64) -> *mut sys::c_void {
    // SAFETY: context is the source of a pool that lives.
    let given = unsafe { &*context.cast::<Given<S>>() };
    let layout = Layout::from_size_align(size as usize, alignment as usize);
    let memory = layout.ok().and_then(|layout| {
        let memory = caught(|| given.source.allocate(layout)).flatten()?;
        given.layouts().insert(memory.as_ptr() as usize, layout);
        Some(memory)
    });
    memory.map_or(ptr::null_mut(), |memory| memory.as_ptr().cast())
}

unsafe extern "C" fn free<S: PoolSource>(context: *mut sys::c_void, memory: *mut sys::c_void, _size: u64) {
    or_abort("PoolSource::free", || {
        // SAFETY: as in allocate().
        let given = unsafe { &*context.cast::<Given<S>>() };
        let memory = NonNull::new(memory.cast()).expect("memory that was given");
        let layout = given.layouts().remove(&(memory.as_ptr() as usize)).expect("memory that was given");
        // SAFETY: it came from allocate() with this layout, and the library uses it no longer.
        unsafe { given.source.free(memory, layout) }
    });
}

unsafe extern "C" fn end<S: PoolSource>(context: *mut sys::c_void) {
    // SAFETY: context is the box that with_source() gave up, and the library calls this once, as its last call.
    or_abort("dropping a PoolSource", || drop(unsafe { Box::from_raw(context.cast::<Given<S>>()) }));
}

impl Pool {
    /// A pool whose memory comes from the program.
    ///
    /// # Errors
    /// As [`Pool::new`]; the source is then dropped.
    pub fn with_source<S: PoolSource>(options: &PoolOptions, source: S) -> Result<Pool> {
        let given = Box::into_raw(Box::new(Given { source, layouts: Mutex::default() }));
        let source = sys::zcn_pool_source {
            struct_size: mem::size_of::<sys::zcn_pool_source>() as u64,
            allocate: Some(allocate::<S>),
            free: Some(free::<S>),
            drop: None,
            end: Some(end::<S>),
            context: given.cast(),
        };
        let options = sys::zcn_pool_options { source: &source, ..*options.raw() };
        let pool = Pool::made(&options);
        if pool.is_err() {
            // SAFETY: a pool that was not made has not taken its source.
            drop(unsafe { Box::from_raw(given) });
        }
        pool
    }
}
