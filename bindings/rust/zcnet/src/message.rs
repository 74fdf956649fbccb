// SPDX-License-Identifier: MIT
use crate::error::check;
use crate::{Error, Result};
use std::borrow::Borrow;
use std::marker::PhantomData;
use std::ops::{Bound, Deref, DerefMut, RangeBounds};
use std::ptr::{self, NonNull};
use std::{fmt, mem, slice};
use zcnet_sys as sys;

/// A received message that is yours: its bytes, where the kernel wrote them, for as long as you keep it and on any
/// thread, even after connection, loop and pool are gone. Dropping it releases it. It is not a copy, and cloning makes
/// none.
///
/// A small message holds its whole block; [`Message::detach`] copies out one that is to live long.
///
/// A message cannot be used after it was given away:
/// ```compile_fail,E0382
/// fn twice(message: zcnet::Message) {
///     drop(message);
///     drop(message);
/// }
/// ```
/// ```
/// fn twice(message: zcnet::Message) {
///     drop(message.clone());
///     drop(message);
/// }
/// ```
pub struct Message {
    raw: NonNull<sys::zcn_msg>,
    data: *const u8,
    size: usize,
}

// SAFETY: an owned message may be used and released on any thread, and its bytes do not change.
unsafe impl Send for Message {}
// SAFETY: as above.
unsafe impl Sync for Message {}

/// A message of the last poll. It is borrowed: reading it costs nothing, [`MessageRef::retain`] makes it yours.
///
/// It cannot outlive the poll that showed it:
/// ```compile_fail,E0499
/// fn late(poller: &mut zcnet::Loop) {
///     let events = poller.poll(None).unwrap();
///     let first = events.iter().find_map(|event| event.message());
///     poller.poll(None).unwrap();
///     drop(first);
/// }
/// ```
/// ```
/// fn in_time(poller: &mut zcnet::Loop) {
///     let events = poller.poll(None).unwrap();
///     let first = events.iter().find_map(|event| event.message()?.retain().ok());
///     poller.poll(None).unwrap();
///     drop(first);
/// }
/// ```
/// and not leave the thread:
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<zcnet::MessageRef<'static>>();
/// ```
/// ```
/// fn is_send<T: Send>() {}
/// is_send::<zcnet::Message>();
/// ```
#[derive(Clone, Copy)]
pub struct MessageRef<'a> {
    raw: NonNull<sys::zcn_msg>,
    data: *const u8,
    size: usize,
    borrow: PhantomData<&'a [u8]>,
}

fn owned(status: i32, out: *mut sys::zcn_msg) -> Result<Message> {
    check(status)?;
    let raw = NonNull::new(out).expect("ZCN_OK gives a message");
    // SAFETY: the message was just made and is owned.
    let (data, size) = unsafe { (sys::zcn_msg_data(out), sys::zcn_msg_size(out)) };
    Ok(Message { raw, data: data.cast(), size: size as usize })
}

fn retain(raw: *const sys::zcn_msg) -> (i32, *mut sys::zcn_msg) {
    let mut out = ptr::null_mut();
    // SAFETY: the caller's message is live; the library checks it besides.
    let status = unsafe { sys::zcn_msg_retain(&mut out, raw) };
    (status, out)
}

fn cut(raw: *const sys::zcn_msg, size: usize, range: impl RangeBounds<usize>) -> Result<Message> {
    let start = match range.start_bound() {
        Bound::Included(&at) => Some(at),
        Bound::Excluded(&at) => at.checked_add(1),
        Bound::Unbounded => Some(0),
    };
    let end = match range.end_bound() {
        Bound::Included(&at) => at.checked_add(1),
        Bound::Excluded(&at) => Some(at),
        Bound::Unbounded => Some(size),
    };
    let (start, length) = match (start, end) {
        (Some(start), Some(end)) if start <= end && end <= size => (start, end - start),
        _ => return Err(Error::new(sys::ZCN_EINVAL)),
    };
    let mut out = ptr::null_mut();
    // SAFETY: the caller's message is live.
    let status = unsafe { sys::zcn_msg_slice(&mut out, raw, start as u64, length as u64) };
    owned(status, out)
}

fn copy(raw: *const sys::zcn_msg) -> Result<Message> {
    let mut out = ptr::null_mut();
    // SAFETY: the caller's message is live.
    let status = unsafe { sys::zcn_msg_detach(&mut out, raw) };
    owned(status, out)
}

/// # Safety
/// The message outlives 'a.
unsafe fn frame<'a>(raw: *const sys::zcn_msg) -> Option<&'a [u8]> {
    let (mut data, mut size) = (ptr::null(), 0);
    // SAFETY: the caller's message is live, and the others are places to write to.
    match unsafe { sys::zcn_msg_frame(raw, &mut data, &mut size) } {
        // SAFETY: the library gave `size` bytes that stay as long as the message.
        sys::ZCN_OK => Some(unsafe { slice::from_raw_parts(data.cast(), size as usize) }),
        _ => None,
    }
}

impl<'a> MessageRef<'a> {
    /// # Safety
    /// The event is a message event of the present array, which stays for 'a.
    #[inline]
    pub(crate) unsafe fn new(event: *const sys::zcn_event) -> MessageRef<'a> {
        // SAFETY: message events have a message, and data that is not NULL even where size is 0.
        let (raw, data, size) = unsafe { (NonNull::new_unchecked((*event).msg), (*event).data, (*event).size) };
        MessageRef { raw, data: data.cast(), size: size as usize, borrow: PhantomData }
    }

    /// The bytes, for as long as the poll's borrow lasts.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        // SAFETY: the array holds the bytes until the next poll, which 'a ends before.
        unsafe { slice::from_raw_parts(self.data, self.size) }
    }

    /// The message, yours: no byte is copied.
    ///
    /// # Errors
    /// There is no memory, or the connection's framing was changed so that the message comes again.
    #[inline]
    pub fn retain(self) -> Result<Message> {
        let (status, out) = retain(self.as_ptr());
        check(status)?;
        let raw = NonNull::new(out).expect("ZCN_OK gives a message");
        Ok(Message { raw, data: self.data, size: self.size })
    }

    /// A part of it, yours: no byte is copied.
    ///
    /// # Errors
    /// The range is not within the message, or there is no memory.
    pub fn slice(self, range: impl RangeBounds<usize>) -> Result<Message> {
        cut(self.as_ptr(), self.size, range)
    }

    /// A copy in memory of its own, which holds no block.
    ///
    /// # Errors
    /// There is no memory.
    pub fn detach(self) -> Result<Message> {
        copy(self.as_ptr())
    }

    /// The whole frame as it stood on the wire, header and delimiter included.
    pub fn frame(self) -> Option<&'a [u8]> {
        // SAFETY: as in bytes().
        unsafe { frame(self.as_ptr()) }
    }

    pub(crate) fn as_ptr(self) -> *mut sys::zcn_msg {
        self.raw.as_ptr()
    }
}

impl Message {
    /// Another handle to the same bytes, as `clone()`, where running out of memory is not to end the program.
    ///
    /// # Errors
    /// There is no memory.
    pub fn try_clone(&self) -> Result<Message> {
        let (status, out) = retain(self.as_ptr());
        check(status)?;
        let raw = NonNull::new(out).expect("ZCN_OK gives a message");
        Ok(Message { raw, data: self.data, size: self.size })
    }

    /// A part of the message, as a message: shares the bytes, copies none.
    ///
    /// # Errors
    /// The range is not within the message, or there is no memory.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<Message> {
        cut(self.as_ptr(), self.size, range)
    }

    /// A copy in memory of its own, so that a long-lived message does not hold its block. The bytes count as copied.
    ///
    /// # Errors
    /// There is no memory.
    pub fn detach(&self) -> Result<Message> {
        copy(self.as_ptr())
    }

    /// The whole frame as it stood on the wire; `None` for a part of a message.
    pub fn frame(&self) -> Option<&[u8]> {
        // SAFETY: the frame stays as long as the message, which is borrowed.
        unsafe { frame(self.as_ptr()) }
    }

    /// The message with its bytes writable. Nothing is copied when nobody else shares them; otherwise this becomes a
    /// copy, and the bytes count as copied.
    ///
    /// # Errors
    /// There is no memory for the copy. The message is then gone; clone it first where that matters.
    pub fn into_mut(self) -> Result<MessageMut> {
        let (mut out, mut data) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the message is owned and nobody else uses this handle: it was passed by value.
        check(unsafe { sys::zcn_msg_make_writable(&mut out, self.as_ptr(), &mut data) })?;
        let size = self.size;
        mem::forget(self); // consumed
        let raw = NonNull::new(out).expect("ZCN_OK gives a message");
        Ok(MessageMut { message: Message { raw, data: data.cast::<u8>(), size } })
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::zcn_msg {
        self.raw.as_ptr()
    }

    /// # Safety
    /// `raw` is an owned message that nothing else releases.
    pub(crate) unsafe fn from_owned(raw: *mut sys::zcn_msg) -> Result<Message> {
        let message = owned(sys::ZCN_OK, raw)?;
        if message.data.is_null() {
            // It has several parts: a Message is one piece.
            return message.detach();
        }
        Ok(message)
    }

    /// # Safety
    /// `raw` is an owned message that nothing else releases, and the one that this was is released, or the same.
    pub(crate) unsafe fn becomes(&mut self, raw: *mut sys::zcn_msg) {
        let message = owned(sys::ZCN_OK, raw).expect("it was made");
        mem::forget(mem::replace(self, message));
    }
}

impl Clone for Message {
    /// # Panics
    /// If there is no memory for another handle; [`Message::try_clone`] says so instead.
    fn clone(&self) -> Message {
        self.try_clone().expect("no memory for another message handle")
    }
}

impl Drop for Message {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this value holds the handle, which ends here.
        let status = unsafe { sys::zcn_msg_release(self.as_ptr()) };
        debug_assert_eq!(status, sys::ZCN_OK, "a message was released behind its owner's back");
    }
}

impl Deref for Message {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: the bytes stay in place and unchanged while this handle lives.
        unsafe { slice::from_raw_parts(self.data, self.size) }
    }
}

impl Deref for MessageRef<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes()
    }
}

macro_rules! bytes_like {
    ($name:ty) => {
        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self
            }
        }
        impl Borrow<[u8]> for $name {
            fn borrow(&self) -> &[u8] {
                self
            }
        }
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                **self == **other
            }
        }
        impl Eq for $name {}
        impl PartialEq<[u8]> for $name {
            fn eq(&self, other: &[u8]) -> bool {
                **self == *other
            }
        }
        impl PartialEq<&[u8]> for $name {
            fn eq(&self, other: &&[u8]) -> bool {
                **self == **other
            }
        }
        impl<const N: usize> PartialEq<&[u8; N]> for $name {
            fn eq(&self, other: &&[u8; N]) -> bool {
                **self == other[..]
            }
        }
        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                (**self).hash(state);
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{}\"", self.escape_ascii())
            }
        }
    };
}
bytes_like!(Message);
bytes_like!(MessageRef<'_>);

/// A message whose bytes nobody else sees and which may be written. [`MessageMut::freeze`] ends that.
#[derive(Debug)]
pub struct MessageMut {
    message: Message,
}

impl MessageMut {
    /// The message, to be shared again.
    pub fn freeze(self) -> Message {
        self.message
    }
}

impl Deref for MessageMut {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.message
    }
}

impl DerefMut for MessageMut {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: zcn_msg_make_writable() gave these bytes to this handle alone, and it was not shared since.
        unsafe { slice::from_raw_parts_mut(self.message.data as *mut u8, self.message.size) }
    }
}
