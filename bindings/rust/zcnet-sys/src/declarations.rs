// SPDX-License-Identifier: MIT
// Written by declare.py from the headers; proved against them by tests/header.rs.
use crate::{c_char, c_int, c_void, iovec};

/// 0 is success; positive is not an error; negative is one.
pub type zcn_status = i32;

/// Where memory comes from.
#[repr(C)]
pub struct zcn_pool {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// A view of a received message.
#[repr(C)]
pub struct zcn_msg {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// What is sent as one message.
#[repr(C)]
pub struct zcn_unit {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// Where messages begin and end; immutable.
#[repr(C)]
pub struct zcn_framing {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// Framing and queues without a descriptor.
#[repr(C)]
pub struct zcn_stream {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// A stream that a loop drives over a socket.
#[repr(C)]
pub struct zcn_conn {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// Accepts connections.
#[repr(C)]
pub struct zcn_listener {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// Makes one connection after the other to an address.
#[repr(C)]
pub struct zcn_dialer {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// The event loop.
#[repr(C)]
pub struct zcn_loop {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// Bytes between two connections, by splice.
#[repr(C)]
pub struct zcn_relay {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// An open file, to send from.
#[repr(C)]
pub struct zcn_file {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// Open files by path.
#[repr(C)]
pub struct zcn_file_cache {
    _opaque: [u8; 0],
    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// Measures the frame at the start of some bytes, for ZCN_FRAMING_CUSTOM. It must answer the same for the same bytes, and a size that it told stands when more bytes are there; another answer closes the connection with ZCN_EFRAME_MEASURE. It must not call the library.
pub type zcn_measure_function = Option<
    unsafe extern "C" fn(context: *mut c_void, data: *const c_void, size: u64, out_frame_size: *mut u64) -> zcn_status,
>;

/// Called once when the library needs foreign memory no longer: after the last byte of it was written to the socket, or the connection died, or the unit was released unsent; and where it left without a copy (zero_copy_from, see conn.h), after the kernel is done with it. It runs on whichever thread lets go last, under no lock. Any call is legal in it but zcn_loop_poll(). It must not throw.
pub type zcn_release_function = Option<unsafe extern "C" fn(context: *mut c_void, data: *const c_void, size: u64)>;

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_conn_options {
    /// set by zcn_conn_options_init()
    pub struct_size: u64,
    /// NULL: the same as for receiving
    pub send_framing: *const zcn_framing,
    /// queued bytes at which sending says ZCN_AGAIN; 0: 256 KiB
    pub high_water: u64,
    /// queued bytes below which WRITABLE follows; 0: high_water / 4
    pub low_water: u64,
    /// foreign segments smaller than this are copied; 0: never
    pub copy_below: u64,
    /// queued bytes at which a send writes at once; 0: 64 KiB
    pub flush_at: u64,
    /// bytes read in one poll before others have their turn; 0: 256 KiB
    pub read_budget: u64,
    /// most messages in one poll; 0: no limit but the array
    pub messages_per_poll: u32,
    /// bodies start at a multiple of this (8 to 4096, a power of two); 0: no
    pub align: u32,
    /// bodies smaller than this are left where they are; 0: all are aligned
    pub align_from: u32,
    /// 1: the peer's end gives PEER_CLOSED and the connection stays open to send; 0: what is queued is sent, then it closes with ZCN_EOF; 2: as 1, and bytes that are not in the framing give PEER_CLOSED too, with the status that CLOSED has in the end: what still comes is dropped, and the peer can be told so
    pub half_open: u32,
    /// 0: 30000
    pub connect_timeout_ms: u32,
    /// from the first byte of a message to its last; 0: 60000
    pub message_timeout_ms: u32,
    /// without a byte in or out, while it is read; 0: never
    pub idle_timeout_ms: u32,
    /// for what is queued when the connection closes; 0: 5000
    pub drain_timeout_ms: u32,
    /// TCP: 1 lets the kernel hold small segments back (TCP_NODELAY off)
    pub delay: u32,
    /// TCP: idle seconds before the first probe; 0: no keep-alive
    pub keepalive_s: u32,
    /// TCP: seconds between probes; 0: the system's
    pub keepalive_interval_s: u32,
    /// TCP: probes before the connection is dead; 0: the system's
    pub keepalive_count: u32,
    /// TCP: unacknowledged for so long is dead (TCP_USER_TIMEOUT); 0: the system's
    pub user_timeout_ms: u32,
    /// SO_SNDBUF in bytes; 0: the system's
    pub send_buffer: u32,
    /// SO_RCVBUF in bytes; 0: the system's
    pub receive_buffer: u32,
    /// 1: reads nothing before zcn_conn_resume()
    pub start_paused: u32,
    /// user value
    pub user: usize,
    /// what a send does above high water: ZCN_LAG_*
    pub lag: u32,
    /// how files are sent that do not say so themselves: ZCN_FILE_*, see file.h
    pub file_method: u32,
    /// TCP: pieces of at least so many bytes (4096 at least) may leave without a copy in the kernel, see above; 0: all are copied
    pub zero_copy_from: u64,
    /// frames of at least so many bytes are delivered as their header alone, see below; 0: all are delivered whole
    pub header_from: u64,
    /// 2, 4 or 8: bytes of the id by which answers find their requests, see request.h; 0: messages carry none. Not together with header_from
    pub id_width: u32,
    /// bytes before it in zcn_msg_data() of a received message
    pub id_offset: u32,
    /// bytes before it in a body that is sent
    pub send_id_offset: u32,
    /// 0 big (default), 1 little
    pub id_little_endian: u32,
    /// without an answer at a time; 0, and at most with width 2: 32767
    pub max_requests: u32,
    /// 0
    pub reserved: u32,
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_dial_options {
    /// set by zcn_dial_options_init()
    pub struct_size: u64,
    /// for each connection; NULL: the defaults. Its framings and values are kept
    pub conn: *const zcn_conn_options,
    /// the first wait; 0: 100
    pub first_ms: u32,
    /// 0: 30000; at least first_ms
    pub longest_ms: u32,
    /// that fail in a row before it gives up; 0: it never does
    pub attempts: u32,
    /// 0
    pub reserved: u32,
    /// user value, which comes with REDIAL and DIALER_CLOSED
    pub user: usize,
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_dialer_stats {
    /// set by the caller
    pub struct_size: u64,
    /// so far
    pub attempts: u64,
    /// of them, those that stood
    pub connected: u64,
    /// gauge: attempts in a row that did not last
    pub failures: u64,
    /// gauge: until the next attempt; 0: one is under way, or stands, or there is none any more
    pub wait_ms: u64,
}

/// One of the things that happened, as a poll hands them out.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_event {
    /// ZCN_EVENT_*
    pub r#type: u32,
    /// ZCN_OK, or the reason
    pub status: zcn_status,
    /// borrowed until the next poll; NULL where the list above names none
    pub conn: *mut zcn_conn,
    /// user value of conn or listener
    pub user: usize,
    /// borrowed until the next poll
    pub msg: *mut zcn_msg,
    /// zcn_msg_data(msg)
    pub data: *const c_void,
    /// zcn_msg_size(msg), or a count
    pub size: u64,
    /// of a unit, timer or request
    pub token: u64,
    /// the library's own
    pub reserved: u64,
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_file_options {
    /// set by zcn_file_options_init()
    pub struct_size: u64,
    /// ZCN_FILE_*; ZCN_FILE_AUTO: what the connection's option says
    pub method: u32,
    /// of the above
    pub flags: u32,
    /// descriptor that a relative path starts from, borrowed; -1: the working directory
    pub directory: i32,
    /// 0
    pub reserved: u32,
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_receive_file_options {
    /// set by zcn_receive_file_options_init()
    pub struct_size: u64,
    /// in the file, of the first byte
    pub offset: u64,
    /// comes with FILE_RECEIVED
    pub token: u64,
    /// ZCN_FLUSH_*
    pub flush: u32,
    /// 0
    pub reserved: u32,
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_framing_options {
    /// set by zcn_framing_options_init()
    pub struct_size: u64,
    /// ZCN_FRAMING_*; default ZCN_FRAMING_LENGTH
    pub kind: u32,
    /// length: bytes of the field: 1 2 3 4 8; default 4
    pub width: u32,
    /// length: 0 big (default), 1 little
    pub little_endian: u32,
    /// varint: most bytes of the varint, 1 to 10; default 10
    pub max_varint: u32,
    /// length, varint: bytes before the field, at most 64 KiB; default 0
    pub offset: u64,
    /// length, varint: added to the value; default 0
    pub adjust: i64,
    /// bytes hidden at the start (delimiter: at the end); default 0
    pub strip: u64,
    /// most bytes of a whole frame; default 16 MiB; for fixed it is unused
    pub max: u64,
    /// fixed: bytes of every frame
    pub fixed: u64,
    /// delimiter: its bytes; copied
    pub delimiter: *const c_void,
    /// delimiter: how many, 1 to 64
    pub delimiter_size: u64,
    /// delimiter: 1 refuses bodies that contain it when sending
    pub check: u32,
    /// 0
    pub reserved: u32,
    /// custom
    pub measure: zcn_measure_function,
    /// custom: passed to measure
    pub measure_context: *mut c_void,
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_listen_options {
    /// set by zcn_listen_options_init()
    pub struct_size: u64,
    /// for accepted connections; NULL: the defaults
    pub conn: *const zcn_conn_options,
    /// 0: 1024
    pub backlog: u32,
    /// 1: SO_REUSEPORT, one listener a core on the same port
    pub reuse_port: u32,
    /// accepted ones open at a time, but for those moved away; 0: no limit
    pub max_connections: u32,
    /// 0: 64
    pub accepts_per_poll: u32,
    /// 1: an IPv6 address does not take IPv4 too
    pub v6_only: u32,
    /// permissions of the socket file, such as 0600; 0: by umask
    pub unix_mode: u32,
    /// 1: the socket file is not removed: not a stale one before, not ours after
    pub keep_path: u32,
    /// 0
    pub reserved: u32,
    /// user value
    pub user: usize,
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_listener_stats {
    /// set by the caller
    pub struct_size: u64,
    /// so far
    pub accepted: u64,
    /// gauge: accepted and neither closed nor moved to another loop
    pub open: u64,
    /// times that accepting paused
    pub limited: u64,
    /// connections closed at once because descriptors ran out
    pub dropped: u64,
    /// connections that ended before they were accepted
    pub failed: u64,
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_loop_options {
    /// set by zcn_loop_options_init()
    pub struct_size: u64,
    /// for received bytes and the loop's own sends; NULL: the pool of the process
    pub pool: *mut zcn_pool,
    /// events of one poll, 16 to 4096; 0: 1024
    pub event_capacity: u32,
    /// microseconds to spin before a poll sleeps; 0: none
    pub spin_us: u32,
    /// 1: no helper thread; zcn_connect() then takes numeric addresses only, and files that are read past the page cache (ZCN_FILE_DIRECT) are waited for
    pub no_helper: u32,
    /// blocks that unfinished messages may hold before stalled ones are moved into memory of their own; 0: 64
    pub unfinished_blocks: u32,
}

/// Memory of the program for a pool: pinned, of huge pages, shared, on a device's bus. The bytes of messages and units lie in it; descriptors do not. The functions are called on whichever thread needs or returns memory, by several at once, and not for each message: for slabs of many blocks, and for messages that are larger than half a block. They must not call this library, and must not throw. After fork() what they gave is the parent's: they are not called in the child, where requests of such a pool, or of one with shared_bytes, say ZCN_EFORKED.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_pool_source {
    /// sizeof(zcn_pool_source)
    pub struct_size: u64,
    /// See the header.
    pub allocate: Option<unsafe extern "C" fn(context: *mut c_void, size: u64, alignment: u64) -> *mut c_void>,
    /// See the header.
    pub free: Option<unsafe extern "C" fn(context: *mut c_void, memory: *mut c_void, size: u64)>,
    /// See the header.
    pub drop: Option<unsafe extern "C" fn(context: *mut c_void, memory: *mut c_void, size: u64) -> i32>,
    /// See the header.
    pub end: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// See the header.
    pub context: *mut c_void,
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_pool_options {
    /// set by zcn_pool_options_init()
    pub struct_size: u64,
    /// bytes of a block, a power of two from 4 KiB to 16 MiB; 0: 256 KiB
    pub block_size: u64,
    /// bytes that the pool may hold in all, at least 8 blocks; 0: no limit
    pub limit: u64,
    /// bytes of free memory kept for reuse before it goes back to the system; 0: 64 MiB
    pub keep: u64,
    /// 0: when the pool has grown past 8 MiB; 1: never; 2: from the start. The system may give none: huge_refused_bytes of zcn_pool_stats says so, and ordinary pages serve
    pub huge_pages: u32,
    /// milliseconds after which free memory that was not needed goes back to the system, at the latest after twice as long; 0: as much as keep is kept for good. It is looked at when memory goes back to the pool, and by loops that use it
    pub keep_ms: u32,
    /// where its memory comes from, copied; NULL: the system
    pub source: *const zcn_pool_source,
    /// not 0: the pool's memory lies in a memfd of so many bytes, a multiple of 2 MiB; see zcn_pool_get_shared(). Not with source. When it is full, requests say ZCN_ENOMEM and connections try again now and then; with a limit of as much, or less, they wait for memory, and zcn_loop_await_memory() tells of it
    pub shared_bytes: u64,
    /// of zcn_msg_settle(): milliseconds that a message is held before it may be copied out
    pub detach_ms: u32,
    /// and how many times its bytes it must keep then; 0: none is ever copied
    pub detach_ratio: u32,
}

/// Gauges and counters of a pool. Bytes are bytes; the rest are counts.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_pool_stats {
    /// set by the caller: sizeof(zcn_pool_stats)
    pub struct_size: u64,
    /// bytes of one block
    pub block_size: u64,
    /// 0: no limit
    pub limit_bytes: u64,
    /// taken from the system now
    pub reserved_bytes: u64,
    /// blocks and regions that are out: held by views, units, loops, caches
    pub in_use_bytes: u64,
    /// free, where every thread finds it
    pub cached_bytes: u64,
    /// of in_use_bytes: memory of single large messages
    pub region_bytes: u64,
    /// the highest in_use_bytes so far
    pub peak_bytes: u64,
    /// blocks handed out so far
    pub block_takes: u64,
    /// regions handed out so far
    pub region_takes: u64,
    /// requests refused at the limit or for want of memory
    pub failures: u64,
    /// slabs mapped now
    pub slabs: u64,
    /// times that a loop waited because the pool was full: it paused reading, or zcn_loop_await_memory()
    pub waits: u64,
    /// the highest reserved_bytes so far
    pub reserved_peak_bytes: u64,
    /// of in_use_bytes: free blocks that threads, loops and streams keep
    pub thread_cached_bytes: u64,
    /// of in_use_bytes: blocks that threads cut the memory of units from
    pub arena_bytes: u64,
    /// memory of handles, of all pools of the process; kept for reuse, and given back by zcn_pool_trim() where nothing of it is in use
    pub object_bytes: u64,
    /// message handles that are held (zcn_msg_retain() and its like); of a joined message its parts
    pub views: u64,
    /// the sum of their sizes
    pub viewed_bytes: u64,
    /// of in_use_bytes: what they keep from being used otherwise, each block once
    pub pinned_bytes: u64,
    /// pinned_bytes over viewed_bytes, in thousandths; 0 when nothing is viewed
    pub amplification: u64,
    /// for how long the message that is held longest has been, to about 20 ms
    pub oldest_view_ns: u64,
    /// copied by zcn_msg_detach(), zcn_msg_settle() and zcn_msg_make_writable()
    pub copied_bytes: u64,
    /// bytes of slabs that the system was asked to back with huge pages, and agreed
    pub huge_bytes: u64,
    /// and did not
    pub huge_refused_bytes: u64,
    /// of limit_bytes: for unfinished messages alone
    pub reserve_bytes: u64,
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_relay_options {
    /// set by zcn_relay_options_init()
    pub struct_size: u64,
    /// count messages: headers are parsed, bodies are spliced. NULL: bytes only
    pub forward_framing: *const zcn_framing,
    /// the same for the other direction
    pub backward_framing: *const zcn_framing,
    /// of the first message alone, where it differs; NULL: it does not
    pub forward_first: *const zcn_framing,
    /// See the header.
    pub backward_first: *const zcn_framing,
    /// bytes of a direction in one turn before others have theirs; 0: 1 MiB
    pub budget: u64,
    /// ZCN_RELAY_AUTO, _SPLICE or _COPY
    pub method: u32,
    /// without a byte in either direction; 0: never
    pub idle_timeout_ms: u32,
    /// without a byte when one direction has ended; 0: never
    pub half_close_timeout_ms: u32,
    /// for what is held when the relay closes or one side is gone; 0: 5000
    pub drain_timeout_ms: u32,
    /// user value
    pub user: usize,
}

/// One direction.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_relay_flow {
    /// read, with what the connection had received before
    pub bytes_in: u64,
    /// written
    pub bytes_out: u64,
    /// of bytes_in: by splice
    pub spliced_bytes: u64,
    /// of bytes_in: through memory
    pub copied_bytes: u64,
    /// system calls that read
    pub read_calls: u64,
    /// system calls that wrote
    pub write_calls: u64,
    /// whose header was seen; 0 without a framing
    pub messages: u64,
    /// gauge: read and not written yet
    pub held_bytes: u64,
    /// read and never written: set when the relay ended
    pub lost_bytes: u64,
    /// written to the tap
    pub tapped_bytes: u64,
    /// that a tap did not get
    pub tap_missed_bytes: u64,
    /// 1: its end was passed on
    pub ended: u32,
    /// why the tap ended before the relay: it was too slow (ZCN_ENOBUFS, ZCN_ETIMEDOUT), its reader is gone (ZCN_ERESET), there is no room for more of the file (ZCN_ENOSPACE), another failure of its own (ZCN_ESYS); else ZCN_OK
    pub tap_status: zcn_status,
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_relay_stats {
    /// set by the caller: sizeof(zcn_relay_stats)
    pub struct_size: u64,
    /// See the header.
    pub forward: zcn_relay_flow,
    /// See the header.
    pub backward: zcn_relay_flow,
}

/// What went through a stream or connection. copied_bytes is every payload byte that the library itself copied; the copied_* fields below it are its parts.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_stats {
    /// set by the caller: sizeof(zcn_stats)
    pub struct_size: u64,
    /// delivered
    pub messages_in: u64,
    /// received, headers included
    pub bytes_in: u64,
    /// accepted for sending
    pub messages_out: u64,
    /// written, headers included
    pub bytes_out: u64,
    /// system calls that read
    pub read_calls: u64,
    /// system calls that wrote
    pub write_calls: u64,
    /// pieces that they wrote
    pub iovecs_out: u64,
    /// in all
    pub copied_bytes: u64,
    /// in: starts of messages, up to 64 bytes each, carried to the next read
    pub copied_stash: u64,
    /// in: starts of messages moved for want of room in their block
    pub copied_moved: u64,
    /// in: moved into memory of their own: larger than half a block, or stalled
    pub copied_own: u64,
    /// in: bodies moved for the alignment that was asked for
    pub copied_aligned: u64,
    /// in: bytes given by zcn_stream_feed()
    pub copied_fed: u64,
    /// out: zcn_conn_send_copy(), zcn_unit_append_copy(), copy_below, files that are read
    pub copied_out: u64,
    /// gauge: accepted and not yet written
    pub queued_bytes: u64,
    /// gauge: received bytes of a message that is not complete
    pub unfinished_bytes: u64,
    /// bytes of a frame that never finished; set when the connection closed
    pub trailing_bytes: u64,
    /// out: accepted and dropped, or not queued at all, by the lag option
    pub messages_dropped: u64,
    /// the bytes of their frames
    pub bytes_dropped: u64,
    /// out: bytes of files that sendfile() moved
    pub file_sendfile: u64,
    /// out: bytes of files sent from where they were mapped
    pub file_mmap: u64,
    /// out: bytes of files that went through a pipe
    pub file_splice: u64,
    /// out: bytes of files read past the page cache into memory of the pool, without a copy
    pub file_direct: u64,
    /// out: system calls that wrote without a copy in the kernel (zero_copy_from)
    pub zero_copy_writes: u64,
    /// out: what they wrote
    pub zero_copy_bytes: u64,
    /// out: of those calls, the ones that the kernel copied all the same
    pub zero_copy_copied: u64,
    /// out: such calls that it refused, for want of room say; the bytes were copied
    pub zero_copy_refused: u64,
    /// gauge: such calls that it is not done with
    pub zero_copy_awaited: u64,
    /// in: of copied_bytes: bodies that were written to files from memory
    pub copied_body: u64,
    /// in: bytes of bodies that went into files by splice
    pub file_received: u64,
    /// in: bytes of bodies that no file took, since it failed or the connection ended
    pub body_dropped: u64,
    /// out: begun
    pub requests: u64,
    /// in: of them, those that were answered
    pub answers: u64,
    /// of them, those that ended without: in time, or with the connection
    pub unanswered: u64,
    /// gauge: of them, those that wait for their answers
    pub requests_waiting: u64,
    /// out: bytes of constant pages that were handed over as they are
    pub pages_lent: u64,
}

/// A loop: the sum over its connections, living and closed, and its own work.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_loop_stats {
    /// set by the caller: sizeof(zcn_loop_stats)
    pub struct_size: u64,
    /// zcn_loop_poll() calls
    pub polls: u64,
    /// system calls that waited or asked for readiness
    pub waits: u64,
    /// wake-ups by the inbox
    pub wakes: u64,
    /// handed out
    pub events: u64,
    /// gauge: open now
    pub connections: u64,
    /// so far
    pub accepted: u64,
    /// so far
    pub closed: u64,
    /// times that accepting paused
    pub accept_limited: u64,
    /// times that reading paused for want of memory
    pub pool_pauses: u64,
    /// bytes copied by zcn_msg_detach() of borrowed messages of this loop
    pub copied_detached: u64,
    /// gauge: connections that wait for memory now
    pub paused: u64,
    /// gauge: blocks that unfinished messages hold in this loop
    pub pinned_bytes: u64,
    /// total.struct_size is set by the library
    pub total: zcn_stats,
}

/// The relays of a loop: the sum over both directions of those that are open and those that have ended.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_loop_relay_stats {
    /// set by the caller: sizeof(zcn_loop_relay_stats)
    pub struct_size: u64,
    /// gauge: RELAY_ENDED was not told
    pub open: u64,
    /// so far
    pub ended: u64,
    /// of those that ended: neither in order nor closed
    pub failed: u64,
    /// gauge: of those open: hold bytes of which none has moved for a second
    pub stalled: u64,
    /// written to second sides
    pub forward_bytes: u64,
    /// written to first sides
    pub backward_bytes: u64,
    /// read by splice
    pub spliced_bytes: u64,
    /// read through memory
    pub copied_bytes: u64,
    /// system calls that read
    pub read_calls: u64,
    /// system calls that wrote
    pub write_calls: u64,
    /// whose header was seen by relays with a framing
    pub messages: u64,
    /// gauge: read and not written yet
    pub held_bytes: u64,
    /// read and never written: known when a relay has ended
    pub lost_bytes: u64,
    /// written to taps
    pub tapped_bytes: u64,
    /// that taps did not get
    pub tap_missed_bytes: u64,
}

/// What went wrong, in the caller's storage.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_error {
    /// sizeof(zcn_error), set by the caller
    pub struct_size: u64,
    /// ZCN_OK when nothing went wrong
    pub status: zcn_status,
    /// errno of the system call behind it, or 0
    pub sys_errno: i32,
    /// one sentence, always terminated
    pub text: [c_char; 240],
}

/// Filled by its options_init(), and changed from there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct zcn_stream_options {
    /// set by zcn_stream_options_init()
    pub struct_size: u64,
    /// NULL: the same as for receiving
    pub send_framing: *const zcn_framing,
    /// queued bytes at which sending says ZCN_AGAIN; 0: 256 KiB
    pub high_water: u64,
    /// queued bytes below which WRITABLE follows; 0: high_water / 4
    pub low_water: u64,
    /// foreign segments smaller than this are copied; 0: never
    pub copy_below: u64,
    /// bodies start at a multiple of this (8 to 4096, a power of two); 0: no
    pub align: u32,
    /// bodies smaller than this are left where they are; 0: all are aligned
    pub align_from: u32,
    /// events of one poll, 16 to 4096; 0: 256
    pub event_capacity: u32,
    /// most messages in one poll; 0: no limit but the array
    pub messages_per_poll: u32,
    /// user value
    pub user: usize,
}

/// the send says ZCN_AGAIN, and WRITABLE follows
pub const ZCN_LAG_REFUSE: u32 = 0;
/// the message that is being sent is dropped
pub const ZCN_LAG_DROP_NEWEST: u32 = 1;
/// those that have waited longest are dropped until less than high_water is queued
pub const ZCN_LAG_DROP_OLDEST: u32 = 2;
/// all that are queued are dropped for the one that is being sent
pub const ZCN_LAG_KEEP_LATEST: u32 = 3;
/// the connection ends at once, with CLOSED and ZCN_ELAGGED
pub const ZCN_LAG_DISCONNECT: u32 = 4;
/// The value of `ZCN_OPTION_DELAY`.
pub const ZCN_OPTION_DELAY: u32 = 1;
/// The value of `ZCN_OPTION_KEEPALIVE_S`.
pub const ZCN_OPTION_KEEPALIVE_S: u32 = 2;
/// The value of `ZCN_OPTION_KEEPALIVE_INTERVAL_S`.
pub const ZCN_OPTION_KEEPALIVE_INTERVAL_S: u32 = 3;
/// The value of `ZCN_OPTION_KEEPALIVE_COUNT`.
pub const ZCN_OPTION_KEEPALIVE_COUNT: u32 = 4;
/// The value of `ZCN_OPTION_USER_TIMEOUT_MS`.
pub const ZCN_OPTION_USER_TIMEOUT_MS: u32 = 5;
/// The value of `ZCN_OPTION_SEND_BUFFER`.
pub const ZCN_OPTION_SEND_BUFFER: u32 = 6;
/// The value of `ZCN_OPTION_RECEIVE_BUFFER`.
pub const ZCN_OPTION_RECEIVE_BUFFER: u32 = 7;
/// The value of `ZCN_OPTION_HIGH_WATER`.
pub const ZCN_OPTION_HIGH_WATER: u32 = 8;
/// The value of `ZCN_OPTION_LOW_WATER`.
pub const ZCN_OPTION_LOW_WATER: u32 = 9;
/// The value of `ZCN_OPTION_IDLE_TIMEOUT_MS`.
pub const ZCN_OPTION_IDLE_TIMEOUT_MS: u32 = 10;
/// The value of `ZCN_OPTION_MESSAGE_TIMEOUT_MS`.
pub const ZCN_OPTION_MESSAGE_TIMEOUT_MS: u32 = 11;
/// The value of `ZCN_OPTION_DRAIN_TIMEOUT_MS`.
pub const ZCN_OPTION_DRAIN_TIMEOUT_MS: u32 = 12;
/// The value of `ZCN_OPTION_MESSAGES_PER_POLL`.
pub const ZCN_OPTION_MESSAGES_PER_POLL: u32 = 13;
/// TCP: TCP_QUICKACK, set only
pub const ZCN_OPTION_QUICK_ACK: u32 = 14;
/// The value of `ZCN_OPTION_FILE_METHOD`.
pub const ZCN_OPTION_FILE_METHOD: u32 = 15;
/// The value of `ZCN_OPTION_ZERO_COPY_FROM`.
pub const ZCN_OPTION_ZERO_COPY_FROM: u32 = 16;
/// The value of `ZCN_STATE_CONNECTING`.
pub const ZCN_STATE_CONNECTING: u32 = 1;
/// The value of `ZCN_STATE_OPEN`.
pub const ZCN_STATE_OPEN: u32 = 2;
/// close was asked for; what is queued is being sent
pub const ZCN_STATE_DRAINING: u32 = 3;
/// The value of `ZCN_STATE_CLOSED`.
pub const ZCN_STATE_CLOSED: u32 = 4;
/// the unit is queued on each of the connections, or on none
pub const ZCN_ALL_OR_NOTHING: u32 = 1;
/// blanked by a close or a change of framing: skip it
pub const ZCN_EVENT_NONE: u32 = 0;
/// conn: zcn_connect() succeeded, or the first of an adopted one. As ACCEPTED and ARRIVED, no message of the connection stands in the same array
pub const ZCN_EVENT_CONNECTED: u32 = 1;
/// conn: a listener's new connection; user is the listener's
pub const ZCN_EVENT_ACCEPTED: u32 = 2;
/// conn, msg, data, size; token: of the request that it answers (see request.h), or the bytes of the body behind a header that was delivered alone (header_from, see conn.h), else 0
pub const ZCN_EVENT_MESSAGE: u32 = 3;
/// conn, token, size, status: the units with tokens token, token + 1 … token + size - 1 have ended; status ZCN_OK: written, else why not
pub const ZCN_EVENT_SENT: u32 = 4;
/// conn: below low water again after a ZCN_AGAIN
pub const ZCN_EVENT_WRITABLE: u32 = 5;
/// conn, status: the peer sends no more (only with the option half_open), or, with ZCN_EFRAME_* (half_open 2), what it sent is not in the framing
pub const ZCN_EVENT_PEER_CLOSED: u32 = 6;
/// conn, status: the last event of a connection, with the one reason
pub const ZCN_EVENT_CLOSED: u32 = 7;
/// zcn_loop_wake() was called
pub const ZCN_EVENT_WOKEN: u32 = 8;
/// token of zcn_loop_timer_set()
pub const ZCN_EVENT_TIMER: u32 = 9;
/// user is the listener's; status: max_connections was reached (ZCN_ENOBUFS), or none can be accepted (ZCN_ESYS), size: errno says why, EMFILE when descriptors ran out; accepting goes on later
pub const ZCN_EVENT_ACCEPT_LIMITED: u32 = 10;
/// conn: reading pauses until the pool has memory again
pub const ZCN_EVENT_POOL_LIMITED: u32 = 11;
/// conn: moved here by zcn_conn_move()
pub const ZCN_EVENT_ARRIVED: u32 = 12;
/// user is the listener's; status: why
pub const ZCN_EVENT_LISTENER_CLOSED: u32 = 13;
/// user is the relay's, data the zcn_relay, borrowed until the next poll; status: why; size: bytes written in both directions
pub const ZCN_EVENT_RELAY_ENDED: u32 = 14;
/// user is the dialer's, data the zcn_dialer, borrowed until the next poll; status: why its connection ended, or could not be made; size: milliseconds until the next attempt; token: attempts in a row that did not last
pub const ZCN_EVENT_REDIAL: u32 = 15;
/// user is the dialer's; status: ZCN_OK it was closed, else why the last of its attempts failed
pub const ZCN_EVENT_DIALER_CLOSED: u32 = 16;
/// conn, token: of a request that has no answer; status: why, ZCN_ETIMEDOUT or why the connection ended
pub const ZCN_EVENT_UNANSWERED: u32 = 17;
/// conn, token, size, status: what zcn_conn_receive_file() asked for has ended; size: bytes that were written to the file; status ZCN_OK: all of them, else why there are not more. It comes once for each such call, before CLOSED
pub const ZCN_EVENT_FILE_RECEIVED: u32 = 18;
/// token, size, status: a pool that zcn_loop_await_memory() asked about has room again; status ZCN_EINVAL: it can have none any more
pub const ZCN_EVENT_POOL_READY: u32 = 19;
/// what costs the sender the least processor time: ranges up to 32 KiB are read, and leave in one call with what is around them; larger ones leave by sendfile, and over local sockets from 256 KiB up through a pipe
pub const ZCN_FILE_AUTO: u32 = 0;
/// the kernel sends from the page cache
pub const ZCN_FILE_SENDFILE: u32 = 1;
/// the file is mapped, and sent as memory is
pub const ZCN_FILE_MMAP: u32 = 2;
/// through a pipe, without a copy
pub const ZCN_FILE_SPLICE: u32 = 3;
/// read into memory of the pool, which counts as copied, and sent from there
pub const ZCN_FILE_COPY: u32 = 4;
/// read past the page cache (O_DIRECT), by a helper thread, into memory of the pool: for large files that are sent once, and should not push out of the page cache what is used often. On a loop without a helper the owner's thread waits for the disk. A file or a system that has no such reads is read as by ZCN_FILE_COPY
pub const ZCN_FILE_DIRECT: u32 = 5;
/// no part of the path leads out of the directory that it starts from
pub const ZCN_FILE_BENEATH: u32 = 1;
/// no part of the path is a symbolic link
pub const ZCN_FILE_NO_SYMLINKS: u32 = 2;
/// when the kernel has its bytes: what a crash of the system leaves of them is open
pub const ZCN_FLUSH_NONE: u32 = 0;
/// when the disk has them (fdatasync): everything on the loop waits for it meanwhile
pub const ZCN_FLUSH_SYNC: u32 = 1;
/// the same, by a helper thread: the loop goes on, and what follows on the connection may come before the event. As ZCN_FLUSH_SYNC on a loop without a helper
pub const ZCN_FLUSH_ASYNC: u32 = 2;
/// The value of `ZCN_FRAMING_LENGTH`.
pub const ZCN_FRAMING_LENGTH: u32 = 1;
/// The value of `ZCN_FRAMING_VARINT`.
pub const ZCN_FRAMING_VARINT: u32 = 2;
/// The value of `ZCN_FRAMING_DELIMITER`.
pub const ZCN_FRAMING_DELIMITER: u32 = 3;
/// The value of `ZCN_FRAMING_FIXED`.
pub const ZCN_FRAMING_FIXED: u32 = 4;
/// The value of `ZCN_FRAMING_RAW`.
pub const ZCN_FRAMING_RAW: u32 = 5;
/// The value of `ZCN_FRAMING_CUSTOM`.
pub const ZCN_FRAMING_CUSTOM: u32 = 6;
/// splice where reads are large, copy where they are small
pub const ZCN_RELAY_AUTO: u32 = 0;
/// splice, but where the kernel refuses it or no pipe is to be had
pub const ZCN_RELAY_SPLICE: u32 = 1;
/// through blocks of the pool
pub const ZCN_RELAY_COPY: u32 = 2;
/// from the first to the second
pub const ZCN_RELAY_FORWARD: u32 = 0;
/// from the second to the first
pub const ZCN_RELAY_BACKWARD: u32 = 1;
/// the tap ends: what it got is a beginning without a gap
pub const ZCN_TAP_END: u32 = 0;
/// it misses bytes, and goes on with later ones
pub const ZCN_TAP_SKIP: u32 = 1;
/// the pair waits for it, for some time
pub const ZCN_TAP_WAIT: u32 = 2;
/// Success.
pub const ZCN_OK: zcn_status = 0;
/// Nothing to do now: a queue is above its high-water mark, or nothing is ready.
pub const ZCN_AGAIN: zcn_status = 1;
/// The peer ended the stream in order.
pub const ZCN_EOF: zcn_status = 2;
/// An argument is out of range or NULL.
pub const ZCN_EINVAL: zcn_status = -1;
/// The system has no memory.
pub const ZCN_ENOMEM: zcn_status = -2;
/// A limit that the program set is reached (pool, queue, descriptors).
pub const ZCN_ENOBUFS: zcn_status = -3;
/// An option is not known to this version of the library.
pub const ZCN_EOPTION: zcn_status = -4;
/// The owner's calls overlap, or the object is in use.
pub const ZCN_EBUSY: zcn_status = -5;
/// The handle was released already, or its borrow has ended.
pub const ZCN_ESTALE: zcn_status = -6;
/// The handle belongs to the parent process.
pub const ZCN_EFORKED: zcn_status = -7;
/// This transport, kernel or build cannot do that.
pub const ZCN_EUNSUPPORTED: zcn_status = -8;
/// A fault of the library.
pub const ZCN_EINTERNAL: zcn_status = -9;
/// A frame is longer than the framing's maximum.
pub const ZCN_EFRAME_TOO_LARGE: zcn_status = -20;
/// A length field makes the frame shorter than its own header.
pub const ZCN_EFRAME_UNDERFLOW: zcn_status = -21;
/// A varint is longer than allowed or does not fit 64 bits.
pub const ZCN_EFRAME_VARINT: zcn_status = -22;
/// More bytes are to be stripped than the frame has.
pub const ZCN_EFRAME_STRIP: zcn_status = -23;
/// The stream ended inside a frame.
pub const ZCN_EFRAME_TRUNCATED: zcn_status = -24;
/// The body does not have the size that the framing asks for.
pub const ZCN_EFRAME_SIZE: zcn_status = -25;
/// The length does not fit the width of the length field.
pub const ZCN_EFRAME_VALUE: zcn_status = -26;
/// The body contains the delimiter.
pub const ZCN_EFRAME_DELIMITER: zcn_status = -27;
/// The custom measuring function refused the bytes.
pub const ZCN_EFRAME_MEASURE: zcn_status = -28;
/// The connection, listener or stream is closed.
pub const ZCN_ECLOSED: zcn_status = -40;
/// A deadline passed.
pub const ZCN_ETIMEDOUT: zcn_status = -41;
/// A system call failed; the object holds errno.
pub const ZCN_ESYS: zcn_status = -42;
/// The peer reset the connection.
pub const ZCN_ERESET: zcn_status = -43;
/// The address text is wrong.
pub const ZCN_EADDRESS: zcn_status = -44;
/// Nobody listens at the address.
pub const ZCN_EREFUSED: zcn_status = -45;
/// No way leads to the address.
pub const ZCN_EUNREACHABLE: zcn_status = -46;
/// The address is in use.
pub const ZCN_EINUSE: zcn_status = -47;
/// The name has no address.
pub const ZCN_ERESOLVE: zcn_status = -48;
/// Permission denied.
pub const ZCN_EACCESS: zcn_status = -49;
/// A file shrank while it was sent.
pub const ZCN_ETRUNCATED: zcn_status = -50;
/// The program aborted the connection.
pub const ZCN_EABORTED: zcn_status = -51;
/// Dropped before it was sent, since the receiver lags behind.
pub const ZCN_EDROPPED: zcn_status = -52;
/// The receiver lags behind, and is disconnected for it.
pub const ZCN_ELAGGED: zcn_status = -53;
/// There is no such file.
pub const ZCN_ENOTFOUND: zcn_status = -60;
/// The disk, a quota or a limit has no room for more of the file.
pub const ZCN_ENOSPACE: zcn_status = -61;
/// Part of the version of the headers.
pub const ZCN_VERSION_MAJOR: u32 = 0;
/// Part of the version of the headers.
pub const ZCN_VERSION_MINOR: u32 = 1;
/// Part of the version of the headers.
pub const ZCN_VERSION_PATCH: u32 = 0;

extern "C" {
    /// Fill options with the defaults.
    pub fn zcn_conn_options_init(options: *mut zcn_conn_options, struct_size: usize);
    /// Connect to an address. The answer comes as CONNECTED, or as CLOSED with ZCN_EREFUSED, ZCN_ETIMEDOUT, ZCN_EUNREACHABLE, ZCN_ERESOLVE … Units may be sent at once; they leave when the connection stands. All addresses of a name are tried in turn, each with its share of the connect timeout.
    pub fn zcn_connect(
        out: *mut *mut zcn_conn,
        r#loop: *mut zcn_loop,
        address: *const c_char,
        framing: *const zcn_framing,
        options: *const zcn_conn_options,
    ) -> zcn_status;
    /// Drive a connected stream socket that the program has. It becomes non-blocking.
    pub fn zcn_conn_adopt(
        out: *mut *mut zcn_conn,
        r#loop: *mut zcn_loop,
        fd: c_int,
        framing: *const zcn_framing,
        options: *const zcn_conn_options,
    ) -> zcn_status;
    /// Give the descriptor back to the program. The connection ends with CLOSED (ZCN_OK); received bytes that were not delivered are handed out.
    pub fn zcn_conn_take_fd(conn: *mut zcn_conn, out_fd: *mut c_int, out_rest: *mut *mut zcn_msg) -> zcn_status;
    /// Hand the connection to another loop, with everything that is queued and received. It appears there with ARRIVED, and its later events come there. Events that are in the current array stay.
    pub fn zcn_conn_move(conn: *mut zcn_conn, r#loop: *mut zcn_loop) -> zcn_status;
    /// Queue a unit. It leaves at the next poll, when flush_at bytes are queued, or with zcn_conn_flush(). Units leave in the order of the calls.
    pub fn zcn_conn_send(conn: *mut zcn_conn, unit: *mut zcn_unit) -> zcn_status;
    /// Queue one unit on many connections of one loop, without a copy: fan-out. What each of them says is independent of the others, unless ZCN_ALL_OR_NOTHING asks otherwise.
    pub fn zcn_conn_send_to_all(
        conns: *const *mut zcn_conn,
        count: usize,
        unit: *mut zcn_unit,
        flags: u32,
        statuses: *mut zcn_status,
        out_sent: *mut usize,
    ) -> zcn_status;
    /// Queue many units.
    pub fn zcn_conn_send_batch(
        conn: *mut zcn_conn,
        units: *const *mut zcn_unit,
        count: usize,
        out_sent: *mut usize,
    ) -> zcn_status;
    /// Queue the whole frame of a received message as it stands on the wire, without a copy: echo and forward.
    pub fn zcn_conn_send_msg(conn: *mut zcn_conn, msg: *const zcn_msg) -> zcn_status;
    /// Pass a message of the current array on, as zcn_conn_send_msg() does, but with the back-pressure built in: it is accepted above high water too, and the connection that it came from is then not read until conn is below low water again. So an echo server or a proxy loses nothing and needs no queue of its own, and what a slow receiver costs stays bounded by high_water and one read of each connection that passes messages to it. Deadlines for receiving stand still meanwhile. A connection that was moved to another loop since the poll is not held up.
    pub fn zcn_conn_forward(conn: *mut zcn_conn, msg: *const zcn_msg) -> zcn_status;
    /// Copy some bytes and queue them as one message: the simple way. They count as copied.
    pub fn zcn_conn_send_copy(conn: *mut zcn_conn, data: *const c_void, size: u64) -> zcn_status;
    /// Room to write messages straight into the connection's queue; each is ended by zcn_conn_commit().
    pub fn zcn_conn_reserve(
        conn: *mut zcn_conn,
        out_data: *mut *mut c_void,
        out_room: *mut u64,
        size: u64,
    ) -> zcn_status;
    /// Queue the message that was written into the reserved room, and show where the next one may be written.
    pub fn zcn_conn_commit(
        conn: *mut zcn_conn,
        size: u64,
        out_data: *mut *mut c_void,
        out_room: *mut u64,
    ) -> zcn_status;
    /// Queue a unit from any thread. Units of one thread keep their order.
    pub fn zcn_conn_post(conn: *mut zcn_conn, unit: *mut zcn_unit) -> zcn_status;
    /// Write what is queued now, as far as the socket takes it.
    pub fn zcn_conn_flush(conn: *mut zcn_conn) -> zcn_status;
    /// Close: what is queued is sent until the drain timeout, then CLOSED (ZCN_OK) comes; ZCN_ETIMEDOUT when the time was not enough. No message is delivered any more; those in the current array are blanked when the thread that polled last is the one that closes. Calling it again does nothing.
    pub fn zcn_conn_close(conn: *mut zcn_conn) -> zcn_status;
    /// End at once: what is queued is dropped, the peer gets a reset (TCP). CLOSED (ZCN_EABORTED) comes.
    pub fn zcn_conn_abort(conn: *mut zcn_conn) -> zcn_status;
    /// Send no more: what is queued leaves, then the peer sees the end. Receiving goes on.
    pub fn zcn_conn_shutdown(conn: *mut zcn_conn) -> zcn_status;
    /// Stop reading. Messages that are in the current array stay; deadlines for receiving stand still.
    pub fn zcn_conn_pause(conn: *mut zcn_conn) -> zcn_status;
    /// Read again.
    pub fn zcn_conn_resume(conn: *mut zcn_conn) -> zcn_status;
    /// Change the receive framing. Parsing starts again at the end of after_msg; later events of conn in the current array are blanked and come again under the new framing, an error that parsing found included.
    pub fn zcn_conn_set_framing(
        conn: *mut zcn_conn,
        after_msg: *const zcn_msg,
        framing: *const zcn_framing,
    ) -> zcn_status;
    /// Change the framing of what is sent from now on.
    pub fn zcn_conn_set_send_framing(conn: *mut zcn_conn, framing: *const zcn_framing) -> zcn_status;
    /// The user value, which comes with every event of the connection, also with those further down in the current array; ACCEPTED alone has the listener's.
    pub fn zcn_conn_set_user(conn: *mut zcn_conn, user: usize) -> zcn_status;
    /// The user value, which comes with every event of the connection, also with those further down in the current array; ACCEPTED alone has the listener's.
    pub fn zcn_conn_get_user(conn: *const zcn_conn) -> usize;
    /// Set a socket or flow option (ZCN_OPTION_*).
    pub fn zcn_conn_set_option(conn: *mut zcn_conn, option: u32, value: u64) -> zcn_status;
    /// Read a socket or flow option. Buffer sizes are what the kernel made of them.
    pub fn zcn_conn_get_option(conn: *mut zcn_conn, option: u32, out_value: *mut u64) -> zcn_status;
    /// Addresses of the two ends as text, in the form that zcn_connect() takes; "unix:" for an unnamed one.
    pub fn zcn_conn_local_address(conn: *mut zcn_conn, buffer: *mut c_char, capacity: usize) -> zcn_status;
    /// Addresses of the two ends as text, in the form that zcn_connect() takes; "unix:" for an unnamed one.
    pub fn zcn_conn_peer_address(conn: *mut zcn_conn, buffer: *mut c_char, capacity: usize) -> zcn_status;
    /// Say in words which ways the connection's bytes went so far, which they go now, and why: a line for gathered writes, one for zero copy, one for files. For people and logs; zcn_stats has the same figures for programs.
    pub fn zcn_conn_explain(conn: *mut zcn_conn, buffer: *mut c_char, capacity: usize) -> zcn_status;
    /// The descriptor, borrowed, for socket options that have no name here; -1 when closed. Do not read, write or close it.
    pub fn zcn_conn_fd(conn: *const zcn_conn) -> c_int;
    /// ZCN_STATE_*; 0 for NULL.
    pub fn zcn_conn_get_state(conn: *const zcn_conn) -> u32;
    /// The loop that drives the connection, borrowed. Who finds the own loop here is the connection's owner; to others the answer may be old already.
    pub fn zcn_conn_loop(conn: *const zcn_conn) -> *mut zcn_loop;
    /// Why the connection ended.
    pub fn zcn_conn_get_error(conn: *const zcn_conn, error: *mut zcn_error) -> zcn_status;
    /// Read the connection's counters.
    pub fn zcn_conn_get_stats(conn: *const zcn_conn, stats: *mut zcn_stats) -> zcn_status;
    /// Take another reference.
    pub fn zcn_conn_retain(conn: *mut zcn_conn) -> *mut zcn_conn;
    /// End one reference. It does not close the connection: the loop holds its own until CLOSED.
    pub fn zcn_conn_release(conn: *mut zcn_conn);
    /// Fill options with the defaults.
    pub fn zcn_dial_options_init(options: *mut zcn_dial_options, struct_size: usize);
    /// Connect to an address (see conn.h; not fd:N), now and whenever the connection has ended.
    pub fn zcn_dial(
        out: *mut *mut zcn_dialer,
        r#loop: *mut zcn_loop,
        address: *const c_char,
        framing: *const zcn_framing,
        options: *const zcn_dial_options,
    ) -> zcn_status;
    /// The present connection, which stands or is being made. A connection of a dialer cannot be moved to another loop.
    pub fn zcn_dialer_get_conn(dialer: *const zcn_dialer) -> *mut zcn_conn;
    /// Try now instead of at the end of the wait, and wait from first_ms on again; nothing happens while there is a connection. For when the program learns that the network is back.
    pub fn zcn_dialer_hurry(dialer: *mut zcn_dialer) -> zcn_status;
    /// Make no more connections. The present one lives on, until it ends or the program closes it. DIALER_CLOSED (ZCN_OK) comes. Calling it again does nothing.
    pub fn zcn_dialer_close(dialer: *mut zcn_dialer) -> zcn_status;
    /// The user value.
    pub fn zcn_dialer_set_user(dialer: *mut zcn_dialer, user: usize) -> zcn_status;
    /// The user value.
    pub fn zcn_dialer_get_user(dialer: *const zcn_dialer) -> usize;
    /// Read the dialer's counters.
    pub fn zcn_dialer_get_stats(dialer: *const zcn_dialer, stats: *mut zcn_dialer_stats) -> zcn_status;
    /// Take another reference.
    pub fn zcn_dialer_retain(dialer: *mut zcn_dialer) -> *mut zcn_dialer;
    /// End one reference. It does not end the dialer: the loop holds its own until DIALER_CLOSED.
    pub fn zcn_dialer_release(dialer: *mut zcn_dialer);
    /// Fill options with the defaults: no method, no flags, directory -1.
    pub fn zcn_file_options_init(options: *mut zcn_file_options, struct_size: usize);
    /// Open a regular file for sending.
    pub fn zcn_file_open(
        out: *mut *mut zcn_file,
        path: *const c_char,
        options: *const zcn_file_options,
        error: *mut zcn_error,
    ) -> zcn_status;
    /// A file of a descriptor that the program has open for reading.
    pub fn zcn_file_adopt(out: *mut *mut zcn_file, fd: c_int, options: *const zcn_file_options) -> zcn_status;
    /// Bytes that the file had when it was opened.
    pub fn zcn_file_size(file: *const zcn_file) -> u64;
    /// When the content was changed last, as it was when the file was opened.
    pub fn zcn_file_mtime(file: *const zcn_file) -> i64;
    /// The descriptor, borrowed; -1 for NULL. Do not close it.
    pub fn zcn_file_fd(file: *const zcn_file) -> c_int;
    /// Take another reference.
    pub fn zcn_file_retain(file: *mut zcn_file) -> *mut zcn_file;
    /// End one reference. Units that have the file hold their own; with the last one the descriptor is closed.
    pub fn zcn_file_release(file: *mut zcn_file);
    /// Append a range of a file to a unit, which holds a reference on the file from then on.
    pub fn zcn_unit_append_file(unit: *mut zcn_unit, file: *mut zcn_file, offset: u64, size: u64) -> zcn_status;
    /// Fill options with the defaults: all 0.
    pub fn zcn_receive_file_options_init(options: *mut zcn_receive_file_options, struct_size: usize);
    /// Let the bytes that follow a message go into a file, by splice. Where the kernel refuses that (a file that is open for appending, some file systems), or no pipe is to be had (a loop has 128, with its relays), they go through memory. So do those that were received already: they count as copied. The bytes behind them are messages again.
    pub fn zcn_conn_receive_file(
        conn: *mut zcn_conn,
        after: *const zcn_msg,
        fd: c_int,
        size: u64,
        options: *const zcn_receive_file_options,
    ) -> zcn_status;
    /// How the file ended that the last FILE_RECEIVED event of a connection told of.
    pub fn zcn_conn_get_file_error(conn: *const zcn_conn, error: *mut zcn_error) -> zcn_status;
    /// A cache of open files by path: those that were asked for last stay open.
    pub fn zcn_file_cache_create(
        out: *mut *mut zcn_file_cache,
        capacity: u32,
        valid_ms: u32,
        options: *const zcn_file_options,
    ) -> zcn_status;
    /// Open a file through the cache. Size and time of modification are those of the last look at the path. A file that was deleted, or cannot be looked at any more, leaves the cache.
    pub fn zcn_file_cache_open(
        cache: *mut zcn_file_cache,
        out: *mut *mut zcn_file,
        path: *const c_char,
        error: *mut zcn_error,
    ) -> zcn_status;
    /// End a cache. Files that it gave out stay good.
    pub fn zcn_file_cache_release(cache: *mut zcn_file_cache);
    /// Fill options with the defaults.
    pub fn zcn_framing_options_init(options: *mut zcn_framing_options, struct_size: usize);
    /// Make a framing from options.
    pub fn zcn_framing_create(
        out: *mut *mut zcn_framing,
        options: *const zcn_framing_options,
        error: *mut zcn_error,
    ) -> zcn_status;
    /// Make a framing from its text form, as described above.
    pub fn zcn_framing_parse(out: *mut *mut zcn_framing, text: *const c_char, error: *mut zcn_error) -> zcn_status;
    /// The text form of a framing, complete and in one order, so that equal framings give equal texts. A custom framing gives "custom".
    pub fn zcn_framing_text(
        framing: *const zcn_framing,
        buffer: *mut c_char,
        capacity: usize,
        out_size: *mut usize,
    ) -> zcn_status;
    /// Read a framing's fields back. delimiter points into the framing and is valid as long as it.
    pub fn zcn_framing_get_options(framing: *const zcn_framing, options: *mut zcn_framing_options) -> zcn_status;
    /// What stands around a body of body_size bytes on the wire.
    pub fn zcn_framing_overhead(
        framing: *const zcn_framing,
        body_size: u64,
        out_head: *mut u64,
        out_tail: *mut u64,
    ) -> zcn_status;
    /// Find the frame at the start of some bytes.
    pub fn zcn_framing_measure(
        framing: *const zcn_framing,
        data: *const c_void,
        size: u64,
        out_frame_size: *mut u64,
        out_head: *mut u64,
        out_tail: *mut u64,
    ) -> zcn_status;
    /// Take another reference.
    pub fn zcn_framing_retain(framing: *mut zcn_framing) -> *mut zcn_framing;
    /// End one reference. Connections keep references of their own.
    pub fn zcn_framing_release(framing: *mut zcn_framing);
    /// Fill options with the defaults.
    pub fn zcn_listen_options_init(options: *mut zcn_listen_options, struct_size: usize);
    /// Listen on an address (see conn.h). Port 0 takes a free one; zcn_listener_address() tells which. A socket file that nobody listens on any more is replaced.
    pub fn zcn_listen(
        out: *mut *mut zcn_listener,
        r#loop: *mut zcn_loop,
        address: *const c_char,
        framing: *const zcn_framing,
        options: *const zcn_listen_options,
    ) -> zcn_status;
    /// Tell the loop's counters to whoever connects to a Unix socket: `zcnet stat ADDRESS` shows them, in the format of Prometheus too. They are those of zcn_loop_get_stats(), of zcn_loop_get_relay_stats() and of the loop's pool, and the connections and relays that hold most bytes. The loop answers when it is polled: one that does not answer is one that nobody polls. It answers too when no descriptors are left. There are no events but LISTENER_CLOSED.
    pub fn zcn_listen_stat(out: *mut *mut zcn_listener, r#loop: *mut zcn_loop, address: *const c_char) -> zcn_status;
    /// The bound address as text, such as "tcp://127.0.0.1:41234".
    pub fn zcn_listener_address(listener: *const zcn_listener, buffer: *mut c_char, capacity: usize) -> zcn_status;
    /// Stop listening. Accepted connections live on. LISTENER_CLOSED (ZCN_OK) comes. Calling it again does nothing.
    pub fn zcn_listener_close(listener: *mut zcn_listener) -> zcn_status;
    /// The user value, which comes with ACCEPTED.
    pub fn zcn_listener_set_user(listener: *mut zcn_listener, user: usize) -> zcn_status;
    /// The user value, which comes with ACCEPTED.
    pub fn zcn_listener_get_user(listener: *const zcn_listener) -> usize;
    /// The descriptor, borrowed; -1 when closed.
    pub fn zcn_listener_fd(listener: *const zcn_listener) -> c_int;
    /// Read the listener's counters.
    pub fn zcn_listener_get_stats(listener: *const zcn_listener, stats: *mut zcn_listener_stats) -> zcn_status;
    /// Take another reference.
    pub fn zcn_listener_retain(listener: *mut zcn_listener) -> *mut zcn_listener;
    /// End one reference.
    pub fn zcn_listener_release(listener: *mut zcn_listener);
    /// Fill options with the defaults.
    pub fn zcn_loop_options_init(options: *mut zcn_loop_options, struct_size: usize);
    /// Create a loop.
    pub fn zcn_loop_create(out: *mut *mut zcn_loop, options: *const zcn_loop_options) -> zcn_status;
    /// Flush, wait, and hand out what happened.
    pub fn zcn_loop_poll(
        r#loop: *mut zcn_loop,
        timeout_ns: i64,
        out_events: *mut *const zcn_event,
        out_count: *mut usize,
        out_more: *mut i32,
    ) -> zcn_status;
    /// A descriptor that is readable whenever a poll would give an event or write a byte, level-triggered. Never read or close it.
    pub fn zcn_loop_fd(r#loop: *mut zcn_loop) -> c_int;
    /// Nanoseconds until the loop has to be polled though its descriptor is silent.
    pub fn zcn_loop_next_deadline(r#loop: *mut zcn_loop, out_ns: *mut i64) -> zcn_status;
    /// Make the present or the next poll return with a WOKEN event. Several calls may give one event.
    pub fn zcn_loop_wake(r#loop: *mut zcn_loop) -> zcn_status;
    /// Set a timer of the program: one TIMER event with its token after the delay. Setting a token again moves it.
    pub fn zcn_loop_timer_set(r#loop: *mut zcn_loop, token: u64, delay_ns: i64) -> zcn_status;
    /// Take a timer back. One whose event is in the current array has gone off already.
    pub fn zcn_loop_timer_cancel(r#loop: *mut zcn_loop, token: u64) -> zcn_status;
    /// Ask for one POOL_READY event when a pool that is at its limit has room again: what a program does whose allocation said ZCN_ENOBUFS and that wants to go on when it can. The event comes with the first poll that finds room, which may be the next one, and is told once. It is no promise: others may take the room first, and several that wait are all told. Free blocks that threads keep for themselves (thread_cached_bytes of zcn_pool_stats) count as in use. Where the pool's source keeps its pages (drop of zcn_pool_source), what is more than half a block, less 512 bytes, finds room only in what empty slabs leave when they go back whole: it waits for as long as each slab has a block in use.
    pub fn zcn_loop_await_memory(r#loop: *mut zcn_loop, pool: *mut zcn_pool, size: u64, token: u64) -> zcn_status;
    /// Close every connection (drained, as zcn_conn_close()), listener, dialer and relay. Polls go on and give their last events; when all have been handed out, zcn_loop_poll() says ZCN_ECLOSED. Descriptor and deadline tell of that poll as of any other.
    pub fn zcn_loop_close(r#loop: *mut zcn_loop) -> zcn_status;
    /// Why the last zcn_connect(), zcn_conn_adopt() or zcn_listen() on this loop failed.
    pub fn zcn_loop_get_error(r#loop: *const zcn_loop, error: *mut zcn_error) -> zcn_status;
    /// Read the loop's counters.
    pub fn zcn_loop_get_stats(r#loop: *mut zcn_loop, stats: *mut zcn_loop_stats) -> zcn_status;
    /// Read the counters of the loop's relays: what they carry is in none of zcn_loop_get_stats().
    pub fn zcn_loop_get_relay_stats(r#loop: *mut zcn_loop, stats: *mut zcn_loop_relay_stats) -> zcn_status;
    /// Take another reference.
    pub fn zcn_loop_retain(r#loop: *mut zcn_loop) -> *mut zcn_loop;
    /// End one reference. With the last one connections that are open are aborted; messages that were retained live on.
    pub fn zcn_loop_release(r#loop: *mut zcn_loop);
    /// The bytes of the message, without what the framing strips.
    pub fn zcn_msg_data(msg: *const zcn_msg) -> *const c_void;
    /// The number of bytes of the message; 0 for a stale handle.
    pub fn zcn_msg_size(msg: *const zcn_msg) -> u64;
    /// The whole frame as it stood on the wire: header, body, delimiter.
    pub fn zcn_msg_frame(msg: *const zcn_msg, out_data: *mut *const c_void, out_size: *mut u64) -> zcn_status;
    /// Keep a message: beyond the next poll if it is borrowed, for another holder if it is owned. Never blocks and copies no byte.
    pub fn zcn_msg_retain(out: *mut *mut zcn_msg, msg: *const zcn_msg) -> zcn_status;
    /// End one handle.
    pub fn zcn_msg_release(msg: *mut zcn_msg) -> zcn_status;
    /// End many handles. Neighbours of one block are released in one step, so this is several times cheaper than one by one.
    pub fn zcn_msg_release_batch(msgs: *const *mut zcn_msg, count: usize) -> zcn_status;
    /// A part of a message, as a message: shares the bytes, copies none.
    pub fn zcn_msg_slice(out: *mut *mut zcn_msg, msg: *const zcn_msg, offset: u64, size: u64) -> zcn_status;
    /// A copy of a message in memory of its own, so that a long-lived view does not hold its block. The bytes count as copied.
    pub fn zcn_msg_detach(out: *mut *mut zcn_msg, msg: *const zcn_msg) -> zcn_status;
    /// Let messages go easy on memory: each that has been held for detach_ms of its pool's options, and keeps more than detach_ratio times its bytes, is replaced by a copy as zcn_msg_detach() makes it. The bytes count as copied. With the default options of pools nothing is ever copied.
    pub fn zcn_msg_settle(msgs: *mut *mut zcn_msg, count: usize, out_copied: *mut usize) -> zcn_status;
    /// Make the bytes of a message writable: copy on write. Nothing is copied when no other handle shares bytes with it; otherwise the message is replaced by a copy of its whole frame, as zcn_msg_detach() makes it, and the bytes count as copied (zcn_pool_stats). Others that share its bytes are: handles made of the same event or of one another as far as they overlap, joined messages that it is a part of, and the event itself until the next poll. What was sent, appended to a unit or fed to another stream counts as shared for as long as anything of its block is in use, and what lies between two such messages may.
    pub fn zcn_msg_make_writable(out: *mut *mut zcn_msg, msg: *mut zcn_msg, out_data: *mut *mut c_void) -> zcn_status;
    /// Several messages as one, as a list of parts: no byte is copied. Its parts are read with zcn_msg_iovecs(); it can be kept, sent and released like any message.
    pub fn zcn_msg_join(out: *mut *mut zcn_msg, msgs: *const *const zcn_msg, count: usize) -> zcn_status;
    /// The parts of a message. A message that is not joined has one.
    pub fn zcn_msg_iovecs(
        msg: *const zcn_msg,
        iovecs: *mut iovec,
        capacity: usize,
        out_count: *mut usize,
    ) -> zcn_status;
    /// Fill options with the defaults.
    pub fn zcn_pool_options_init(options: *mut zcn_pool_options, struct_size: usize);
    /// Create a pool. No block is taken from the system before the first is needed.
    pub fn zcn_pool_create(out: *mut *mut zcn_pool, options: *const zcn_pool_options) -> zcn_status;
    /// The pool of the process, created on first use with the default options. It is what a NULL pool means everywhere else.
    pub fn zcn_pool_default(out: *mut *mut zcn_pool) -> zcn_status;
    /// Take another reference.
    pub fn zcn_pool_retain(pool: *mut zcn_pool) -> *mut zcn_pool;
    /// End one reference. Memory that is still in use stays valid; the pool goes with the last of it. With the last reference all that is free goes back to the system, and what is released later does so at once; a source without drop gets it slab by slab, and one whose drop refuses gets it in the end. What threads keep of the pool in their caches, 2 MiB or two blocks each and the block that they cut units from, goes back when they next use another pool for a while, or end.
    pub fn zcn_pool_release(pool: *mut zcn_pool);
    /// Give free memory back to the system: what lies in the upstream and in the calling thread's cache. Slabs that are empty then are unmapped, and so is memory of handles, which all pools of the process share.
    pub fn zcn_pool_trim(pool: *mut zcn_pool, out_bytes: *mut u64) -> zcn_status;
    /// Read the pool's gauges and counters. They are read one after the other while others may change them.
    pub fn zcn_pool_get_stats(pool: *mut zcn_pool, stats: *mut zcn_pool_stats) -> zcn_status;
    /// Write who holds what of a pool, as lines of text for people: its bytes; each message that is held, with its size, for how long, and how much memory of which block it keeps. With ZCNET_DEBUG=leak in the environment when the process's first pool was made, also each unit, and the place in the program that made each: PATH+0xOFFSET, as addr2line takes it. Of a joined message its parts are listed. Messages that others keep or release meanwhile may be missing. It looks at every message handle of the process.
    pub fn zcn_pool_dump(pool: *mut zcn_pool, fd: c_int) -> zcn_status;
    /// The memory file of a pool that was made with shared_bytes. Hand the descriptor to another process (SCM_RIGHTS), which maps it and reads messages where they lie: tell it their offsets, and keep the messages until it has read them. Pages of the file are taken as they are used. Its size is sealed; its contents are not, so give it to whom you trust.
    pub fn zcn_pool_get_shared(pool: *mut zcn_pool, out_fd: *mut c_int, out_bytes: *mut u64) -> zcn_status;
    /// Where bytes lie in the pool's memory file: those of a received message, a part of one, or a unit's body.
    pub fn zcn_pool_get_offset(pool: *mut zcn_pool, data: *const c_void, size: u64, out_offset: *mut u64)
        -> zcn_status;
    /// Fill options with the defaults.
    pub fn zcn_relay_options_init(options: *mut zcn_relay_options, struct_size: usize);
    /// Join two connections. They give up their sockets to the relay and end with CLOSED (ZCN_OK); what they had received and not delivered goes first, whatever was delivered is the program's. A connection that shall deliver nothing before is created with start_paused.
    pub fn zcn_relay_conns(
        out: *mut *mut zcn_relay,
        first: *mut zcn_conn,
        second: *mut zcn_conn,
        options: *const zcn_relay_options,
    ) -> zcn_status;
    /// Join two connected stream sockets that the program has. They become non-blocking.
    pub fn zcn_relay_fds(
        out: *mut *mut zcn_relay,
        r#loop: *mut zcn_loop,
        first: c_int,
        second: c_int,
        options: *const zcn_relay_options,
    ) -> zcn_status;
    /// Let a third descriptor have what goes through one direction: a file, a pipe, a socket (of a connection by zcn_conn_take_fd()). Before the next poll nothing is missed. Spliced bytes get there without a copy. The tap is flushed when the relay ends, within the drain timeout.
    pub fn zcn_relay_tap(relay: *mut zcn_relay, direction: u32, fd: c_int, policy: u32, wait_ms: u32) -> zcn_status;
    /// Close: nothing more is read; what was read is written until the drain timeout, both peers see the end, then RELAY_ENDED (ZCN_OK) comes; ZCN_ETIMEDOUT when the time was not enough. Calling it again does nothing.
    pub fn zcn_relay_close(relay: *mut zcn_relay) -> zcn_status;
    /// End at once: both peers get a reset (TCP). RELAY_ENDED (ZCN_EABORTED) comes.
    pub fn zcn_relay_abort(relay: *mut zcn_relay) -> zcn_status;
    /// The user value, which comes with RELAY_ENDED.
    pub fn zcn_relay_set_user(relay: *mut zcn_relay, user: usize) -> zcn_status;
    /// The user value, which comes with RELAY_ENDED.
    pub fn zcn_relay_get_user(relay: *const zcn_relay) -> usize;
    /// Why the relay ended: ZCN_EOF both directions ended in order · ZCN_OK it was closed · ZCN_ERESET one side is gone · ZCN_ETIMEDOUT a limit in time · ZCN_EFRAME_* · ZCN_EABORTED · ZCN_ESYS. But for the first two both sides were reset.
    pub fn zcn_relay_get_error(relay: *const zcn_relay, error: *mut zcn_error) -> zcn_status;
    /// Read the relay's counters.
    pub fn zcn_relay_get_stats(relay: *const zcn_relay, stats: *mut zcn_relay_stats) -> zcn_status;
    /// Take another reference.
    pub fn zcn_relay_retain(relay: *mut zcn_relay) -> *mut zcn_relay;
    /// End one reference. It does not close the relay: the loop holds its own until RELAY_ENDED.
    pub fn zcn_relay_release(relay: *mut zcn_relay);
    /// Expect an answer. Nothing is sent by this. A body that is then not sent leaves a request that is taken back, or times out.
    pub fn zcn_conn_begin_request(conn: *mut zcn_conn, token: u64, timeout_ns: i64, out_id: *mut u64) -> zcn_status;
    /// Take a request back: no event tells of it any more, and its answer, if it comes, has the token 0.
    pub fn zcn_conn_end_request(conn: *mut zcn_conn, id: u64) -> zcn_status;
    /// Write an id to its place in a body that is to be sent.
    pub fn zcn_conn_put_id(conn: *const zcn_conn, body: *mut c_void, size: u64, id: u64) -> zcn_status;
    /// Read the id of a received message.
    pub fn zcn_conn_get_id(conn: *const zcn_conn, data: *const c_void, size: u64, out_id: *mut u64) -> zcn_status;
    /// Ask with a copy of some bytes: the simple way. On failure there is no request.
    pub fn zcn_conn_request(
        conn: *mut zcn_conn,
        data: *const c_void,
        size: u64,
        token: u64,
        timeout_ns: i64,
    ) -> zcn_status;
    /// Answer with a copy of some bytes: the simple way.
    pub fn zcn_conn_answer(conn: *mut zcn_conn, id: u64, data: *const c_void, size: u64) -> zcn_status;
    /// The name of a status, such as "ZCN_EINVAL".
    pub fn zcn_status_name(status: zcn_status) -> *const c_char;
    /// What a status means, as a short English sentence without a full stop.
    pub fn zcn_status_text(status: zcn_status) -> *const c_char;
    /// Fill options with the defaults.
    pub fn zcn_stream_options_init(options: *mut zcn_stream_options, struct_size: usize);
    /// Create a stream.
    pub fn zcn_stream_create(
        out: *mut *mut zcn_stream,
        pool: *mut zcn_pool,
        framing: *const zcn_framing,
        options: *const zcn_stream_options,
    ) -> zcn_status;
    /// End the stream. Units that are still queued are released; messages that were retained live on.
    pub fn zcn_stream_release(stream: *mut zcn_stream);
    /// Where the next bytes should be read to: one or two pieces.
    pub fn zcn_stream_read_room(
        stream: *mut zcn_stream,
        iovecs: *mut iovec,
        capacity: usize,
        out_count: *mut usize,
    ) -> zcn_status;
    /// Say how many bytes were read into the room, in its order.
    pub fn zcn_stream_read_done(stream: *mut zcn_stream, size: u64) -> zcn_status;
    /// Hand in bytes that lie elsewhere. They are copied (and counted) into the stream's memory.
    pub fn zcn_stream_feed(stream: *mut zcn_stream, data: *const c_void, size: u64, out_taken: *mut u64) -> zcn_status;
    /// Hand in bytes that lie in a message: its body is the next part of this stream. Messages are found where they lie; only what straddles two handed-in messages is copied (and counted).
    pub fn zcn_stream_feed_msg(stream: *mut zcn_stream, msg: *const zcn_msg) -> zcn_status;
    /// The peer's side has ended. A CLOSED event follows the last message: ZCN_EOF, or ZCN_EFRAME_TRUNCATED when a frame was under way. Sending still works.
    pub fn zcn_stream_end(stream: *mut zcn_stream) -> zcn_status;
    /// Take the events that are ready: messages, sent units, writable, closed.
    pub fn zcn_stream_poll(
        stream: *mut zcn_stream,
        out_events: *mut *const zcn_event,
        out_count: *mut usize,
        out_more: *mut i32,
    ) -> zcn_status;
    /// Queue a unit; see zcn_conn_send().
    pub fn zcn_stream_send(stream: *mut zcn_stream, unit: *mut zcn_unit) -> zcn_status;
    /// Queue the whole frame of a received message as it stands; see zcn_conn_send_msg().
    pub fn zcn_stream_send_msg(stream: *mut zcn_stream, msg: *const zcn_msg) -> zcn_status;
    /// What is to be written now: neighbours in memory are one piece.
    pub fn zcn_stream_gather(
        stream: *mut zcn_stream,
        iovecs: *mut iovec,
        capacity: usize,
        out_count: *mut usize,
    ) -> zcn_status;
    /// Say how many bytes were written, from the start of what zcn_stream_gather() showed.
    pub fn zcn_stream_write_done(stream: *mut zcn_stream, size: u64) -> zcn_status;
    /// Change the receive framing; see zcn_conn_set_framing().
    pub fn zcn_stream_set_framing(
        stream: *mut zcn_stream,
        after_msg: *const zcn_msg,
        framing: *const zcn_framing,
    ) -> zcn_status;
    /// Change the framing of what is sent from now on.
    pub fn zcn_stream_set_send_framing(stream: *mut zcn_stream, framing: *const zcn_framing) -> zcn_status;
    /// Why the stream ended.
    pub fn zcn_stream_get_error(stream: *mut zcn_stream, error: *mut zcn_error) -> zcn_status;
    /// Read the stream's counters.
    pub fn zcn_stream_get_stats(stream: *mut zcn_stream, stats: *mut zcn_stats) -> zcn_status;
    /// Memory of the pool to write one message into, with room for the header before it. Units that are allocated one after the other lie one after the other, so that many leave in one piece.
    pub fn zcn_unit_alloc(
        out: *mut *mut zcn_unit,
        out_data: *mut *mut c_void,
        pool: *mut zcn_pool,
        framing: *const zcn_framing,
        size: u64,
    ) -> zcn_status;
    /// Many units of one size in one call, neighbours in memory.
    pub fn zcn_unit_alloc_batch(
        out: *mut *mut zcn_unit,
        out_datas: *mut *mut c_void,
        count: usize,
        pool: *mut zcn_pool,
        framing: *const zcn_framing,
        size: u64,
    ) -> zcn_status;
    /// A unit without a body, to append segments to.
    pub fn zcn_unit_create(out: *mut *mut zcn_unit, pool: *mut zcn_pool) -> zcn_status;
    /// Append writable pool memory.
    pub fn zcn_unit_append_alloc(unit: *mut zcn_unit, out_data: *mut *mut c_void, size: u64) -> zcn_status;
    /// Append a copy of some bytes. They count as copied.
    pub fn zcn_unit_append_copy(unit: *mut zcn_unit, data: *const c_void, size: u64) -> zcn_status;
    /// Append memory of the program, which must stay valid and unchanged until release is called.
    pub fn zcn_unit_append_ref(
        unit: *mut zcn_unit,
        data: *const c_void,
        size: u64,
        release: zcn_release_function,
        context: *mut c_void,
    ) -> zcn_status;
    /// Append constant memory: valid and unchanged for the life of the process.
    pub fn zcn_unit_append_static(unit: *mut zcn_unit, data: *const c_void, size: u64) -> zcn_status;
    /// Append constant pages: constant memory, as with zcn_unit_append_static(), that the kernel may hand over as it is (vmsplice) instead of copying it. A connection over a local socket does so with pieces of at least 64 KiB; others send the same bytes as they send constant memory, and so does one where the kernel refuses.
    pub fn zcn_unit_append_pages(unit: *mut zcn_unit, data: *const c_void, size: u64) -> zcn_status;
    /// Append the body of a received message. The unit holds the bytes; msg stays the caller's.
    pub fn zcn_unit_append_msg(unit: *mut zcn_unit, msg: *const zcn_msg) -> zcn_status;
    /// Append the whole frame of a received message, its header included. With a `raw` framing the message then leaves as it came.
    pub fn zcn_unit_append_frame(unit: *mut zcn_unit, msg: *const zcn_msg) -> zcn_status;
    /// Shorten the body: bytes at its end are dropped.
    pub fn zcn_unit_truncate(unit: *mut zcn_unit, size: u64) -> zcn_status;
    /// The bytes that a framing with offset puts before its length field. They are copied.
    pub fn zcn_unit_set_prefix(unit: *mut zcn_unit, data: *const c_void, size: u64) -> zcn_status;
    /// Ask for a `sent` event with this token when the unit has been written, on each connection it is sent on.
    pub fn zcn_unit_set_token(unit: *mut zcn_unit, token: u64) -> zcn_status;
    /// Write the header for a framing; the unit cannot change any more. Sending an unsealed unit seals it. A unit sealed with one framing can be sent with another: it then gets a header of its own there.
    pub fn zcn_unit_seal(unit: *mut zcn_unit, framing: *const zcn_framing) -> zcn_status;
    /// Bytes of the body.
    pub fn zcn_unit_size(unit: *const zcn_unit) -> u64;
    /// Take another reference.
    pub fn zcn_unit_retain(unit: *mut zcn_unit) -> *mut zcn_unit;
    /// End one reference. With the last one the segments are released. A unit that a send consumed (ZCN_OK) is not the caller's any more: releasing it then ends somebody else's memory, and nothing finds that out.
    pub fn zcn_unit_release(unit: *mut zcn_unit);
    /// Many at once.
    pub fn zcn_unit_release_batch(units: *const *mut zcn_unit, count: usize);
    /// The version of the library that is running: major * 1000000 + minor * 1000 + patch. Compare it with ZCN_VERSION_NUMBER, the version of the headers that the program was compiled with.
    pub fn zcn_version() -> u32;
    /// The same as text, such as "0.1.0".
    pub fn zcn_version_text() -> *const c_char;
}
