// SPDX-License-Identifier: MIT
use crate::{Message, Result, Unit, UnitBuf};
use bytes::buf::UninitSlice;
use bytes::{BufMut, Bytes};

/// Without a copy of the bytes. It costs one small allocation, which a [`Message`] by itself does not.
impl From<Message> for Bytes {
    fn from(message: Message) -> Bytes {
        Bytes::from_owner(message)
    }
}

impl Unit {
    /// Appends [`Bytes`] without a copy: they are held until the kernel needs them no longer.
    ///
    /// # Errors
    /// The unit is sealed, or there is no memory; the bytes are dropped.
    pub fn append_bytes(&mut self, bytes: Bytes) -> Result<()> {
        self.append_owned(bytes)
    }
}

/// One segment of these bytes, without a copy.
impl TryFrom<Bytes> for Unit {
    type Error = crate::Error;

    fn try_from(bytes: Bytes) -> Result<Unit> {
        let mut unit = Unit::new()?;
        unit.append_bytes(bytes)?;
        Ok(unit)
    }
}

// SAFETY: remaining, chunk and advance speak of the same memory, which does not move.
unsafe impl BufMut for UnitBuf {
    fn remaining_mut(&self) -> usize {
        self.remaining()
    }

    unsafe fn advance_mut(&mut self, count: usize) {
        // SAFETY: as the caller promises.
        unsafe { self.advance(count) }
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        UninitSlice::uninit(self.spare())
    }
}
