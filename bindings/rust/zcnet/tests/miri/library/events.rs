// SPDX-License-Identifier: MIT
//! What polls: streams and loops.
use super::messages::Msg;
use super::units::{unit, zcn_unit_release};
use super::{give, release};
use std::cell::RefCell;
use std::mem::take;
use std::ptr;
use std::sync::Arc;
use zcnet::sys::*;

/// The present array, and what it shows.
#[derive(Default)]
struct Shown {
    events: Vec<zcn_event>,
    msgs: Vec<*mut zcn_msg>,
}

impl Shown {
    fn event(&mut self, kind: u32, status: i32, conn: *mut zcn_conn) {
        let (msg, data) = (ptr::null_mut(), ptr::null());
        let event = zcn_event { r#type: kind, status, conn, user: 0, msg, data, size: 0, token: 0, reserved: 0 };
        self.events.push(event);
    }

    fn message(&mut self, block: &Arc<Vec<u8>>, from: usize, to: usize, conn: *mut zcn_conn) {
        let block = Arc::clone(block);
        let msg = Msg { block, from, to, whole: true, parts: vec![], holds: vec![] };
        let data = msg.data();
        let mut handle = ptr::null_mut();
        unsafe { give(&mut handle, msg) };
        self.msgs.push(handle);
        self.event(ZCN_EVENT_MESSAGE, ZCN_OK, conn);
        let event = self.events.last_mut().unwrap();
        (event.msg, event.data, event.size) = (handle, data.cast(), (to - from) as u64);
    }

    unsafe fn hand_out(&mut self, first: *mut *const zcn_event, count: *mut usize, more: *mut i32) -> i32 {
        unsafe { (*first, *count, *more) = (self.events.as_mut_ptr(), self.events.len(), 0) };
        ZCN_OK
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        take(&mut self.msgs).into_iter().for_each(|handle| unsafe { release::<Msg, _>(handle) });
    }
}

struct Lines {
    pending: Vec<u8>,
    room: Vec<u8>,
    ended: bool,
    shown: Shown,
    queued: Vec<*mut zcn_unit>,
    gathered: Vec<u8>,
}

unsafe fn lines<'a>(handle: *mut zcn_stream) -> &'a mut Lines {
    unsafe { &mut *handle.cast() }
}

#[no_mangle]
unsafe extern "C" fn zcn_stream_create(
    out: *mut *mut zcn_stream,
    _pool: *mut zcn_pool,
    _framing: *const zcn_framing,
    _options: *const zcn_stream_options,
) -> i32 {
    let (pending, room, queued, gathered) = (vec![], vec![], vec![], vec![]);
    unsafe { give(out, Lines { pending, room, ended: false, shown: Shown::default(), queued, gathered }) }
}

#[no_mangle]
unsafe extern "C" fn zcn_stream_release(handle: *mut zcn_stream) {
    take(&mut unsafe { lines(handle) }.queued).into_iter().for_each(|unit| unsafe { zcn_unit_release(unit) });
    unsafe { release::<Lines, _>(handle) };
}

#[no_mangle]
unsafe extern "C" fn zcn_stream_read_room(
    handle: *mut zcn_stream,
    out: *mut iovec,
    _: usize,
    count: *mut usize,
) -> i32 {
    let lines = unsafe { lines(handle) };
    lines.room = vec![0; 2000];
    let (first, second) = lines.room.split_at_mut(700);
    for (at, piece) in [first, second].into_iter().enumerate() {
        unsafe { *out.add(at) = iovec { iov_base: piece.as_mut_ptr().cast(), iov_len: piece.len() } };
    }
    unsafe { *count = 2 };
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_stream_read_done(handle: *mut zcn_stream, size: u64) -> i32 {
    let lines = unsafe { lines(handle) };
    let got = take(&mut lines.room);
    lines.pending.extend_from_slice(&got[..size as usize]);
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_stream_end(handle: *mut zcn_stream) -> i32 {
    unsafe { lines(handle) }.ended = true;
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_stream_poll(
    handle: *mut zcn_stream,
    first: *mut *const zcn_event,
    count: *mut usize,
    more: *mut i32,
) -> i32 {
    let lines = unsafe { lines(handle) };
    lines.shown = Shown::default(); // ends what was shown before
    let block = Arc::new(take(&mut lines.pending));
    let mut from = 0;
    for (at, _) in block.iter().enumerate().filter(|(_, &byte)| byte == b'\n') {
        lines.shown.message(&block, from, at, ptr::null_mut());
        from = at + 1;
    }
    if lines.ended {
        lines.shown.event(ZCN_EVENT_CLOSED, ZCN_EOF, ptr::null_mut());
    }
    unsafe { lines.shown.hand_out(first, count, more) }
}

#[no_mangle]
unsafe extern "C" fn zcn_stream_send(handle: *mut zcn_stream, sent: *mut zcn_unit) -> i32 {
    let of = unsafe { unit(sent) };
    if of.borrow().sealed {
        return ZCN_EBUSY; // as much as any other failure: the unit comes back
    }
    unsafe { lines(handle) }.queued.push(sent);
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_stream_gather(handle: *mut zcn_stream, out: *mut iovec, _: usize, count: *mut usize) -> i32 {
    let lines = unsafe { lines(handle) };
    lines.gathered.clear();
    for sent in &lines.queued {
        let unit = unsafe { unit(*sent) }.borrow();
        lines.gathered.extend_from_slice(&unit.written);
        for lent in &unit.lent {
            lines.gathered.extend_from_slice(unsafe { std::slice::from_raw_parts(lent.0.cast(), lent.1 as usize) });
        }
    }
    unsafe { *out = iovec { iov_base: lines.gathered.as_mut_ptr().cast(), iov_len: lines.gathered.len() } };
    unsafe { *count = usize::from(!lines.gathered.is_empty()) };
    ZCN_OK
}

#[no_mangle]
unsafe extern "C" fn zcn_stream_write_done(handle: *mut zcn_stream, size: u64) -> i32 {
    let lines = unsafe { lines(handle) };
    assert_eq!(size as usize, lines.gathered.len());
    take(&mut lines.queued).into_iter().for_each(|unit| unsafe { zcn_unit_release(unit) });
    ZCN_OK
}

/// What a loop hands out in its next poll.
#[derive(Clone, Copy)]
pub enum Script {
    Message(&'static [u8]),
    Blank,
    Closed,
}

thread_local! {
    static NEXT: RefCell<Vec<Script>> = const { RefCell::new(Vec::new()) };
}

/// The next poll of this thread hands this out.
pub fn after_polls(script: &[Script]) {
    NEXT.with(|next| *next.borrow_mut() = script.to_vec());
}

/// A loop with one connection, which is an `Arc`'s.
struct Polled {
    conn: *mut zcn_conn,
    shown: Shown,
}

#[no_mangle]
unsafe extern "C" fn zcn_loop_create(out: *mut *mut zcn_loop, _options: *const zcn_loop_options) -> i32 {
    let conn = Arc::into_raw(Arc::new(7_u8)) as *mut zcn_conn;
    unsafe { give(out, Polled { conn, shown: Shown::default() }) }
}

#[no_mangle]
unsafe extern "C" fn zcn_loop_poll(
    handle: *mut zcn_loop,
    _timeout: i64,
    first: *mut *const zcn_event,
    count: *mut usize,
    more: *mut i32,
) -> i32 {
    let polled = unsafe { &mut *handle.cast::<Polled>() };
    polled.shown = Shown::default();
    for step in NEXT.with(|next| take(&mut *next.borrow_mut())) {
        match step {
            Script::Message(bytes) => {
                let block = Arc::new(bytes.to_vec());
                polled.shown.message(&block, 0, bytes.len(), polled.conn);
            }
            Script::Blank => polled.shown.event(ZCN_EVENT_NONE, ZCN_OK, polled.conn),
            Script::Closed => polled.shown.event(ZCN_EVENT_CLOSED, ZCN_EOF, polled.conn),
        }
    }
    unsafe { polled.shown.hand_out(first, count, more) }
}

#[no_mangle]
unsafe extern "C" fn zcn_loop_release(handle: *mut zcn_loop) {
    unsafe { zcn_conn_release((*handle.cast::<Polled>()).conn) };
    unsafe { release::<Polled, _>(handle) };
}

#[no_mangle]
unsafe extern "C" fn zcn_conn_retain(handle: *mut zcn_conn) -> *mut zcn_conn {
    unsafe { Arc::increment_strong_count(handle.cast::<u8>()) };
    handle
}

#[no_mangle]
unsafe extern "C" fn zcn_conn_release(handle: *mut zcn_conn) {
    unsafe { Arc::decrement_strong_count(handle.cast::<u8>()) };
}
