// SPDX-License-Identifier: MIT
use crate::Unit;
use std::ffi::CStr;
use std::{fmt, io};
use zcnet_sys as sys;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $status:ident => $io:expr;)*) => {
        /// What went wrong, in the library's own words. Not every one is a failure: see [`ErrorKind::Again`].
        #[non_exhaustive]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorKind { $($(#[$doc])* $kind,)* /// A status that this crate does not know.
            Unknown }

        impl ErrorKind {
            pub(crate) fn from_status(status: i32) -> ErrorKind {
                match status { $(sys::$status => ErrorKind::$kind,)* _ => ErrorKind::Unknown }
            }

            fn io_kind(self) -> io::ErrorKind {
                match self { $(ErrorKind::$kind => $io,)* ErrorKind::Unknown => io::ErrorKind::Other }
            }
        }
    };
}

kinds! {
    /// Not now: a queue is above its high-water mark, or nothing is ready.
    Again = ZCN_AGAIN => io::ErrorKind::WouldBlock;
    /// The peer ended the stream in order.
    Eof = ZCN_EOF => io::ErrorKind::UnexpectedEof;
    /// An argument is out of range.
    Invalid = ZCN_EINVAL => io::ErrorKind::InvalidInput;
    /// The system has no memory.
    NoMemory = ZCN_ENOMEM => io::ErrorKind::OutOfMemory;
    /// A limit that the program set is reached.
    NoBuffers = ZCN_ENOBUFS => io::ErrorKind::OutOfMemory;
    /// An option is not known to this version of the library.
    Option = ZCN_EOPTION => io::ErrorKind::InvalidInput;
    /// The object is in use.
    Busy = ZCN_EBUSY => io::ErrorKind::Other;
    /// The borrow of a message has ended.
    Stale = ZCN_ESTALE => io::ErrorKind::InvalidInput;
    /// The handle belongs to the parent process.
    Forked = ZCN_EFORKED => io::ErrorKind::Other;
    /// This transport, kernel or build cannot do that.
    Unsupported = ZCN_EUNSUPPORTED => io::ErrorKind::Unsupported;
    /// A fault of the library.
    Internal = ZCN_EINTERNAL => io::ErrorKind::Other;
    /// A frame is longer than the framing's maximum.
    FrameTooLarge = ZCN_EFRAME_TOO_LARGE => io::ErrorKind::InvalidData;
    /// A length field makes the frame shorter than its own header.
    FrameUnderflow = ZCN_EFRAME_UNDERFLOW => io::ErrorKind::InvalidData;
    /// A varint is too long.
    FrameVarint = ZCN_EFRAME_VARINT => io::ErrorKind::InvalidData;
    /// More bytes are to be stripped than the frame has.
    FrameStrip = ZCN_EFRAME_STRIP => io::ErrorKind::InvalidData;
    /// The stream ended inside a frame.
    FrameTruncated = ZCN_EFRAME_TRUNCATED => io::ErrorKind::UnexpectedEof;
    /// The body does not have the size that the framing asks for.
    FrameSize = ZCN_EFRAME_SIZE => io::ErrorKind::InvalidData;
    /// The length does not fit the width of the length field.
    FrameValue = ZCN_EFRAME_VALUE => io::ErrorKind::InvalidData;
    /// The body contains the delimiter.
    FrameDelimiter = ZCN_EFRAME_DELIMITER => io::ErrorKind::InvalidData;
    /// The custom measuring function refused the bytes.
    FrameMeasure = ZCN_EFRAME_MEASURE => io::ErrorKind::InvalidData;
    /// The connection, listener, stream or loop is closed.
    Closed = ZCN_ECLOSED => io::ErrorKind::NotConnected;
    /// A deadline passed.
    TimedOut = ZCN_ETIMEDOUT => io::ErrorKind::TimedOut;
    /// A system call failed; [`Error::raw_os_error`] has its errno where the library kept it.
    System = ZCN_ESYS => io::ErrorKind::Other;
    /// The peer reset the connection.
    Reset = ZCN_ERESET => io::ErrorKind::ConnectionReset;
    /// The address text is wrong.
    Address = ZCN_EADDRESS => io::ErrorKind::InvalidInput;
    /// Nobody listens at the address.
    Refused = ZCN_EREFUSED => io::ErrorKind::ConnectionRefused;
    /// No way leads to the address.
    Unreachable = ZCN_EUNREACHABLE => io::ErrorKind::Other;
    /// The address is in use.
    InUse = ZCN_EINUSE => io::ErrorKind::AddrInUse;
    /// The name has no address.
    Resolve = ZCN_ERESOLVE => io::ErrorKind::NotFound;
    /// Permission denied.
    Access = ZCN_EACCESS => io::ErrorKind::PermissionDenied;
    /// A file shrank while it was sent.
    Truncated = ZCN_ETRUNCATED => io::ErrorKind::UnexpectedEof;
    /// The program aborted the connection.
    Aborted = ZCN_EABORTED => io::ErrorKind::ConnectionAborted;
    /// A unit was dropped before it was sent, since the receiver lags behind.
    Dropped = ZCN_EDROPPED => io::ErrorKind::Other;
    /// The receiver lags behind, and is disconnected for it.
    Lagged = ZCN_ELAGGED => io::ErrorKind::ConnectionAborted;
    /// There is no such file.
    NotFound = ZCN_ENOTFOUND => io::ErrorKind::NotFound;
    /// The disk, a quota or a limit has no room for more of the file.
    NoSpace = ZCN_ENOSPACE => io::ErrorKind::Other;
}

/// Why a call failed, or a connection ended.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    status: i32,
    sys_errno: i32,
    detail: Option<Box<str>>,
}

impl Error {
    pub(crate) fn new(status: i32) -> Error {
        Error { status, sys_errno: 0, detail: None }
    }

    /// Of an event that has the errno of the system call behind it, or 0.
    pub(crate) fn of_system(status: i32, number: u64) -> Error {
        let sys_errno = i32::try_from(number).unwrap_or(0);
        let detail = Some(sys_errno).filter(|&known| known != 0).map(io::Error::from_raw_os_error);
        Error { status, sys_errno, detail: detail.map(|error| error.to_string().into_boxed_str()) }
    }

    /// With what the object remembers of the failure, if it remembers this one.
    pub(crate) fn detailed(status: i32, get: impl FnOnce(*mut sys::zcn_error) -> i32) -> Error {
        let mut found = empty_error();
        if get(&mut found) != sys::ZCN_OK {
            return Error::new(status);
        }
        Error::found(status, &found)
    }

    /// With what a call left, if it left something of this failure.
    pub(crate) fn found(status: i32, found: &sys::zcn_error) -> Error {
        if found.status != status {
            return Error::new(status);
        }
        // SAFETY: the text of zcn_error is always terminated.
        let text = unsafe { CStr::from_ptr(found.text.as_ptr().cast()) }.to_string_lossy().into_owned();
        let detail = if text.is_empty() { None } else { Some(text.into_boxed_str()) };
        Error { status, sys_errno: found.sys_errno, detail }
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::from_status(self.status)
    }

    /// The status as C has it (`ZCN_…`).
    pub fn status(&self) -> i32 {
        self.status
    }

    /// The name of the status in C, such as "ZCN_EINVAL".
    pub fn name(&self) -> &'static str {
        // SAFETY: the library answers with a static, terminated string for any number.
        unsafe { static_text(sys::zcn_status_name(self.status)) }
    }

    /// errno of the system call behind it, if there was one.
    pub fn raw_os_error(&self) -> Option<i32> {
        Some(self.sys_errno).filter(|&number| number != 0)
    }

    /// True for [`ErrorKind::Again`]: the same call may succeed later.
    pub fn is_again(&self) -> bool {
        self.status == sys::ZCN_AGAIN
    }
}

pub(crate) fn empty_error() -> sys::zcn_error {
    sys::zcn_error {
        struct_size: std::mem::size_of::<sys::zcn_error>() as u64,
        status: sys::ZCN_OK,
        sys_errno: 0,
        text: [0; 240],
    }
}

/// # Safety
/// `text` is a static, terminated string.
pub(crate) unsafe fn static_text(text: *const sys::c_char) -> &'static str {
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text.cast()) }.to_str().unwrap_or("?")
}

/// ZCN_OK is success, all else an error, ZCN_AGAIN included.
#[inline]
pub(crate) fn check(status: i32) -> Result<()> {
    if status == sys::ZCN_OK {
        Ok(())
    } else {
        Err(Error::new(status))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({}: {})", self.name(), self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(text) => f.write_str(text),
            // SAFETY: as in name().
            None => f.write_str(unsafe { static_text(sys::zcn_status_text(self.status)) }),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind().io_kind(), error)
    }
}

/// A unit that was not taken, and why not. It is still yours: keep it for later, or drop it.
pub struct SendError {
    /// What was to be sent.
    pub unit: Unit,
    /// Why it was not.
    pub error: Error,
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for SendError {}

impl From<SendError> for Error {
    fn from(failed: SendError) -> Error {
        failed.error
    }
}

impl From<SendError> for io::Error {
    fn from(failed: SendError) -> io::Error {
        failed.error.into()
    }
}
