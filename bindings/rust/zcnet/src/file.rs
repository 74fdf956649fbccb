// SPDX-License-Identifier: MIT
use crate::error::{check, empty_error};
use crate::{Error, FileOptions, Result, Unit};
use std::cell::Cell;
use std::ffi::CString;
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::io::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::time::{Duration, SystemTime};
use zcnet_sys as sys;

/// How the bytes of a file get to the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum FileMethod {
    /// What costs the sender the least processor time.
    Auto = sys::ZCN_FILE_AUTO,
    /// The kernel sends from the page cache.
    Sendfile = sys::ZCN_FILE_SENDFILE,
    /// The file is mapped, and sent as memory is.
    Mmap = sys::ZCN_FILE_MMAP,
    /// Through a pipe, without a copy.
    Splice = sys::ZCN_FILE_SPLICE,
    /// Read into memory of the pool, and sent from there.
    Copy = sys::ZCN_FILE_COPY,
    /// Read past the page cache, for large files that are sent once.
    Direct = sys::ZCN_FILE_DIRECT,
}

/// A regular file as the body of units: [`Unit::append_file`]. It is sent from where it stands, and may be in any number
/// of units at once. A clone is the same file.
#[derive(Debug)]
pub struct File {
    raw: NonNull<sys::zcn_file>,
}

// SAFETY: all functions of files are for any thread.
unsafe impl Send for File {}
// SAFETY: as above.
unsafe impl Sync for File {}

fn terminated(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::new(sys::ZCN_EINVAL))
}

/// The file that a call made, or the error with the sentence that it left.
fn made(call: impl FnOnce(*mut *mut sys::zcn_file, *mut sys::zcn_error) -> i32) -> Result<File> {
    let (mut out, mut error) = (ptr::null_mut(), empty_error());
    match call(&mut out, &mut error) {
        sys::ZCN_OK => Ok(File { raw: NonNull::new(out).expect("ZCN_OK gives a file") }),
        status => Err(Error::found(status, &error)),
    }
}

impl File {
    /// Opens a regular file for sending.
    ///
    /// # Errors
    /// There is no such file ([`NotFound`](crate::ErrorKind::NotFound)), it must not be read, or it is no regular file.
    pub fn open(path: impl AsRef<Path>) -> Result<File> {
        File::open_with(path, &FileOptions::new())
    }

    /// As [`File::open`], with options.
    ///
    /// # Errors
    /// As there, and a flag forbids the way.
    pub fn open_with(path: impl AsRef<Path>, options: &FileOptions) -> Result<File> {
        File::open_from(options.raw(), path.as_ref())
    }

    /// As [`File::open_with`]; a relative path starts from this directory.
    ///
    /// # Errors
    /// As there.
    pub fn open_at(directory: impl AsFd, path: impl AsRef<Path>, options: &FileOptions) -> Result<File> {
        File::open_from(&options.in_directory(directory.as_fd().as_raw_fd()), path.as_ref())
    }

    fn open_from(options: &sys::zcn_file_options, path: &Path) -> Result<File> {
        let path = terminated(path)?;
        // SAFETY: the text is terminated, the options filled, and the others are places to write to.
        made(|out, error| unsafe { sys::zcn_file_open(out, path.as_ptr().cast(), options, error) })
    }

    /// Of a file that the program has open for reading, such as a [`std::fs::File`]. Of the options only the method
    /// counts.
    ///
    /// # Errors
    /// It is no regular file, or there is no memory; it is then closed.
    pub fn from_fd(file: impl Into<OwnedFd>, options: &FileOptions) -> Result<File> {
        let fd: OwnedFd = file.into();
        // SAFETY: the descriptor is ours, and out a place to write to.
        let file = made(|out, _| unsafe { sys::zcn_file_adopt(out, fd.as_raw_fd(), options.raw()) })?;
        let _ = fd.into_raw_fd(); // the library's own now
        Ok(file)
    }

    /// Bytes that it had when it was opened.
    pub fn size(&self) -> u64 {
        // SAFETY: the handle is live. So it is below.
        unsafe { sys::zcn_file_size(self.as_ptr()) }
    }

    /// When its content was changed last, as it was when it was opened.
    pub fn modified(&self) -> SystemTime {
        // SAFETY: as in size().
        let nanoseconds = unsafe { sys::zcn_file_mtime(self.as_ptr()) };
        let distance = Duration::from_nanos(nanoseconds.unsigned_abs());
        if nanoseconds < 0 {
            SystemTime::UNIX_EPOCH - distance
        } else {
            SystemTime::UNIX_EPOCH + distance
        }
    }

    fn as_ptr(&self) -> *mut sys::zcn_file {
        self.raw.as_ptr()
    }
}

impl Clone for File {
    fn clone(&self) -> File {
        // SAFETY: as in size().
        unsafe { sys::zcn_file_retain(self.as_ptr()) };
        File { raw: self.raw }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, which ends here.
        unsafe { sys::zcn_file_release(self.as_ptr()) }
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        // SAFETY: as in size().
        unsafe { sys::zcn_file_fd(self.as_ptr()) }
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is the file's, and open as long as it lives.
        unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
    }
}

impl Unit {
    /// Appends a range of a file, which the file must still have when it leaves. The unit holds the file.
    ///
    /// # Errors
    /// The unit is sealed, the range is not within [`File::size`], or there is no memory.
    pub fn append_file(&mut self, file: &File, offset: u64, size: u64) -> Result<()> {
        // SAFETY: both handles are live.
        check(unsafe { sys::zcn_unit_append_file(self.as_ptr(), file.as_ptr(), offset, size) })
    }
}

/// Open files by path: those that were asked for last stay open.
#[derive(Debug)]
pub struct FileCache {
    raw: NonNull<sys::zcn_file_cache>,
    not_sync: PhantomData<Cell<()>>,
}

// SAFETY: a cache has one owner at a time, which may be any thread.
unsafe impl Send for FileCache {}

impl FileCache {
    /// A cache of so many files, 1 to 65536. What was looked at last is taken to be true for so long; with zero each open
    /// looks at the path.
    ///
    /// # Errors
    /// The capacity is out of range, or there is no memory.
    pub fn new(capacity: u32, valid: Duration, options: &FileOptions) -> Result<FileCache> {
        let valid = u32::try_from(valid.as_millis()).unwrap_or(u32::MAX);
        let mut out = ptr::null_mut();
        // SAFETY: the options are filled, and out is a place to write to.
        check(unsafe { sys::zcn_file_cache_create(&mut out, capacity, valid, options.raw()) })?;
        Ok(FileCache { raw: NonNull::new(out).expect("ZCN_OK gives a cache"), not_sync: PhantomData })
    }

    /// The file at a path now. It stays good when the cache lets it go, or has a newer one.
    ///
    /// # Errors
    /// As [`File::open_with`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<File> {
        let path = terminated(path.as_ref())?;
        // SAFETY: the handle is live and its owner calls; else as in File::open_from().
        made(|out, error| unsafe { sys::zcn_file_cache_open(self.raw.as_ptr(), out, path.as_ptr().cast(), error) })
    }
}

impl Drop for FileCache {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and ends here.
        unsafe { sys::zcn_file_cache_release(self.raw.as_ptr()) }
    }
}
