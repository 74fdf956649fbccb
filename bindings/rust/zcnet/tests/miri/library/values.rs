// SPDX-License-Identifier: MIT
//! Framings, pools and options.
use super::{give, release};
use std::mem::size_of;
use std::ptr;
use std::sync::Arc;
use zcnet::sys::*;

struct Measure(zcn_measure_function, *mut c_void);

#[no_mangle]
unsafe extern "C" fn zcn_framing_parse(out: *mut *mut zcn_framing, text: *const c_char, error: *mut zcn_error) -> i32 {
    if unsafe { std::ffi::CStr::from_ptr(text.cast()) }.to_bytes() == b"lines" {
        return unsafe { give(out, Measure(None, ptr::null_mut())) };
    }
    let error = unsafe { &mut *error };
    (error.status, error.sys_errno) = (ZCN_EINVAL, 5);
    for (place, &byte) in error.text.iter_mut().zip(b"the library of this test knows lines") {
        *place = byte as c_char;
    }
    ZCN_EINVAL
}

#[no_mangle]
unsafe extern "C" fn zcn_framing_create(
    out: *mut *mut zcn_framing,
    options: *const zcn_framing_options,
    _error: *mut zcn_error,
) -> i32 {
    unsafe { give(out, Measure((*options).measure, (*options).measure_context)) }
}

#[no_mangle]
unsafe extern "C" fn zcn_framing_measure(
    handle: *const zcn_framing,
    data: *const c_void,
    size: u64,
    out: *mut u64,
    _head: *mut u64,
    _tail: *mut u64,
) -> i32 {
    let Measure(function, context) = unsafe { &*handle.cast::<Measure>() };
    unsafe { function.unwrap()(*context, data, size, out) }
}

#[no_mangle]
unsafe extern "C" fn zcn_framing_release(handle: *mut zcn_framing) {
    unsafe { release::<Measure, _>(handle) };
}

/// A pool that has one piece of memory, as large as its block. Its references are those of an `Arc`.
struct PoolMemory {
    source: zcn_pool_source,
    memory: *mut c_void,
    size: u64,
}

impl Drop for PoolMemory {
    fn drop(&mut self) {
        unsafe {
            self.source.free.unwrap()(self.source.context, self.memory, self.size);
            self.source.end.unwrap()(self.source.context);
        }
    }
}

#[no_mangle]
unsafe extern "C" fn zcn_pool_create(out: *mut *mut zcn_pool, options: *const zcn_pool_options) -> i32 {
    let (source, block) = unsafe { (*(*options).source, (*options).block_size) };
    let size = if block == 0 { 4096 } else { block };
    let memory = unsafe { source.allocate.unwrap()(source.context, size, 64) };
    if memory.is_null() {
        return ZCN_ENOMEM;
    }
    unsafe { ptr::write_bytes(memory.cast::<u8>(), 1, size as usize) };
    unsafe { *out = Arc::into_raw(Arc::new(PoolMemory { source, memory, size })) as *mut zcn_pool };
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_pool_retain(handle: *mut zcn_pool) -> *mut zcn_pool {
    unsafe { Arc::increment_strong_count(handle.cast::<PoolMemory>()) };
    handle
}

#[no_mangle]
unsafe extern "C" fn zcn_pool_release(handle: *mut zcn_pool) {
    unsafe { Arc::decrement_strong_count(handle.cast::<PoolMemory>()) };
}

macro_rules! options_init {
    ($($name:ident($options:ty);)*) => {$(
        #[no_mangle]
        unsafe extern "C" fn $name(options: *mut $options, size: usize) {
            assert_eq!(size, size_of::<$options>());
            unsafe { (*options).struct_size = size as u64 };
        }
    )*};
}
options_init! {
    zcn_stream_options_init(zcn_stream_options);
    zcn_framing_options_init(zcn_framing_options);
    zcn_pool_options_init(zcn_pool_options);
    zcn_loop_options_init(zcn_loop_options);
}
