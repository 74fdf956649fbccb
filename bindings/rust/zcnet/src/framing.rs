// SPDX-License-Identifier: MIT
use crate::callback::caught;
use crate::error::{check, empty_error};
use crate::{Error, Result};
use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::str::FromStr;
use std::{fmt, slice};
use zcnet_sys as sys;

/// Where messages begin and end in a stream of bytes. Made once, checked once, shared by any number of connections; a
/// clone is the same framing.
///
/// It is written as text, the same in every language and in the command-line tool:
///
/// ```
/// # use zcnet::Framing;
/// # fn main() -> zcnet::Result<()> {
/// let lines: Framing = "delimiter=\\n,strip=1,max=64K".parse()?;
/// let lengths: Framing = "length,width=4,strip=4,max=1M".parse()?;
/// assert_eq!(lengths.overhead(100)?, (4, 0));
/// let wrong = "length,width=5".parse::<Framing>().unwrap_err();
/// assert!(wrong.to_string().contains("width"));
/// # Ok(())
/// # }
/// ```
pub struct Framing {
    raw: NonNull<sys::zcn_framing>,
}

// SAFETY: a framing is immutable, and each of its functions may be called from any thread.
unsafe impl Send for Framing {}
// SAFETY: as above.
unsafe impl Sync for Framing {}

/// What a measuring function says of the start of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// The size of the whole frame, which may be more than was shown; at least 1.
    Frame(u64),
    /// More bytes are needed to tell.
    More,
    /// The bytes are wrong: the connection closes.
    Wrong,
}

unsafe extern "C" fn measure(context: *mut sys::c_void, data: *const sys::c_void, size: u64, out: *mut u64) -> i32 {
    // SAFETY: context is the function pointer that custom() gave.
    let function: fn(&[u8]) -> Measured = unsafe { std::mem::transmute(context) };
    // SAFETY: the library shows `size` received bytes, at least one, for the time of the call.
    let bytes = unsafe { slice::from_raw_parts(data.cast::<u8>(), size as usize) };
    match caught(|| function(bytes)) {
        Some(Measured::Frame(frame)) => {
            // SAFETY: out is the library's place for the answer.
            unsafe { *out = frame };
            sys::ZCN_OK
        }
        Some(Measured::More) => sys::ZCN_AGAIN,
        Some(Measured::Wrong) | None => sys::ZCN_EFRAME_MEASURE,
    }
}

impl Framing {
    /// A framing from its text form.
    ///
    /// # Errors
    /// The text is wrong; the error says which key, and why.
    pub fn new(text: &str) -> Result<Framing> {
        let text = CString::new(text).map_err(|_| Error::new(sys::ZCN_EINVAL))?;
        let mut out = ptr::null_mut();
        let mut error = empty_error();
        // SAFETY: the text is terminated, and the others are places to write to.
        let status = unsafe { sys::zcn_framing_parse(&mut out, text.as_ptr().cast(), &mut error) };
        Framing::made(status, out, &error)
    }

    /// A framing that a function measures. It must answer the same for the same bytes; if it panics the bytes count as
    /// wrong. Frames longer than `max` are refused.
    ///
    /// # Errors
    /// `max` is out of range, or there is no memory.
    pub fn custom(function: fn(&[u8]) -> Measured, max: u64) -> Result<Framing> {
        // SAFETY: options_init fills what it is given the size of; zero is a value for every field.
        let mut options: sys::zcn_framing_options = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        unsafe { sys::zcn_framing_options_init(&mut options, std::mem::size_of::<sys::zcn_framing_options>()) };
        options.kind = sys::ZCN_FRAMING_CUSTOM;
        options.max = max;
        options.measure = Some(measure);
        options.measure_context = function as *mut sys::c_void;
        let mut out = ptr::null_mut();
        let mut error = empty_error();
        // SAFETY: the options are filled, and the others are places to write to.
        let status = unsafe { sys::zcn_framing_create(&mut out, &options, &mut error) };
        Framing::made(status, out, &error)
    }

    fn made(status: i32, out: *mut sys::zcn_framing, error: &sys::zcn_error) -> Result<Framing> {
        match NonNull::new(out) {
            Some(raw) if status == sys::ZCN_OK => Ok(Framing { raw }),
            _ => Err(Error::detailed(status, |place| {
                // SAFETY: place is a zcn_error of the caller.
                unsafe { *place = *error };
                sys::ZCN_OK
            })),
        }
    }

    /// Bytes before and after a body of so many bytes on the wire.
    ///
    /// # Errors
    /// Such a body cannot be framed.
    pub fn overhead(&self, body_size: u64) -> Result<(u64, u64)> {
        let (mut head, mut tail) = (0, 0);
        // SAFETY: the handle is live, and the others are places to write to.
        check(unsafe { sys::zcn_framing_overhead(self.as_ptr(), body_size, &mut head, &mut tail) })?;
        Ok((head, tail))
    }

    /// The size of the frame at the start of some bytes, which may be more than there are; `None`: too few bytes to
    /// tell.
    ///
    /// # Errors
    /// The bytes are wrong.
    pub fn measure(&self, bytes: &[u8]) -> Result<Option<u64>> {
        let mut frame = 0;
        let (data, size) = (bytes.as_ptr().cast(), bytes.len() as u64);
        let no_place = ptr::null_mut();
        // SAFETY: data and size are a slice, and a missing place is allowed for the last two.
        match unsafe { sys::zcn_framing_measure(self.as_ptr(), data, size, &mut frame, no_place, no_place) } {
            sys::ZCN_OK => Ok(Some(frame)),
            sys::ZCN_AGAIN => Ok(None),
            status => Err(Error::new(status)),
        }
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::zcn_framing {
        self.raw.as_ptr()
    }

    pub(crate) fn ptr_or_null(framing: Option<&Framing>) -> *const sys::zcn_framing {
        framing.map_or(ptr::null(), |framing| framing.as_ptr())
    }
}

impl FromStr for Framing {
    type Err = Error;

    fn from_str(text: &str) -> Result<Framing> {
        Framing::new(text)
    }
}

/// The text form, complete and in one order: equal framings give equal texts.
impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut size = 0;
        let mut text = vec![0_u8; 256];
        loop {
            // SAFETY: the buffer is as large as the call says.
            let status =
                unsafe { sys::zcn_framing_text(self.as_ptr(), text.as_mut_ptr().cast(), text.len(), &mut size) };
            if status != sys::ZCN_ENOBUFS {
                break;
            }
            text.resize(size + 1, 0);
        }
        f.write_str(&String::from_utf8_lossy(&text[..size]))
    }
}

impl fmt::Debug for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Framing({})", self)
    }
}

impl Clone for Framing {
    fn clone(&self) -> Framing {
        // SAFETY: the handle is live, so it may be retained.
        unsafe { sys::zcn_framing_retain(self.as_ptr()) };
        Framing { raw: self.raw }
    }
}

impl Drop for Framing {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, which ends here.
        unsafe { sys::zcn_framing_release(self.as_ptr()) }
    }
}
