// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::{Conn, ConnState, Error, Framing, Loop, Message, MessageRef, Result, Segment, SendError, Stats, Unit};
use std::marker::PhantomData;
use std::mem;
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use zcnet_sys as sys;

/// A connection in the hands of the loop's owner. It borrows the loop, so that it stays on the owner's thread and ends
/// before the loop is polled again.
///
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<zcnet::ConnRef<'static>>();
/// ```
/// ```
/// fn is_send<T: Send>() {}
/// is_send::<zcnet::Conn>();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ConnRef<'a> {
    raw: NonNull<sys::zcn_conn>,
    loop_id: u64,
    owner: PhantomData<&'a Loop>,
}

impl PartialEq<Conn> for ConnRef<'_> {
    fn eq(&self, other: &Conn) -> bool {
        self.as_ptr() == other.as_ptr()
    }
}

impl PartialEq for ConnRef<'_> {
    fn eq(&self, other: &ConnRef<'_>) -> bool {
        self.raw == other.raw
    }
}

impl Eq for ConnRef<'_> {}

impl<'a> ConnRef<'a> {
    /// # Safety
    /// The connection is one of the loop with this id, whose owner has it and does not poll for 'a.
    #[inline]
    pub(crate) unsafe fn new(raw: NonNull<sys::zcn_conn>, loop_id: u64) -> ConnRef<'a> {
        ConnRef { raw, loop_id, owner: PhantomData }
    }

    /// The connection, to be kept and given to other threads.
    pub fn to_conn(self) -> Conn {
        // SAFETY: the loop holds a reference while this borrow lasts.
        unsafe { Conn::retained(self.raw, self.loop_id) }
    }

    /// Queues a unit. It leaves at the next poll, when enough is queued, or with [`ConnRef::flush`].
    ///
    /// # Errors
    /// [`Again`](crate::ErrorKind::Again) above the high-water mark: [`Writable`](crate::Event::Writable) tells when to
    /// go on. The framing cannot carry the unit, the connection is closed, there is no memory. The unit comes back.
    #[inline]
    pub fn send(self, unit: impl Into<Unit>) -> Result<(), SendError> {
        // SAFETY: both handles are live, and the caller is the owner.
        unit.into().offer(|unit| unsafe { sys::zcn_conn_send(self.as_ptr(), unit) })
    }

    /// Queues units from the first on and takes them out of the vector. Those that were not queued stay in it.
    ///
    /// # Errors
    /// Why the first of those that are left was not queued, as [`ConnRef::send`].
    pub fn send_batch(self, units: &mut Vec<Unit>) -> Result<()> {
        let mut sent = 0;
        // SAFETY: a Unit is nothing but its handle, and there are as many as the call says.
        let status = unsafe { sys::zcn_conn_send_batch(self.as_ptr(), units.as_ptr().cast(), units.len(), &mut sent) };
        for unit in units.drain(..sent) {
            mem::forget(unit); // consumed
        }
        check(status)
    }

    /// Queues the whole frame of a received message as it stands on the wire, without a copy.
    ///
    /// # Errors
    /// As [`ConnRef::send`]; a part of a message has no frame.
    #[inline]
    pub fn send_message<'m>(self, message: impl Into<Segment<'m>>) -> Result<()> {
        // SAFETY: both handles are live; a borrowed message cannot have left its owner's thread, which is this one.
        check(unsafe { sys::zcn_conn_send_msg(self.as_ptr(), message.into().as_ptr()) })
    }

    /// Passes a message of the present poll on, with the back-pressure built in: the connection that it came from is
    /// not read while this one is above its high-water mark.
    ///
    /// # Errors
    /// The connection can send no more, or the message is of another loop.
    #[inline]
    pub fn forward(self, message: MessageRef<'_>) -> Result<()> {
        // SAFETY: as in send_message().
        check(unsafe { sys::zcn_conn_forward(self.as_ptr(), message.as_ptr()) })
    }

    /// Copies some bytes and queues them as one message: the simple way.
    ///
    /// # Errors
    /// As [`ConnRef::send`].
    pub fn send_copy(self, bytes: &[u8]) -> Result<()> {
        // SAFETY: data and size are a slice.
        check(unsafe { sys::zcn_conn_send_copy(self.as_ptr(), bytes.as_ptr().cast(), bytes.len() as u64) })
    }

    /// Writes messages straight into the connection's queue, one behind the other; how many were queued.
    ///
    /// # Errors
    /// Why the first was not, as [`ConnRef::send`]. Once one was queued, the number tells where to go on.
    pub fn send_slices(self, bodies: &[&[u8]]) -> Result<usize> {
        let (mut place, mut room) = (ptr::null_mut::<sys::c_void>(), 0);
        for (done, body) in bodies.iter().enumerate() {
            let size = body.len() as u64;
            let mut status = sys::ZCN_OK;
            if place.is_null() || room < size {
                // SAFETY: the handle is live; nothing else is called on it before the commit.
                status = unsafe { sys::zcn_conn_reserve(self.as_ptr(), &mut place, &mut room, size) };
            }
            if status == sys::ZCN_OK {
                // SAFETY: there is room for so many bytes, and it is not the program's memory.
                unsafe { ptr::copy_nonoverlapping(body.as_ptr(), place.cast::<u8>(), body.len()) };
                // SAFETY: so many bytes were written.
                status = unsafe { sys::zcn_conn_commit(self.as_ptr(), size, &mut place, &mut room) };
            }
            if status != sys::ZCN_OK {
                return if done > 0 { Ok(done) } else { Err(Error::new(status)) };
            }
        }
        Ok(bodies.len())
    }

    /// Writes what is queued now; false: some is left, and goes on by itself.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn flush(self) -> Result<bool> {
        // SAFETY: the handle is live, and the caller is the owner. So it is below.
        match unsafe { sys::zcn_conn_flush(self.as_ptr()) } {
            sys::ZCN_AGAIN => Ok(false),
            status => check(status).map(|()| true),
        }
    }

    /// As [`Conn::close`]; messages of the present poll that were not looked at yet are not shown any more.
    pub fn close(self) {
        // SAFETY: as in flush().
        unsafe { sys::zcn_conn_close(self.as_ptr()) };
    }

    /// As [`Conn::abort`].
    pub fn abort(self) {
        // SAFETY: as in flush().
        unsafe { sys::zcn_conn_abort(self.as_ptr()) };
    }

    /// Sends no more: what is queued leaves, then the peer sees the end. Receiving goes on.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn shutdown(self) -> Result<()> {
        // SAFETY: as in flush().
        check(unsafe { sys::zcn_conn_shutdown(self.as_ptr()) })
    }

    /// Stops reading.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn pause(self) -> Result<()> {
        // SAFETY: as in flush().
        check(unsafe { sys::zcn_conn_pause(self.as_ptr()) })
    }

    /// Reads again.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn resume(self) -> Result<()> {
        // SAFETY: as in flush().
        check(unsafe { sys::zcn_conn_resume(self.as_ptr()) })
    }

    /// Changes the framing of what is sent from now on.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn set_send_framing(self, framing: &Framing) -> Result<()> {
        // SAFETY: as in flush().
        check(unsafe { sys::zcn_conn_set_send_framing(self.as_ptr(), framing.as_ptr()) })
    }

    /// Sets the program's own number.
    pub fn set_user(self, user: usize) {
        // SAFETY: as in flush(); a live handle takes any value.
        unsafe { sys::zcn_conn_set_user(self.as_ptr(), user) };
    }

    /// The program's own number.
    #[inline]
    pub fn user(self) -> usize {
        // SAFETY: as in flush().
        unsafe { sys::zcn_conn_get_user(self.as_ptr()) }
    }

    /// Sets an option of the socket or the flow (`sys::ZCN_OPTION_…`).
    ///
    /// # Errors
    /// The value is out of range, or the transport does not have the option.
    pub fn set_option(self, option: u32, value: u64) -> Result<()> {
        // SAFETY: as in flush().
        check(unsafe { sys::zcn_conn_set_option(self.as_ptr(), option, value) })
    }

    /// Reads an option of the socket or the flow (`sys::ZCN_OPTION_…`).
    ///
    /// # Errors
    /// The transport does not have the option.
    pub fn option(self, option: u32) -> Result<u64> {
        let mut value = 0;
        // SAFETY: as in flush().
        check(unsafe { sys::zcn_conn_get_option(self.as_ptr(), option, &mut value) })?;
        Ok(value)
    }

    /// This end's address as text.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn local_address(self) -> Result<String> {
        // SAFETY: as in flush(); the buffer is as large as it says.
        crate::listener::text::<160>(|buffer, size| unsafe { sys::zcn_conn_local_address(self.as_ptr(), buffer, size) })
    }

    /// The other end's address as text.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn peer_address(self) -> Result<String> {
        // SAFETY: as above.
        crate::listener::text::<160>(|buffer, size| unsafe { sys::zcn_conn_peer_address(self.as_ptr(), buffer, size) })
    }

    /// Where the connection is in its life.
    pub fn state(self) -> ConnState {
        // SAFETY: as in flush().
        match unsafe { sys::zcn_conn_get_state(self.as_ptr()) } {
            sys::ZCN_STATE_CONNECTING => ConnState::Connecting,
            sys::ZCN_STATE_OPEN => ConnState::Open,
            sys::ZCN_STATE_DRAINING => ConnState::Draining,
            _ => ConnState::Closed,
        }
    }

    /// Gives the descriptor back to the program, with the bytes that were received and not delivered.
    /// [`Closed`](crate::Event::Closed) comes.
    ///
    /// # Errors
    /// Units are queued, or the connection is closed.
    pub fn take_fd(self) -> Result<(OwnedFd, Option<Message>)> {
        let (mut fd, mut rest) = (-1, ptr::null_mut());
        // SAFETY: as in flush().
        check(unsafe { sys::zcn_conn_take_fd(self.as_ptr(), &mut fd, &mut rest) })?;
        // SAFETY: the descriptor and the message are ours now.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: as above.
        let rest = if rest.is_null() { None } else { Some(unsafe { Message::from_owned(rest) }?) };
        Ok((fd, rest))
    }

    /// Says in words which ways the connection's bytes went so far, which they go now, and why: for people and logs.
    ///
    /// # Errors
    /// None in the process that made the connection.
    pub fn explain(self) -> Result<String> {
        // SAFETY: as in local_address().
        crate::listener::text::<768>(|buffer, size| unsafe { sys::zcn_conn_explain(self.as_ptr(), buffer, size) })
    }

    /// Why it ended, or will end, with what the system said: nothing while all is well, and when it was closed in order.
    pub fn error(self) -> Option<Error> {
        let mut error = crate::error::empty_error();
        // SAFETY: as in flush(); the place is a zcn_error with its size set.
        unsafe { sys::zcn_conn_get_error(self.as_ptr(), &mut error) };
        Some(Error::found(error.status, &error)).filter(|error| error.status() != sys::ZCN_OK)
    }

    /// Reads the counters.
    pub fn stats(self) -> Stats {
        // SAFETY: numbers only, for which zero is a value.
        let mut stats: Stats = unsafe { mem::zeroed() };
        stats.struct_size = mem::size_of::<Stats>() as u64;
        // SAFETY: as in flush(); struct_size says how much may be written.
        unsafe { sys::zcn_conn_get_stats(self.as_ptr(), &mut stats) };
        stats
    }

    pub(crate) fn as_ptr(self) -> *mut sys::zcn_conn {
        self.raw.as_ptr()
    }
}

/// The descriptor, for socket options that have no name here. It must not be read, written or closed.
impl AsRawFd for ConnRef<'_> {
    fn as_raw_fd(&self) -> RawFd {
        // SAFETY: as in flush().
        unsafe { sys::zcn_conn_fd(self.as_ptr()) }
    }
}
