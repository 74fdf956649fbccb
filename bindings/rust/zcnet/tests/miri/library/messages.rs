// SPDX-License-Identifier: MIT
use super::{give, release};
use std::ptr;
use std::sync::Arc;
use zcnet::sys::*;

/// A view of a part of some bytes. Whoever writes has the only reference.
pub struct Msg {
    pub block: Arc<Vec<u8>>,
    pub from: usize,
    pub to: usize,
    /// Behind a whole line its end follows.
    pub whole: bool,
    pub parts: Vec<iovec>,
    pub holds: Vec<Arc<Vec<u8>>>,
}

impl Msg {
    pub fn data(&self) -> *const u8 {
        self.block.as_ptr().wrapping_add(self.from)
    }

    fn part(&self, from: usize, to: usize) -> Msg {
        let whole = self.whole && (from, to) == (self.from, self.to);
        Msg { block: Arc::clone(&self.block), from, to, whole, parts: vec![], holds: vec![] }
    }

    fn copy(&self) -> Msg {
        let whole = self.block[self.from..self.to + usize::from(self.whole)].to_vec();
        Msg { to: self.to - self.from, from: 0, block: Arc::new(whole), ..self.part(self.from, self.to) }
    }
}

unsafe fn msg<'a>(handle: *const zcn_msg) -> &'a Msg {
    unsafe { &*handle.cast() }
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_data(handle: *const zcn_msg) -> *const c_void {
    unsafe { msg(handle) }.data().cast()
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_size(handle: *const zcn_msg) -> u64 {
    let msg = unsafe { msg(handle) };
    (msg.to - msg.from) as u64
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_frame(handle: *const zcn_msg, data: *mut *const c_void, size: *mut u64) -> i32 {
    let msg = unsafe { msg(handle) };
    if !msg.whole {
        return ZCN_EUNSUPPORTED;
    }
    unsafe { (*data, *size) = (msg.data().cast(), (msg.to - msg.from + 1) as u64) };
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_retain(out: *mut *mut zcn_msg, handle: *const zcn_msg) -> i32 {
    let msg = unsafe { msg(handle) };
    unsafe { give(out, msg.part(msg.from, msg.to)) }
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_slice(out: *mut *mut zcn_msg, handle: *const zcn_msg, offset: u64, size: u64) -> i32 {
    let msg = unsafe { msg(handle) };
    let from = msg.from + offset as usize;
    unsafe { give(out, msg.part(from, from + size as usize)) }
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_detach(out: *mut *mut zcn_msg, handle: *const zcn_msg) -> i32 {
    unsafe { give(out, msg(handle).copy()) }
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_release(handle: *mut zcn_msg) -> i32 {
    unsafe { release::<Msg, _>(handle) };
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_release_batch(handles: *const *mut zcn_msg, count: usize) -> i32 {
    (0..count).for_each(|at| unsafe { release::<Msg, _>(*handles.add(at)) });
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_settle(handles: *mut *mut zcn_msg, count: usize, copied: *mut usize) -> i32 {
    for at in (0..count).step_by(2) {
        unsafe {
            let old = *handles.add(at);
            give(handles.add(at), msg(old).copy());
            release::<Msg, _>(old);
            *copied += 1;
        }
    }
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_make_writable(
    out: *mut *mut zcn_msg,
    handle: *mut zcn_msg,
    data: *mut *mut c_void,
) -> i32 {
    let mut mine = unsafe { Box::from_raw(handle.cast::<Msg>()) };
    if Arc::get_mut(&mut mine.block).is_none() {
        *mine = mine.copy();
    }
    let from = mine.from;
    unsafe { *data = Arc::get_mut(&mut mine.block).unwrap().as_mut_ptr().add(from).cast() };
    unsafe { give(out, *mine) }
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_join(out: *mut *mut zcn_msg, handles: *const *const zcn_msg, count: usize) -> i32 {
    let msgs: Vec<&Msg> = (0..count).map(|at| unsafe { msg(*handles.add(at)) }).collect();
    let piece = |m: &&Msg| iovec { iov_base: m.data() as *mut c_void, iov_len: m.to - m.from };
    let holds = msgs.iter().map(|m| Arc::clone(&m.block)).collect();
    let parts = msgs.iter().map(piece).collect();
    unsafe { give(out, Msg { block: Arc::default(), from: 0, to: 0, whole: false, parts, holds }) }
}

#[no_mangle]
unsafe extern "C" fn zcn_msg_iovecs(handle: *const zcn_msg, out: *mut iovec, room: usize, count: *mut usize) -> i32 {
    let msg = unsafe { msg(handle) };
    assert!(msg.parts.len() <= room && msg.holds.len() == msg.parts.len());
    unsafe { ptr::copy_nonoverlapping(msg.parts.as_ptr(), out, msg.parts.len()) };
    unsafe { *count = msg.parts.len() };
    ZCN_OK
}
