// SPDX-License-Identifier: MIT
use crate::callback::or_abort;
use crate::error::check;
use crate::{Framing, Joined, Message, MessageRef, Pool, Result, UnitBuf};
use std::ptr::{self, NonNull};
use std::{fmt, mem};
use zcnet_sys as sys;

/// What is sent as one message: a body of one or more segments, each with its owner. No segment is copied on its way
/// to the socket, but those that were appended with [`Unit::append_copy`].
///
/// Sending consumes it; where that fails it comes back in the [`SendError`](crate::SendError).
#[repr(transparent)]
pub struct Unit {
    raw: NonNull<sys::zcn_unit>,
}

// SAFETY: a unit belongs to one thread at a time, not to a certain one.
unsafe impl Send for Unit {}

/// A received message in any form, to be made a segment.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Segment<'a> {
    /// Of the present poll.
    Borrowed(MessageRef<'a>),
    /// One that is kept.
    Owned(&'a Message),
    /// Several as one.
    Joined(&'a Joined),
}

impl<'a> From<MessageRef<'a>> for Segment<'a> {
    fn from(message: MessageRef<'a>) -> Segment<'a> {
        Segment::Borrowed(message)
    }
}

impl<'a> From<&'a Message> for Segment<'a> {
    fn from(message: &'a Message) -> Segment<'a> {
        Segment::Owned(message)
    }
}

impl<'a> From<&'a Joined> for Segment<'a> {
    fn from(message: &'a Joined) -> Segment<'a> {
        Segment::Joined(message)
    }
}

impl Segment<'_> {
    pub(crate) fn as_ptr(&self) -> *const sys::zcn_msg {
        match self {
            Segment::Borrowed(message) => message.as_ptr(),
            Segment::Owned(message) => message.as_ptr(),
            Segment::Joined(message) => message.as_ptr(),
        }
    }
}

/// Ends memory that a program handed over: drops its box, on whichever thread lets go last.
unsafe extern "C" fn drop_box<T>(context: *mut sys::c_void, _data: *const sys::c_void, _size: u64) {
    // SAFETY: context is the box that append_owned() gave up, and the library calls this once.
    or_abort("dropping memory that was sent", || drop(unsafe { Box::from_raw(context.cast::<T>()) }));
}

impl Unit {
    /// A unit without a body, to append segments to.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new() -> Result<Unit> {
        Unit::in_pool(None)
    }

    /// As [`Unit::new`]; what is copied into it comes from this pool, or from the pool of the process.
    ///
    /// # Errors
    /// There is no memory.
    pub fn in_pool(pool: Option<&Pool>) -> Result<Unit> {
        let mut out = ptr::null_mut();
        // SAFETY: out is a place for the handle.
        check(unsafe { sys::zcn_unit_create(&mut out, Pool::ptr_or_null(pool)) })?;
        Ok(Unit { raw: NonNull::new(out).expect("ZCN_OK gives a unit") })
    }

    /// Memory of the pool to write one message of at most `capacity` bytes into; its header goes right before it. Units
    /// that are allocated one after the other lie one after the other, and leave in one piece.
    ///
    /// # Errors
    /// There is no memory, the pool is at its limit, or the framing cannot carry such a body.
    pub fn with_capacity(pool: Option<&Pool>, framing: Option<&Framing>, capacity: usize) -> Result<UnitBuf> {
        let (mut out, mut data) = (ptr::null_mut(), ptr::null_mut());
        let framing = Framing::ptr_or_null(framing);
        // SAFETY: the handles are live or NULL, and the others are places to write to.
        let status =
            unsafe { sys::zcn_unit_alloc(&mut out, &mut data, Pool::ptr_or_null(pool), framing, capacity as u64) };
        check(status)?;
        let unit = Unit { raw: NonNull::new(out).expect("ZCN_OK gives a unit") };
        // SAFETY: the library gave `capacity` writable bytes that belong to this unit.
        Ok(unsafe { UnitBuf::new(unit, data.cast(), capacity) })
    }

    /// Many of one capacity, neighbours in memory, in one call.
    ///
    /// # Errors
    /// As [`Unit::with_capacity`]; all of them or none. `count` is 1 to 65536.
    pub fn batch_with_capacity(
        count: usize,
        pool: Option<&Pool>,
        framing: Option<&Framing>,
        capacity: usize,
    ) -> Result<Vec<UnitBuf>> {
        let mut units = vec![ptr::null_mut(); count];
        let mut data = vec![ptr::null_mut(); count];
        let framing = Framing::ptr_or_null(framing);
        let pool = Pool::ptr_or_null(pool);
        // SAFETY: both arrays have room for count entries.
        let status = unsafe {
            sys::zcn_unit_alloc_batch(units.as_mut_ptr(), data.as_mut_ptr(), count, pool, framing, capacity as u64)
        };
        check(status)?;
        let made = units.into_iter().zip(data).map(|(unit, data)| {
            let unit = Unit { raw: NonNull::new(unit).expect("ZCN_OK gives units") };
            // SAFETY: as in with_capacity().
            unsafe { UnitBuf::new(unit, data.cast(), capacity) }
        });
        Ok(made.collect())
    }

    /// Appends a copy of some bytes. They count as copied.
    ///
    /// # Errors
    /// The unit is sealed, or there is no memory.
    pub fn append_copy(&mut self, bytes: &[u8]) -> Result<()> {
        // SAFETY: data and size are a slice.
        check(unsafe { sys::zcn_unit_append_copy(self.as_ptr(), bytes.as_ptr().cast(), bytes.len() as u64) })
    }

    /// Appends memory of the pool, filled with zeros, to be written to.
    ///
    /// # Errors
    /// The unit is sealed, the pool is at its limit, or there is no memory.
    pub fn append_zeroed(&mut self, size: usize) -> Result<&mut [u8]> {
        let mut data = ptr::null_mut();
        // SAFETY: the handle is live, and data a place to write to.
        check(unsafe { sys::zcn_unit_append_alloc(self.as_ptr(), &mut data, size as u64) })?;
        if size == 0 {
            return Ok(&mut []);
        }
        // SAFETY: the library gave so many writable bytes, which nobody else has as long as the unit is borrowed: it is
        // consumed to be sent or sealed.
        Ok(unsafe {
            ptr::write_bytes(data.cast::<u8>(), 0, size);
            std::slice::from_raw_parts_mut(data.cast(), size)
        })
    }

    /// Appends constant memory.
    ///
    /// # Errors
    /// The unit is sealed, or there is no memory.
    pub fn append_static(&mut self, bytes: &'static [u8]) -> Result<()> {
        // SAFETY: the bytes stay and do not change for the life of the process.
        check(unsafe { sys::zcn_unit_append_static(self.as_ptr(), bytes.as_ptr().cast(), bytes.len() as u64) })
    }

    /// Appends constant memory that local sockets may take as it is, without a copy (vmsplice). Nothing tells when they
    /// are done with it, not even the peer's answer: it is for what is never written to again, such as a `static`. So only
    /// memory is taken that the process cannot write to itself. Looking at the memory map takes some microseconds: make
    /// such a unit once, and send it often ([`Sealed`]).
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported): a part of it can be written to. The unit is sealed, or there is no
    /// memory.
    pub fn append_pages(&mut self, bytes: &'static [u8]) -> Result<()> {
        // SAFETY: nobody writes to what lives as long as the process and is shared.
        unsafe { self.append_mapped_pages(bytes) }
    }

    /// As [`Unit::append_pages`], of memory that does not live as long as the process: a mapping of a file, say.
    ///
    /// # Safety
    /// **Nothing tells when these pages are free**: not [`Sent`](crate::Event::Sent), not the end of the unit or the
    /// connection. The bytes stay as long as the unit and its clones, and what lies in these pages never changes again,
    /// through whatever mapping or file: receivers would read the change. They may be unmapped when the unit has ended.
    ///
    /// # Errors
    /// As [`Unit::append_pages`].
    pub unsafe fn append_mapped_pages(&mut self, bytes: &[u8]) -> Result<()> {
        // SAFETY: as the caller promises; data and size are a slice.
        check(unsafe { sys::zcn_unit_append_pages(self.as_ptr(), bytes.as_ptr().cast(), bytes.len() as u64) })
    }

    /// Appends memory of the program, such as a `Vec<u8>`: the unit owns it, and drops it when the kernel needs it no
    /// longer, on whichever thread lets go last. A panic in that drop ends the process.
    ///
    /// # Errors
    /// The unit is sealed, or there is no memory; `owned` is dropped.
    pub fn append_owned<T: AsRef<[u8]> + Send + 'static>(&mut self, owned: T) -> Result<()> {
        // In its box it stays in place, and so do bytes that lie in the value itself.
        let context = Box::into_raw(Box::new(owned));
        // SAFETY: the box was just made and is not shared.
        let bytes: &[u8] = unsafe { &*context }.as_ref();
        let (data, size) = (bytes.as_ptr().cast(), bytes.len() as u64);
        // SAFETY: the bytes stay and do not change until drop_box() drops the box that holds them.
        let status =
            unsafe { sys::zcn_unit_append_ref(self.as_ptr(), data, size, Some(drop_box::<T>), context.cast()) };
        if status != sys::ZCN_OK {
            // SAFETY: on failure the memory stays ours.
            drop(unsafe { Box::from_raw(context) });
        }
        check(status)
    }

    /// Appends the body of a received message, without a copy.
    ///
    /// # Errors
    /// The unit is sealed, or there is no memory.
    pub fn append_message<'a>(&mut self, message: impl Into<Segment<'a>>) -> Result<()> {
        // SAFETY: the message is live; a borrowed one is used on its owner's thread, which it cannot leave.
        check(unsafe { sys::zcn_unit_append_msg(self.as_ptr(), message.into().as_ptr()) })
    }

    /// Appends the whole frame of a received message, its header included.
    ///
    /// # Errors
    /// As [`Unit::append_message`], and a part of a message has no frame.
    pub fn append_frame<'a>(&mut self, message: impl Into<Segment<'a>>) -> Result<()> {
        // SAFETY: as in append_message().
        check(unsafe { sys::zcn_unit_append_frame(self.as_ptr(), message.into().as_ptr()) })
    }

    /// Drops bytes at the end of the body.
    ///
    /// # Errors
    /// The body is smaller, or the unit is sealed.
    pub fn truncate(&mut self, size: u64) -> Result<()> {
        // SAFETY: the handle is live.
        check(unsafe { sys::zcn_unit_truncate(self.as_ptr(), size) })
    }

    /// The bytes that a framing with `offset` puts before its length field, at most 256.
    ///
    /// # Errors
    /// They are too many, the unit is sealed, or there is no memory.
    pub fn set_prefix(&mut self, bytes: &[u8]) -> Result<()> {
        // SAFETY: data and size are a slice.
        check(unsafe { sys::zcn_unit_set_prefix(self.as_ptr(), bytes.as_ptr().cast(), bytes.len() as u64) })
    }

    /// Asks for a [`Sent`](crate::Event::Sent) event with this token when the unit was written.
    ///
    /// # Errors
    /// The unit is sealed.
    pub fn set_token(&mut self, token: u64) -> Result<()> {
        // SAFETY: the handle is live.
        check(unsafe { sys::zcn_unit_set_token(self.as_ptr(), token) })
    }

    /// Writes the header. From then on no byte changes, and the result can be sent any number of times.
    ///
    /// # Errors
    /// The framing cannot carry the body, or there is no memory. The unit is then gone.
    pub fn seal(self, framing: &Framing) -> Result<Sealed> {
        // SAFETY: both handles are live.
        check(unsafe { sys::zcn_unit_seal(self.as_ptr(), framing.as_ptr()) })?;
        Ok(Sealed { unit: self })
    }

    /// Bytes of the body.
    pub fn size(&self) -> u64 {
        // SAFETY: the handle is live.
        unsafe { sys::zcn_unit_size(self.as_ptr()) }
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::zcn_unit {
        self.raw.as_ptr()
    }

    /// Offers the unit to a call that consumes it on ZCN_OK only.
    pub(crate) fn offer(self, call: impl FnOnce(*mut sys::zcn_unit) -> i32) -> Result<(), crate::SendError> {
        match call(self.as_ptr()) {
            sys::ZCN_OK => {
                mem::forget(self);
                Ok(())
            }
            status => Err(crate::SendError { unit: self, error: crate::Error::new(status) }),
        }
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unit({} bytes)", self.size())
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, which ends here.
        unsafe { sys::zcn_unit_release(self.as_ptr()) }
    }
}

/// A unit whose header is written: no byte of it changes any more, so that it may be sent on any number of connections
/// and from any thread. A clone is the same unit.
#[derive(Debug)]
pub struct Sealed {
    unit: Unit,
}

// SAFETY: a sealed unit does not change; retain, release and its size are for any thread.
unsafe impl Sync for Sealed {}

impl Sealed {
    /// Bytes of the body.
    pub fn size(&self) -> u64 {
        self.unit.size()
    }
}

impl Clone for Sealed {
    fn clone(&self) -> Sealed {
        // SAFETY: the handle is live, so it may be retained.
        unsafe { sys::zcn_unit_retain(self.unit.as_ptr()) };
        Sealed { unit: Unit { raw: self.unit.raw } }
    }
}

/// To be sent. What changes a unit refuses this one: it stays sealed.
impl From<Sealed> for Unit {
    fn from(sealed: Sealed) -> Unit {
        sealed.unit
    }
}
