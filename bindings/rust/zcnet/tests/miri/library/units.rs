// SPDX-License-Identifier: MIT
use super::{give, release};
use std::cell::RefCell;
use std::sync::Arc;
use zcnet::sys::*;

/// Memory of the program, and who is told when it is free.
pub struct Lent(pub *const c_void, pub u64, unsafe extern "C" fn(*mut c_void, *const c_void, u64), *mut c_void);

impl Drop for Lent {
    fn drop(&mut self) {
        unsafe { self.2(self.3, self.0, self.1) }
    }
}

#[derive(Default)]
pub struct Segments {
    pub written: Vec<u8>,
    pub lent: Vec<Lent>,
    pub sealed: bool,
}

/// Handles of one unit are boxes of references to it.
pub type UnitBox = Arc<RefCell<Segments>>;

pub unsafe fn unit<'a>(handle: *const zcn_unit) -> &'a UnitBox {
    unsafe { &*handle.cast() }
}

#[no_mangle]
unsafe extern "C" fn zcn_unit_create(out: *mut *mut zcn_unit, _pool: *mut zcn_pool) -> i32 {
    unsafe { give(out, UnitBox::default()) }
}

#[no_mangle]
unsafe extern "C" fn zcn_unit_alloc(
    out: *mut *mut zcn_unit,
    data: *mut *mut c_void,
    pool: *mut zcn_pool,
    _framing: *const zcn_framing,
    size: u64,
) -> i32 {
    unsafe { zcn_unit_create(out, pool) };
    let unit = unsafe { unit(*out) };
    unit.borrow_mut().written = vec![0; size as usize];
    unsafe { *data = unit.borrow_mut().written.as_mut_ptr().cast() };
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_unit_alloc_batch(
    out: *mut *mut zcn_unit,
    data: *mut *mut c_void,
    count: usize,
    pool: *mut zcn_pool,
    framing: *const zcn_framing,
    size: u64,
) -> i32 {
    for at in 0..count {
        unsafe { zcn_unit_alloc(out.add(at), data.add(at), pool, framing, size) };
    }
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_unit_append_ref(
    handle: *mut zcn_unit,
    data: *const c_void,
    size: u64,
    release: zcn_release_function,
    context: *mut c_void,
) -> i32 {
    let mut unit = unsafe { unit(handle) }.borrow_mut();
    if unit.sealed {
        return ZCN_EINVAL;
    }
    unit.lent.push(Lent(data, size, release.unwrap(), context));
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_unit_truncate(handle: *mut zcn_unit, size: u64) -> i32 {
    unsafe { unit(handle) }.borrow_mut().written.truncate(size as usize);
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_unit_seal(handle: *mut zcn_unit, _framing: *const zcn_framing) -> i32 {
    unsafe { unit(handle) }.borrow_mut().sealed = true;
    ZCN_OK
}

/// The handle is the same for all references: those beyond the first are counted behind it.
#[no_mangle]
unsafe extern "C" fn zcn_unit_retain(handle: *mut zcn_unit) -> *mut zcn_unit {
    unsafe { Arc::increment_strong_count(Arc::as_ptr(unit(handle))) };
    handle
}

#[no_mangle]
pub unsafe extern "C" fn zcn_unit_release(handle: *mut zcn_unit) {
    if handle.is_null() {
        return;
    }
    let count = Arc::strong_count(unsafe { unit(handle) });
    if count > 1 {
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(unit(handle))) };
    } else {
        unsafe { release::<UnitBox, _>(handle) };
    }
}
