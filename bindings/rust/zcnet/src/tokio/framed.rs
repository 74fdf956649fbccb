// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::stream::RawEvents;
use crate::{
    Error, ErrorKind, Framing, Message, MessageRef, Pool, Result, SendError, StreamEvent, StreamOptions, Unit,
};
use futures_core::ready;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Messages over anything that tokio reads and writes: a socket, a TLS session, a pipe.
///
/// It is a `Stream` of [`Message`]s and a `Sink` of [`Unit`]s, and [`Framed::batch`] hands messages out without keeping
/// them, many at a time. Each of its futures may be dropped at any point without a message being lost or sent twice.
///
/// ```
/// use futures_util::{SinkExt, StreamExt};
/// use zcnet::{tokio::Framed, Framing, Unit};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let framing: Framing = "length,strip=4".parse()?;
/// let (one, other) = tokio::net::UnixStream::pair()?;
/// let mut one = Framed::new(one, &framing)?;
/// let mut other = Framed::new(other, &framing)?;
///
/// let mut unit = Unit::new()?;
/// unit.append_static(b"hello")?;
/// one.send(unit).await?;
/// let message = other.next().await.expect("it is not at its end")?;
/// assert_eq!(message, b"hello");
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug)]
pub struct Framed<T> {
    inner: T,
    stream: crate::Stream,
    /// What is left of the stream's present array.
    events: RawEvents,
    more: bool,
    /// Taken from the program when the queue was above its high-water mark.
    waiting: Option<Unit>,
    ended: bool,
}

// SAFETY: the array that events point to belongs to the stream, and goes with it.
unsafe impl<T: Send> Send for Framed<T> {}
// SAFETY: through a shared reference only inner is reached.
unsafe impl<T: Sync> Sync for Framed<T> {}

impl<T> Framed<T> {
    /// Messages of one framing, with the default options and the pool of the process.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new(inner: T, framing: &Framing) -> Result<Framed<T>> {
        Framed::with_options(inner, None, framing, &StreamOptions::new())
    }

    /// As [`Framed::new`], with options.
    ///
    /// # Errors
    /// As there, and an option is out of range.
    pub fn with_options(
        inner: T,
        pool: Option<&Pool>,
        framing: &Framing,
        options: &StreamOptions,
    ) -> Result<Framed<T>> {
        let stream = crate::Stream::new(pool, framing, options)?;
        Ok(Framed { inner, stream, events: RawEvents::none(), more: false, waiting: None, ended: false })
    }

    /// What it reads and writes.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Reads the counters.
    pub fn stats(&mut self) -> crate::Stats {
        self.stream.stats()
    }

    /// Queues the whole frame of a received message as it stands, without a copy; [`Framed::flush`] writes it.
    ///
    /// # Errors
    /// [`Again`](crate::ErrorKind::Again) above the high-water mark: flush first. A part of a message has no frame.
    pub fn send_message(&mut self, message: &Message) -> Result<()> {
        check(if self.waiting.is_some() { zcnet_sys::ZCN_AGAIN } else { zcnet_sys::ZCN_OK })?;
        self.stream.send_message(message)
    }
}

/// Some messages, borrowed from a [`Framed`].
#[derive(Debug)]
pub struct Batch<'a> {
    events: &'a mut RawEvents,
    ended: &'a mut bool,
    stream: &'a crate::Stream,
}

impl<'a> Iterator for Batch<'a> {
    type Item = Result<MessageRef<'a>>;

    /// The next message, or why there are no more; `None` at the end of the batch.
    #[inline]
    fn next(&mut self) -> Option<Result<MessageRef<'a>>> {
        loop {
            // SAFETY: the array stays until the stream is polled, which needs it mutable, and it is borrowed for 'a.
            match unsafe { self.events.take() }? {
                StreamEvent::Message(message) => return Some(Ok(message)),
                StreamEvent::Closed(reason) => {
                    *self.ended = true;
                    return reason.err().filter(|error| error.kind() != ErrorKind::Eof).map(Err);
                }
                _ => {}
            }
        }
    }
}

impl Batch<'_> {
    /// Queues the whole frame of a message of this batch as it stands; [`Framed::flush`] writes it.
    ///
    /// # Errors
    /// As [`Framed::send_message`].
    pub fn send_message(&self, message: MessageRef<'_>) -> Result<()> {
        self.stream.send_message(message)
    }
}

impl<T: AsyncRead + Unpin> Framed<T> {
    /// Waits for messages and hands them out borrowed; `None` at the end of the stream.
    ///
    /// Dropping the future, or the batch before its end, loses nothing: the next call goes on where this one was.
    ///
    /// # Errors
    /// Reading failed, or the pool is at its limit. What is wrong with the frames comes in the batch.
    pub async fn batch(&mut self) -> io::Result<Option<Batch<'_>>> {
        if !poll_fn(|context| self.poll_events(context)).await? {
            return Ok(None);
        }
        Ok(Some(Batch { events: &mut self.events, ended: &mut self.ended, stream: &self.stream }))
    }

    /// Until there are events; false at the end.
    fn poll_events(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.events.left == 0 {
            if self.ended {
                return Poll::Ready(Ok(false));
            }
            let (events, more) = self.stream.poll_raw()?;
            (self.events, self.more) = (events, more);
            if self.events.left == 0 && !self.more {
                ready!(self.poll_read(context))?;
            }
        }
        Poll::Ready(Ok(true))
    }

    /// Reads once, into the place where the bytes will stay.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (pieces, _) = self.stream.room()?;
        // SAFETY: the library gives these bytes to the reader until read_done().
        let room =
            unsafe { std::slice::from_raw_parts_mut(pieces[0].iov_base.cast::<MaybeUninit<u8>>(), pieces[0].iov_len) };
        let start = room.as_ptr().cast();
        let mut buffer = ReadBuf::uninit(room);
        let result = Pin::new(&mut self.inner).poll_read(context, &mut buffer);
        // Safe code may put another buffer in the place of this one, whose bytes would be said to lie here.
        assert_eq!(buffer.filled().as_ptr(), start, "the reader has filled another buffer than it was given");
        let size = buffer.filled().len();
        self.stream.read_done(size)?;
        if matches!(result, Poll::Ready(Ok(()))) && size == 0 {
            self.stream.end();
        }
        result
    }
}

impl<T: AsyncRead + Unpin> futures_core::Stream for Framed<T> {
    type Item = io::Result<Message>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Message>>> {
        let this = self.get_mut();
        while ready!(this.poll_events(context))? {
            let mut batch = Batch { events: &mut this.events, ended: &mut this.ended, stream: &this.stream };
            match batch.next() {
                Some(Ok(message)) => return Poll::Ready(Some(message.retain().map_err(io::Error::from))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => {}
            }
        }
        Poll::Ready(None)
    }
}

impl<T: AsyncWrite + Unpin> Framed<T> {
    /// Writes all that is queued. Dropping the future loses nothing and sends nothing twice.
    ///
    /// # Errors
    /// Writing failed.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_queue(context)).await
    }

    /// Offers the unit that waits; true: there is none any more.
    fn offer(&mut self) -> io::Result<bool> {
        let unit = match self.waiting.take() {
            Some(unit) => unit,
            None => return Ok(true),
        };
        match self.stream.send(unit) {
            Ok(()) => Ok(true),
            Err(SendError { unit, error }) if error.is_again() => {
                self.waiting = Some(unit);
                Ok(false)
            }
            Err(failed) => Err(failed.into()),
        }
    }

    /// Writes once; false: there is nothing.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let slices = self.stream.gather()?;
        if slices.is_empty() {
            return Poll::Ready(Ok(false));
        }
        let size = ready!(Pin::new(&mut self.inner).poll_write_vectored(context, &slices))?;
        drop(slices);
        if size == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.stream.write_done(size)?;
        Poll::Ready(Ok(true))
    }

    fn poll_queue(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let offered = self.offer()?;
            if !ready!(self.poll_write(context))? && offered {
                return Pin::new(&mut self.inner).poll_flush(context);
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> futures_sink::Sink<Unit> for Framed<T> {
    type Error = io::Error;

    /// Ready below the high-water mark.
    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.offer()? {
            ready!(this.poll_write(context))?;
        }
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, unit: Unit) -> io::Result<()> {
        let this = self.get_mut();
        if this.waiting.is_some() {
            return Err(Error::new(zcnet_sys::ZCN_AGAIN).into());
        }
        this.waiting = Some(unit);
        this.offer().map(|_| ())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_queue(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_queue(context))?;
        Pin::new(&mut this.inner).poll_shutdown(context)
    }
}
