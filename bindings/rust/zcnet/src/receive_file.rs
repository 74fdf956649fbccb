// SPDX-License-Identifier: MIT
//! Bodies that go from the socket into a file.
use crate::error::{check, empty_error};
use crate::{Conn, ConnRef, Error, Loop, MessageRef, ReceiveFileOptions, Result};
use std::os::unix::io::{AsRawFd, IntoRawFd, OwnedFd};
use std::ptr;
use zcnet_sys as sys;

/// The header of a message that is too large for memory, as [`ConnOptions::header_from`](crate::ConnOptions::header_from)
/// says; its body is still to come. Nothing more of the connection is read until [`Header::receive_into`] or
/// [`Header::discard`] has said where the body goes.
///
/// ```
/// # use std::io::{Read, Seek};
/// # use zcnet::{ConnOptions, Event, Framing, ListenOptions, Loop, ReceiveFileOptions};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Messages of up to 1 TiB, of which those below 64 KiB are delivered whole.
/// let framing: Framing = "length,width=8,max=1024G".parse()?;
/// let mut server = Loop::new()?;
/// let options = ListenOptions::new().conn(ConnOptions::new().header_from(64 << 10));
/// let listener = server.listen_with("tcp://127.0.0.1:0", &framing, &options)?;
/// let client = server.connect(listener.address(), &framing)?;
/// server.get(&client)?.send_copy(&[7; 100_000])?;
/// let path = std::env::temp_dir().join(format!("zcnet-rust-header-{}", std::process::id()));
/// let mut file = std::fs::File::options().create_new(true).read(true).write(true).open(&path)?;
/// # std::fs::remove_file(&path)?;
/// 'all: loop {
///     for event in &server.poll(None)? {
///         match event {
///             Event::Header(header) => header.receive_into(file.try_clone()?, &ReceiveFileOptions::new())?,
///             Event::FileReceived { result, size, .. } => {
///                 result?;
///                 assert_eq!(size, 100_000);
///                 break 'all;
///             }
///             _ => {}
///         }
///     }
/// }
/// # let mut content = Vec::new();
/// # file.rewind()?;
/// # file.read_to_end(&mut content)?;
/// # assert!(content == [7; 100_000]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    conn: ConnRef<'a>,
    message: MessageRef<'a>,
    body_size: u64,
}

/// When [`FileReceived`](crate::Event::FileReceived) comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum Flush {
    /// When the kernel has the bytes: what a crash of the system leaves of them is open.
    None = sys::ZCN_FLUSH_NONE,
    /// When the disk has them: everything on the loop waits for it meanwhile.
    Sync = sys::ZCN_FLUSH_SYNC,
    /// When the disk has them: a helper thread waits, and what follows on the connection may come before.
    Async = sys::ZCN_FLUSH_ASYNC,
}

/// Offers a descriptor, or none, to a call that owns it on ZCN_OK.
fn give(file: Option<OwnedFd>, call: impl FnOnce(i32) -> i32) -> Result<()> {
    check(call(file.as_ref().map_or(-1, AsRawFd::as_raw_fd)))?;
    if let Some(file) = file {
        let _ = file.into_raw_fd(); // the library's own now
    }
    Ok(())
}

impl<'a> Header<'a> {
    pub(crate) fn new(conn: ConnRef<'a>, message: MessageRef<'a>, body_size: u64) -> Header<'a> {
        Header { conn, message, body_size }
    }

    /// That it came from.
    pub fn conn(self) -> ConnRef<'a> {
        self.conn
    }

    /// The header as it stands on the wire before the body; empty where the framing has none. It can be sent on like any
    /// message, as the header alone.
    pub fn message(self) -> MessageRef<'a> {
        self.message
    }

    /// Bytes of the body.
    pub fn body_size(self) -> u64 {
        self.body_size
    }

    /// Lets the body go into a file, such as a [`std::fs::File`] that is open for writing, which is closed when it is not
    /// needed any more. Its own position is not used. [`FileReceived`](crate::Event::FileReceived) tells the end.
    ///
    /// # Errors
    /// It is not open for writing, or a pipe, a socket or a terminal, and is then closed; the connection has ended, the
    /// body was given away already, or there is no memory.
    pub fn receive_into(self, file: impl Into<OwnedFd>, options: &ReceiveFileOptions) -> Result<()> {
        self.give(Some(file.into()), options)
    }

    /// Drops the body. [`FileReceived`](crate::Event::FileReceived) tells the end, too.
    ///
    /// # Errors
    /// As [`Header::receive_into`].
    pub fn discard(self, options: &ReceiveFileOptions) -> Result<()> {
        self.give(None, options)
    }

    fn give(self, file: Option<OwnedFd>, options: &ReceiveFileOptions) -> Result<()> {
        let (conn, after) = (self.conn.as_ptr(), self.message.as_ptr());
        // SAFETY: the handles are live, and the caller is the owner. Behind a header nothing of the connection was
        // handed out, so no message that is borrowed loses its bytes.
        give(file, |fd| unsafe { sys::zcn_conn_receive_file(conn, after, fd, self.body_size, options.raw()) })
    }
}

impl ConnRef<'_> {
    /// Why the file that the last [`FileReceived`](crate::Event::FileReceived) told of ended, with errno and a sentence;
    /// `None` when nothing went wrong, and before the first one.
    pub fn file_error(self) -> Option<Error> {
        let mut error = empty_error();
        // SAFETY: the handle is live and the caller the owner; the place is a zcn_error with its size set.
        unsafe { sys::zcn_conn_get_file_error(self.as_ptr(), &mut error) };
        Some(Error::found(error.status, &error)).filter(|error| error.status() != sys::ZCN_OK)
    }
}

impl Loop {
    /// Lets the bytes that follow what was delivered go into a file, or be dropped (`None`): so many of them, or all until
    /// the peer ends (`None`). For protocols whose messages say that a body follows, together with
    /// [`ConnOptions::messages_per_poll`](crate::ConnOptions::messages_per_poll)`(1)`; where the framing says it, see
    /// [`Header`]. [`FileReceived`](crate::Event::FileReceived) tells the end, and the bytes behind are messages again.
    ///
    /// # Errors
    /// As [`Header::receive_into`], and the connection is another loop's.
    pub fn receive_file(
        &mut self,
        conn: &Conn,
        file: Option<OwnedFd>,
        size: Option<u64>,
        options: &ReceiveFileOptions,
    ) -> Result<()> {
        self.drives(conn)?;
        let size = size.unwrap_or(u64::MAX);
        // SAFETY: the handle is live, and nothing of the last array is borrowed any more: self is mutable.
        give(file, |fd| unsafe { sys::zcn_conn_receive_file(conn.as_ptr(), ptr::null(), fd, size, options.raw()) })
    }
}
