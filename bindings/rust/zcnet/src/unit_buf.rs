// SPDX-License-Identifier: MIT
use crate::{Result, Unit};
use std::mem::MaybeUninit;
use std::{fmt, io, ptr, slice};

/// Pool memory that one message is being written into, from [`Unit::with_capacity`].
///
/// It is written through [`std::io::Write`], [`UnitBuf::put`], or (feature `bytes`) `bytes::BufMut`, and becomes a
/// [`Unit`] of what was written with [`UnitBuf::finish`].
///
/// ```
/// use std::io::Write;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut body = zcnet::Unit::with_capacity(None, None, 64)?;
/// write!(body, "tick {}", 7)?;
/// assert_eq!(body.finish()?.size(), 6);
/// # Ok(())
/// # }
/// ```
pub struct UnitBuf {
    unit: Unit,
    data: *mut u8,
    capacity: usize,
    written: usize,
}

// SAFETY: the memory belongs to the unit, which belongs to one thread at a time.
unsafe impl Send for UnitBuf {}

impl UnitBuf {
    /// # Safety
    /// `data` is `capacity` writable bytes that belong to the unit, which is not sealed.
    pub(crate) unsafe fn new(unit: Unit, data: *mut u8, capacity: usize) -> UnitBuf {
        UnitBuf { unit, data, capacity, written: 0 }
    }

    /// What was written so far.
    pub fn written(&self) -> &[u8] {
        // SAFETY: so many bytes were written.
        unsafe { slice::from_raw_parts(self.data, self.written) }
    }

    /// The same, to be changed.
    pub fn written_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the memory belongs to this value alone.
        unsafe { slice::from_raw_parts_mut(self.data, self.written) }
    }

    /// Bytes that still fit.
    pub fn remaining(&self) -> usize {
        self.capacity - self.written
    }

    /// Appends bytes.
    ///
    /// # Panics
    /// If they do not fit.
    pub fn put(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.remaining(), "{} bytes, where {} fit", bytes.len(), self.remaining());
        // SAFETY: they fit, and nobody else has this memory.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.data.add(self.written), bytes.len()) };
        self.written += bytes.len();
    }

    /// The memory behind what was written.
    pub fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the memory belongs to this value alone; it need not be initialised.
        unsafe { slice::from_raw_parts_mut(self.data.add(self.written).cast(), self.capacity - self.written) }
    }

    /// Says that bytes of [`UnitBuf::spare`] were written.
    ///
    /// # Safety
    /// The first `count` of them were.
    pub unsafe fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "{} bytes, where {} fit", count, self.remaining());
        self.written += count;
    }

    /// The unit, with what was written for its body.
    ///
    /// # Errors
    /// None that a body within its capacity has.
    pub fn finish(self) -> Result<Unit> {
        let mut unit = self.unit;
        if self.written < self.capacity {
            unit.truncate(self.written as u64)?;
        }
        Ok(unit)
    }
}

impl io::Write for UnitBuf {
    /// Takes as many bytes as fit.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.remaining());
        self.put(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for UnitBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnitBuf({} of {} bytes)", self.written, self.capacity)
    }
}
