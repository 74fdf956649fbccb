// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::event::event_type;
use crate::{Error, Framing, MessageRef, Pool, Result, Segment, SendError, Stats, StreamOptions, Unit};
use std::cell::Cell;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::marker::PhantomData;
use std::mem;
use std::ptr::{self, NonNull};
use zcnet_sys as sys;

/// Framing, receive path and send queue without a descriptor: bytes in, messages out; units in, bytes out. For programs
/// that own their input and output, such as TLS. Feature `tokio` has one over anything that tokio reads and writes.
///
/// ```
/// use zcnet::{Framing, Stream, StreamEvent, StreamOptions, Unit};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lines: Framing = "delimiter=\\n,strip=1".parse()?;
/// let mut stream = Stream::new(None, &lines, &StreamOptions::new())?;
/// stream.read_from(&mut &b"one\ntwo\nthr"[..])?;
/// let found: Vec<_> = stream.poll()?.filter_map(|event| event.message()?.retain().ok()).collect();
/// assert_eq!(found, [&b"one"[..], &b"two"[..]]);
///
/// stream.send({ let mut unit = Unit::new()?; unit.append_static(b"three")?; unit })?;
/// let mut wire = Vec::new();
/// stream.write_to(&mut wire)?;
/// assert_eq!(wire, b"three\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Stream {
    raw: NonNull<sys::zcn_stream>,
    not_sync: PhantomData<Cell<()>>,
}

// SAFETY: a stream has one caller at a time, which may be any thread.
unsafe impl Send for Stream {}

/// One of the things that happened on a [`Stream`].
#[derive(Debug)]
#[non_exhaustive]
pub enum StreamEvent<'a> {
    /// A message.
    Message(MessageRef<'a>),
    /// The units with the tokens `first`, `first` + 1 … `first` + `count` - 1 have ended.
    Sent {
        /// The first token.
        first: u64,
        /// How many.
        count: u64,
        /// They were written, or why not.
        result: Result<()>,
    },
    /// Below the low-water mark again after an [`Again`](crate::ErrorKind::Again).
    Writable,
    /// The last event: [`Eof`](crate::ErrorKind::Eof), or what went wrong.
    Closed(Result<()>),
}

impl<'a> StreamEvent<'a> {
    /// The message, if this is one.
    pub fn message(&self) -> Option<MessageRef<'a>> {
        match self {
            StreamEvent::Message(message) => Some(*message),
            _ => None,
        }
    }
}

/// What one poll of a [`Stream`] handed out.
#[derive(Debug)]
pub struct StreamEvents<'a> {
    raw: RawEvents,
    more: bool,
    stream: &'a Stream,
}

/// The rest of an array.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawEvents {
    pub(crate) next: *const sys::zcn_event,
    pub(crate) left: usize,
}

impl RawEvents {
    #[cfg(feature = "tokio")]
    pub(crate) const fn none() -> RawEvents {
        RawEvents { next: ptr::null(), left: 0 }
    }

    /// # Safety
    /// The array is the present one of its stream, which is not polled for 'a.
    #[inline]
    pub(crate) unsafe fn take<'a>(&mut self) -> Option<StreamEvent<'a>> {
        while self.left > 0 {
            let event = self.next;
            self.left -= 1;
            // SAFETY: there was one more, so this is in the array or just behind it.
            self.next = unsafe { event.add(1) };
            // SAFETY: the event is in the array. So it is below.
            let (status, size, token) = unsafe { ((*event).status, (*event).size, (*event).token) };
            // SAFETY: as above.
            match unsafe { event_type(event) } {
                // SAFETY: the event is a message's, and stays for 'a.
                sys::ZCN_EVENT_MESSAGE => return Some(StreamEvent::Message(unsafe { MessageRef::new(event) })),
                sys::ZCN_EVENT_SENT => {
                    return Some(StreamEvent::Sent { first: token, count: size, result: check(status) })
                }
                sys::ZCN_EVENT_WRITABLE => return Some(StreamEvent::Writable),
                sys::ZCN_EVENT_CLOSED => return Some(StreamEvent::Closed(check(status))),
                _ => {}
            }
        }
        None
    }
}

impl<'a> StreamEvents<'a> {
    /// True when another poll would give more at once.
    pub fn more(&self) -> bool {
        self.more
    }

    /// The stream, to send while the events are looked at.
    pub fn stream(&self) -> &'a Stream {
        self.stream
    }
}

impl<'a> Iterator for StreamEvents<'a> {
    type Item = StreamEvent<'a>;

    #[inline]
    fn next(&mut self) -> Option<StreamEvent<'a>> {
        // SAFETY: the stream is borrowed for 'a, and polling needs it mutable.
        unsafe { self.raw.take() }
    }
}

impl Stream {
    /// A stream. Its memory comes from this pool, or from the pool of the process.
    ///
    /// # Errors
    /// An option is out of range, or there is no memory.
    pub fn new(pool: Option<&Pool>, framing: &Framing, options: &StreamOptions) -> Result<Stream> {
        let mut out = ptr::null_mut();
        let pool = Pool::ptr_or_null(pool);
        // SAFETY: the handles are live or NULL, and out is a place for the handle.
        check(unsafe { sys::zcn_stream_create(&mut out, pool, framing.as_ptr(), options.raw()) })?;
        Ok(Stream { raw: NonNull::new(out).expect("ZCN_OK gives a stream"), not_sync: PhantomData })
    }

    /// Reads once into the place where the bytes will stay; how many. 0 is the reader's end, which the stream is told.
    ///
    /// # Errors
    /// The reader's own; [`WouldBlock`](io::ErrorKind::WouldBlock) with an [`Again`](crate::ErrorKind::Again) inside:
    /// [`Stream::poll`] first; the pool is at its limit; the framing was violated.
    pub fn read_from(&mut self, reader: &mut impl Read) -> io::Result<usize> {
        let mut room = self.read_room()?;
        let result = reader.read_vectored(&mut room);
        let size = *result.as_ref().unwrap_or(&0);
        drop(room);
        self.read_done(size)?;
        if matches!(result, Ok(0)) {
            self.end();
        }
        result
    }

    /// Where the next bytes should be read to: one or two pieces, to be followed by [`Stream::read_done`].
    ///
    /// # Errors
    /// As [`Stream::read_from`].
    pub fn read_room(&mut self) -> Result<Vec<IoSliceMut<'_>>> {
        let (pieces, count) = self.room()?;
        // SAFETY: the library gives these bytes to the reader until read_done() or another call, which the borrow
        // keeps away. They came from the system or from a PoolSource, initialised: they have values, if not known ones.
        let slice = |piece: &sys::iovec| unsafe {
            IoSliceMut::new(std::slice::from_raw_parts_mut(piece.iov_base.cast(), piece.iov_len))
        };
        Ok(pieces[..count].iter().map(slice).collect())
    }

    pub(crate) fn room(&mut self) -> Result<([sys::iovec; 2], usize)> {
        let mut pieces = [sys::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; 2];
        let mut count = 0;
        // SAFETY: there is room for two pieces.
        check(unsafe { sys::zcn_stream_read_room(self.as_ptr(), pieces.as_mut_ptr(), 2, &mut count) })?;
        Ok((pieces, count))
    }

    /// Says how many bytes were read into the room, in its order.
    ///
    /// # Errors
    /// There is no room given out, or less.
    pub fn read_done(&mut self, size: usize) -> Result<()> {
        // SAFETY: the handle is live. So it is below.
        check(unsafe { sys::zcn_stream_read_done(self.as_ptr(), size as u64) })
    }

    /// Hands in bytes that lie elsewhere: they are copied, and counted. How many were taken.
    ///
    /// # Errors
    /// As [`Stream::read_from`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut taken = 0;
        // SAFETY: data and size are a slice.
        check(unsafe { sys::zcn_stream_feed(self.as_ptr(), bytes.as_ptr().cast(), bytes.len() as u64, &mut taken) })?;
        Ok(taken as usize)
    }

    /// Hands in bytes that lie in a message: messages in it are found where they lie.
    ///
    /// # Errors
    /// As [`Stream::read_from`]; the message is of several parts.
    pub fn feed_message<'m>(&mut self, message: impl Into<Segment<'m>>) -> Result<()> {
        // SAFETY: both handles are live.
        check(unsafe { sys::zcn_stream_feed_msg(self.as_ptr(), message.into().as_ptr()) })
    }

    /// The peer's side has ended: [`Closed`](StreamEvent::Closed) follows the last message. Sending still works.
    pub fn end(&mut self) {
        // SAFETY: as in read_done().
        unsafe { sys::zcn_stream_end(self.as_ptr()) };
    }

    /// Takes the events that are ready.
    ///
    /// # Errors
    /// None that a live stream has.
    pub fn poll(&mut self) -> Result<StreamEvents<'_>> {
        let (raw, more) = self.poll_raw()?;
        Ok(StreamEvents { raw, more, stream: self })
    }

    pub(crate) fn poll_raw(&mut self) -> Result<(RawEvents, bool)> {
        let (mut next, mut left, mut more) = (ptr::null(), 0, 0);
        // SAFETY: the handle is live, and the others are places to write to.
        check(unsafe { sys::zcn_stream_poll(self.as_ptr(), &mut next, &mut left, &mut more) })?;
        Ok((RawEvents { next, left }, more != 0))
    }

    /// Queues a unit.
    ///
    /// # Errors
    /// [`Again`](crate::ErrorKind::Again) above the high-water mark; the framing cannot carry it; the stream is closed.
    /// The unit comes back.
    pub fn send(&self, unit: impl Into<Unit>) -> Result<(), SendError> {
        // SAFETY: both handles are live, and there is one caller.
        unit.into().offer(|unit| unsafe { sys::zcn_stream_send(self.as_ptr(), unit) })
    }

    /// Queues the whole frame of a received message as it stands, without a copy.
    ///
    /// # Errors
    /// As [`Stream::send`]; a part of a message has no frame.
    pub fn send_message<'m>(&self, message: impl Into<Segment<'m>>) -> Result<()> {
        // SAFETY: both handles are live; a borrowed message cannot have left its owner's thread, which is this one.
        check(unsafe { sys::zcn_stream_send_msg(self.as_ptr(), message.into().as_ptr()) })
    }

    /// Writes once from what is queued; how many bytes, 0 when there is nothing.
    ///
    /// # Errors
    /// The writer's own.
    pub fn write_to(&mut self, writer: &mut impl Write) -> io::Result<usize> {
        let slices = self.gather()?;
        if slices.is_empty() {
            return Ok(0);
        }
        let size = writer.write_vectored(&slices)?;
        drop(slices);
        self.write_done(size)?;
        Ok(size)
    }

    /// What is to be written now, at most 64 pieces, to be followed by [`Stream::write_done`].
    ///
    /// # Errors
    /// None that a live stream has.
    pub fn gather(&mut self) -> Result<Vec<IoSlice<'_>>> {
        let mut pieces = [sys::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; 64];
        let mut count = 0;
        // SAFETY: there is room for as many pieces as the call says.
        check(unsafe { sys::zcn_stream_gather(self.as_ptr(), pieces.as_mut_ptr(), pieces.len(), &mut count) })?;
        // SAFETY: the pieces stay until another call, which the borrow keeps away.
        let slice = |piece: &sys::iovec| unsafe {
            IoSlice::new(std::slice::from_raw_parts(piece.iov_base.cast(), piece.iov_len))
        };
        Ok(pieces[..count].iter().map(slice).collect())
    }

    /// Says how many bytes were written, from the start of what [`Stream::gather`] showed.
    ///
    /// # Errors
    /// They are more than was queued.
    pub fn write_done(&mut self, size: usize) -> Result<()> {
        // SAFETY: as in read_done().
        check(unsafe { sys::zcn_stream_write_done(self.as_ptr(), size as u64) })
    }

    /// Changes how bytes are understood from here on; see [`Loop::set_framing`](crate::Loop::set_framing).
    ///
    /// # Errors
    /// The stream is closed, or there is no memory.
    pub fn set_framing(&mut self, framing: &Framing) -> Result<()> {
        // SAFETY: both handles are live, and nothing of the last array is borrowed any more: self is mutable.
        check(unsafe { sys::zcn_stream_set_framing(self.as_ptr(), ptr::null(), framing.as_ptr()) })
    }

    /// Changes the framing of what is sent from now on.
    ///
    /// # Errors
    /// None that a live stream has.
    pub fn set_send_framing(&self, framing: &Framing) -> Result<()> {
        // SAFETY: both handles are live.
        check(unsafe { sys::zcn_stream_set_send_framing(self.as_ptr(), framing.as_ptr()) })
    }

    /// Why the stream ended, in a sentence; `None` while it lives.
    pub fn error(&self) -> Option<Error> {
        let mut found = crate::error::empty_error();
        // SAFETY: the place is a zcn_error with its size set.
        unsafe { sys::zcn_stream_get_error(self.as_ptr(), &mut found) };
        if found.status == sys::ZCN_OK {
            return None;
        }
        // SAFETY: as above.
        Some(Error::detailed(found.status, |place| unsafe { sys::zcn_stream_get_error(self.as_ptr(), place) }))
    }

    /// Reads the counters.
    pub fn stats(&self) -> Stats {
        // SAFETY: numbers only, for which zero is a value.
        let mut stats: Stats = unsafe { mem::zeroed() };
        stats.struct_size = mem::size_of::<Stats>() as u64;
        // SAFETY: as in read_done(); struct_size says how much may be written.
        unsafe { sys::zcn_stream_get_stats(self.as_ptr(), &mut stats) };
        stats
    }

    fn as_ptr(&self) -> *mut sys::zcn_stream {
        self.raw.as_ptr()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: this value holds the one reference, which ends here.
        unsafe { sys::zcn_stream_release(self.as_ptr()) }
    }
}
