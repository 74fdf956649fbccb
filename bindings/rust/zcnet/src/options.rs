// SPDX-License-Identifier: MIT
//! Options, as values that are built up: what is not set is the library's default.
use crate::{FileMethod, Flush, Framing, HugePages, Lag, Pool, RelayMethod};
use std::mem;
use std::time::Duration;
use zcnet_sys as sys;

pub(crate) fn milliseconds(time: Duration) -> u32 {
    // 0 would mean the default; what is longer than the field holds is as long as it holds.
    time.as_millis().clamp(1, u128::from(u32::MAX)) as u32
}

fn seconds(time: Duration) -> u32 {
    time.as_secs().clamp(1, u64::from(u32::MAX)) as u32
}

macro_rules! options {
    ($(#[$doc:meta])* $name:ident($raw:ident, $init:ident) $({ $($keep:ident: $kept:ty),* })? => $(
        $(#[$field_doc:meta])* $method:ident($value:ident: $type:ty) $field:ident = $make:expr;)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            raw: sys::$raw,
            $($($keep: Option<$kept>,)*)?
        }

        // SAFETY: the pointers in raw are NULL, or set from what is kept beside it when it is used.
        unsafe impl Send for $name {}
        // SAFETY: as above.
        unsafe impl Sync for $name {}

        impl $name {
            /// The defaults.
            pub fn new() -> $name {
                // SAFETY: numbers and pointers, for which zero is a value.
                let mut raw: sys::$raw = unsafe { mem::zeroed() };
                // SAFETY: the function fills as many bytes as it is told.
                unsafe { sys::$init(&mut raw, mem::size_of::<sys::$raw>()) };
                $name { raw, $($($keep: None,)*)? }
            }

            pub(crate) fn raw(&self) -> &sys::$raw {
                &self.raw
            }

            $($(#[$field_doc])* #[must_use] pub fn $method(mut self, $value: $type) -> $name {
                self.raw.$field = $make;
                self
            })*
        }

        impl Default for $name {
            fn default() -> $name {
                $name::new()
            }
        }
    };
}

options! {
    /// Options of a [`Pool`].
    PoolOptions(zcn_pool_options, zcn_pool_options_init) =>
    /// Bytes of a block, a power of two from 4 KiB to 16 MiB. Default: 256 KiB.
    block_size(bytes: u64) block_size = bytes;
    /// Bytes that the pool may hold in all, at least 8 blocks. Default: no limit.
    limit(bytes: u64) limit = bytes;
    /// Bytes of free memory kept for reuse before it goes back to the system. Default: 64 MiB.
    keep(bytes: u64) keep = bytes;
    /// When the system is asked for huge pages. Default: when the pool has grown past 8 MiB.
    huge_pages(when: HugePages) huge_pages = when as u32;
    /// Free memory that was not needed for so long goes back to the system, at the latest after twice as long. Default:
    /// as much as [`PoolOptions::keep`] says is kept for good.
    keep_for(time: Duration) keep_ms = milliseconds(time);
    /// The memory lies in a memory file of so many bytes, a multiple of 2 MiB, that another process may map, see
    /// [`Pool::shared`]. Default: in no file.
    shared(bytes: u64) shared_bytes = bytes;
    /// For [`settle`](crate::settle): how long a message is held before it may be copied out. Default: zero.
    detach_after(time: Duration) detach_ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    /// For [`settle`](crate::settle): how many times its bytes a message must keep then. Default: none is ever copied.
    detach_ratio(times: u32) detach_ratio = times;
}

options! {
    /// Options of a [`Loop`](crate::Loop).
    LoopOptions(zcn_loop_options, zcn_loop_options_init) { pool: Pool } =>
    /// Events of one poll, 16 to 4096. Default: 1024.
    event_capacity(count: u32) event_capacity = count;
    /// How long to spin before a poll sleeps, in microseconds. Default: not at all.
    spin_us(microseconds: u32) spin_us = microseconds;
    /// No helper thread: names are not looked up, addresses have to be numeric.
    without_helper(yes: bool) no_helper = u32::from(yes);
    /// Blocks that unfinished messages may hold before stalled ones are moved. Default: 64.
    unfinished_blocks(count: u32) unfinished_blocks = count;
}

impl LoopOptions {
    /// The pool for received bytes. Default: the pool of the process.
    #[must_use]
    pub fn pool(mut self, pool: &Pool) -> LoopOptions {
        self.raw.pool = pool.as_ptr();
        self.pool = Some(pool.clone());
        self
    }
}

options! {
    /// Options of a connection.
    ConnOptions(zcn_conn_options, zcn_conn_options_init) { send_framing: Framing } =>
    /// Queued bytes at which sending says [`Again`](crate::ErrorKind::Again). Default: 256 KiB.
    high_water(bytes: u64) high_water = bytes;
    /// Queued bytes below which [`Writable`](crate::Event::Writable) follows. Default: a quarter of the high-water mark.
    low_water(bytes: u64) low_water = bytes;
    /// Foreign segments smaller than this are copied. Default: none is.
    copy_below(bytes: u64) copy_below = bytes;
    /// Queued bytes at which a send writes at once. Default: 64 KiB.
    flush_at(bytes: u64) flush_at = bytes;
    /// Bytes read in one poll before others have their turn. Default: 256 KiB.
    read_budget(bytes: u64) read_budget = bytes;
    /// Most messages in one poll. Default: as many as the array holds.
    messages_per_poll(count: u32) messages_per_poll = count;
    /// Bodies start at a multiple of this, a power of two from 8 to 4096. Default: anywhere.
    align(bytes: u32) align = bytes;
    /// Bodies smaller than this are not aligned. Default: all are.
    align_from(bytes: u32) align_from = bytes;
    /// The peer's end gives [`PeerClosed`](crate::Event::PeerClosed), and the connection stays open to send.
    half_open(yes: bool) half_open = u32::from(yes);
    /// As [`half_open`](ConnOptions::half_open), and bytes that are not in the framing give
    /// [`PeerClosed`](crate::Event::PeerClosed) too: what still comes is dropped, and the peer can be told so.
    half_open_after_errors(yes: bool) half_open = if yes { 2 } else { 0 };
    /// How long connecting may take. Default: 30 s.
    connect_timeout(time: Duration) connect_timeout_ms = milliseconds(time);
    /// From the first byte of a message to its last. Default: 60 s.
    message_timeout(time: Duration) message_timeout_ms = milliseconds(time);
    /// Without a byte in or out. Default: never.
    idle_timeout(time: Duration) idle_timeout_ms = milliseconds(time);
    /// For what is queued when the connection closes. Default: 5 s.
    drain_timeout(time: Duration) drain_timeout_ms = milliseconds(time);
    /// TCP: the kernel may hold small segments back.
    delay(yes: bool) delay = u32::from(yes);
    /// TCP: time without traffic before the first probe. Default: no keep-alive.
    keepalive(time: Duration) keepalive_s = seconds(time);
    /// TCP: time between probes. Default: the system's.
    keepalive_interval(time: Duration) keepalive_interval_s = seconds(time);
    /// TCP: probes before the connection is dead. Default: the system's.
    keepalive_count(count: u32) keepalive_count = count;
    /// TCP: unacknowledged for so long is dead. Default: the system's.
    user_timeout(time: Duration) user_timeout_ms = milliseconds(time);
    /// SO_SNDBUF in bytes. Default: the system's.
    send_buffer(bytes: u32) send_buffer = bytes;
    /// SO_RCVBUF in bytes. Default: the system's.
    receive_buffer(bytes: u32) receive_buffer = bytes;
    /// Reads nothing before [`ConnRef::resume`](crate::ConnRef::resume).
    start_paused(yes: bool) start_paused = u32::from(yes);
    /// A number of the program's own, which [`ConnRef::user`](crate::ConnRef::user) gives back.
    user(value: usize) user = value;
    /// For requests: 2, 4 or 8 bytes of each message are the id by which answers find them. Default: there is none.
    id_width(bytes: u32) id_width = bytes;
    /// Bytes before the id in a message that is received, counted from the first that the program sees. Default: 0.
    id_offset(bytes: u32) id_offset = bytes;
    /// Bytes before the id in a body that is sent. Default: 0.
    send_id_offset(bytes: u32) send_id_offset = bytes;
    /// The little end of the id comes first. Default: the big one.
    id_little_endian(yes: bool) id_little_endian = u32::from(yes);
    /// Requests without an answer at a time. Default: no limit, but of the ids.
    max_requests(count: u32) max_requests = count;
    /// What a send does above the high-water mark. Default: it is refused with [`Again`](crate::ErrorKind::Again).
    lag(policy: Lag) lag = policy as u32;
    /// How files are sent that do not say so themselves.
    file_method(method: FileMethod) file_method = method as u32;
    /// TCP: pieces of at least so many bytes (4096 at least) may leave without a copy in the kernel. Default: none.
    zero_copy_from(bytes: u64) zero_copy_from = bytes;
    /// Frames of at least so many bytes are delivered as their header alone, see [`Header`](crate::Header). Default: all are
    /// delivered whole. Not together with [`ConnOptions::id_width`].
    header_from(bytes: u64) header_from = bytes;
}

impl ConnOptions {
    /// Another framing for what is sent. Default: the one for receiving.
    #[must_use]
    pub fn send_framing(mut self, framing: &Framing) -> ConnOptions {
        self.raw.send_framing = framing.as_ptr();
        self.send_framing = Some(framing.clone());
        self
    }
}

options! {
    /// Options of a [`Listener`](crate::Listener).
    ListenOptions(zcn_listen_options, zcn_listen_options_init) { conn: ConnOptions } =>
    /// Connections that wait to be accepted. Default: 1024.
    backlog(count: u32) backlog = count;
    /// SO_REUSEPORT: several listeners on one port.
    reuse_port(yes: bool) reuse_port = u32::from(yes);
    /// Accepted connections open at a time. Default: no limit.
    max_connections(count: u32) max_connections = count;
    /// Connections accepted in one poll. Default: 64.
    accepts_per_poll(count: u32) accepts_per_poll = count;
    /// An IPv6 address does not take IPv4 too.
    v6_only(yes: bool) v6_only = u32::from(yes);
    /// Permissions of the socket file, such as 0o600. Default: by umask.
    unix_mode(mode: u32) unix_mode = mode;
    /// The socket file is not removed, neither a stale one before nor this one after.
    keep_path(yes: bool) keep_path = u32::from(yes);
    /// A number of the program's own, which comes with the listener's events.
    user(value: usize) user = value;
}

impl ListenOptions {
    /// Options of the connections that are accepted.
    #[must_use]
    pub fn conn(mut self, options: ConnOptions) -> ListenOptions {
        self.conn = Some(options);
        self
    }

    /// The struct with its pointer set, for the time of a call.
    pub(crate) fn with_raw<T>(&self, call: impl FnOnce(&sys::zcn_listen_options) -> T) -> T {
        let mut raw = *self.raw();
        raw.conn = self.conn.as_ref().map_or(std::ptr::null(), |options| options.raw());
        call(&raw)
    }
}

options! {
    /// Options of a [`Stream`](crate::Stream).
    StreamOptions(zcn_stream_options, zcn_stream_options_init) { send_framing: Framing } =>
    /// Queued bytes at which sending says [`Again`](crate::ErrorKind::Again). Default: 256 KiB.
    high_water(bytes: u64) high_water = bytes;
    /// Queued bytes below which [`Writable`](crate::Event::Writable) follows. Default: a quarter of the high-water mark.
    low_water(bytes: u64) low_water = bytes;
    /// Foreign segments smaller than this are copied. Default: none is.
    copy_below(bytes: u64) copy_below = bytes;
    /// Bodies start at a multiple of this, a power of two from 8 to 4096. Default: anywhere.
    align(bytes: u32) align = bytes;
    /// Bodies smaller than this are not aligned. Default: all are.
    align_from(bytes: u32) align_from = bytes;
    /// Events of one poll, 16 to 4096. Default: 256.
    event_capacity(count: u32) event_capacity = count;
    /// Most messages in one poll. Default: as many as the array holds.
    messages_per_poll(count: u32) messages_per_poll = count;
}

impl StreamOptions {
    /// Another framing for what is sent. Default: the one for receiving.
    #[must_use]
    pub fn send_framing(mut self, framing: &Framing) -> StreamOptions {
        self.raw.send_framing = framing.as_ptr();
        self.send_framing = Some(framing.clone());
        self
    }
}

options! {
    /// Options of a [`Dialer`](crate::Dialer).
    DialOptions(zcn_dial_options, zcn_dial_options_init) { conn: ConnOptions } =>
    /// The first wait. Default: 100 ms.
    first(time: Duration) first_ms = milliseconds(time);
    /// The longest wait. Default: 30 s.
    longest(time: Duration) longest_ms = milliseconds(time);
    /// Attempts that fail in a row before it gives up. Default: it never does.
    attempts(count: u32) attempts = count;
    /// A number of the program's own, which comes with the dialer's events.
    user(value: usize) user = value;
}

impl DialOptions {
    /// Options of each connection.
    #[must_use]
    pub fn conn(mut self, options: ConnOptions) -> DialOptions {
        self.conn = Some(options);
        self
    }

    /// The struct with its pointer set, for the time of a call.
    pub(crate) fn with_raw<T>(&self, call: impl FnOnce(&sys::zcn_dial_options) -> T) -> T {
        let mut raw = *self.raw();
        raw.conn = self.conn.as_ref().map_or(std::ptr::null(), |options| options.raw());
        call(&raw)
    }
}

options! {
    /// Options of a [`File`](crate::File).
    FileOptions(zcn_file_options, zcn_file_options_init) =>
    /// How it is sent. Default: what the connection's option says.
    method(method: FileMethod) method = method as u32;
}

impl FileOptions {
    /// No part of the path leads out of the directory that it starts from.
    #[must_use]
    pub fn beneath(self) -> FileOptions {
        self.flag(sys::ZCN_FILE_BENEATH)
    }

    /// No part of the path is a symbolic link.
    #[must_use]
    pub fn no_symlinks(self) -> FileOptions {
        self.flag(sys::ZCN_FILE_NO_SYMLINKS)
    }

    fn flag(mut self, flag: u32) -> FileOptions {
        self.raw.flags |= flag;
        self
    }

    /// For the time of a call, with the directory that a relative path starts from.
    pub(crate) fn in_directory(&self, directory: std::os::unix::io::RawFd) -> sys::zcn_file_options {
        sys::zcn_file_options { directory, ..self.raw }
    }
}

options! {
    /// Where a body goes: options of [`Header::receive_into`](crate::Header::receive_into).
    ReceiveFileOptions(zcn_receive_file_options, zcn_receive_file_options_init) =>
    /// Of the first byte in the file. Default: 0.
    offset(bytes: u64) offset = bytes;
    /// Comes with [`FileReceived`](crate::Event::FileReceived). Default: 0.
    token(token: u64) token = token;
    /// When that event comes. Default: when the kernel has the bytes.
    flush(when: Flush) flush = when as u32;
}

options! {
    /// Options of a [`Relay`](crate::Relay).
    RelayOptions(zcn_relay_options, zcn_relay_options_init) { forward_framing: Framing, backward_framing: Framing } =>
    /// How bytes are moved. Default: spliced where reads are large, copied where they are small.
    method(method: RelayMethod) method = method as u32;
    /// Bytes of a direction in one turn before others have theirs. Default: 1 MiB.
    budget(bytes: u64) budget = bytes;
    /// Without a byte in either direction. Default: never.
    idle_timeout(time: Duration) idle_timeout_ms = milliseconds(time);
    /// Without a byte when one direction has ended. Default: never.
    half_close_timeout(time: Duration) half_close_timeout_ms = milliseconds(time);
    /// For what is held when the relay closes or one side is gone. Default: 5 s.
    drain_timeout(time: Duration) drain_timeout_ms = milliseconds(time);
    /// A number of the program's own.
    user(value: usize) user = value;
}

impl RelayOptions {
    /// Counts the messages from the first to the second, and ends where one is wrong. Default: bytes only.
    #[must_use]
    pub fn forward_framing(mut self, framing: &Framing) -> RelayOptions {
        self.raw.forward_framing = framing.as_ptr();
        self.forward_framing = Some(framing.clone());
        self
    }

    /// The same for the other direction.
    #[must_use]
    pub fn backward_framing(mut self, framing: &Framing) -> RelayOptions {
        self.raw.backward_framing = framing.as_ptr();
        self.backward_framing = Some(framing.clone());
        self
    }
}
