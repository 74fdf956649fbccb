// SPDX-License-Identifier: MIT
//! Requests and answers, matched by an id.
use crate::error::check;
use crate::{ConnRef, MessageRef, Result};
use std::time::Duration;
use zcnet_sys as sys;

fn nanoseconds(timeout: Option<Duration>) -> i64 {
    timeout.map_or(-1, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

impl ConnRef<'_> {
    /// Asks with a copy of some bytes. [`ConnOptions::id_width`](crate::ConnOptions::id_width) says that messages have ids;
    /// what the body has in the id's place is overwritten. [`Answer`](crate::Event::Answer) with the token, which is not 0,
    /// or [`Unanswered`](crate::Event::Unanswered) follows. Without a timeout it waits as long as the connection lives.
    ///
    /// # Errors
    /// [`Again`](crate::ErrorKind::Again) above the high-water mark, [`NoBuffers`](crate::ErrorKind::NoBuffers) when as many
    /// as the options allow have no answer yet; the body has no room for the id, the connection is closed.
    pub fn request(self, body: &[u8], token: u64, timeout: Option<Duration>) -> Result<()> {
        let (data, timeout) = (body.as_ptr().cast(), nanoseconds(timeout));
        // SAFETY: the handle is live and the caller the owner; data and size are a slice. So it is below.
        check(unsafe { sys::zcn_conn_request(self.as_ptr(), data, body.len() as u64, token, timeout) })
    }

    /// Expects an answer to what will be sent with the id that this gives, see [`ConnRef::put_id`] and
    /// [`ConnRef::answer`].
    ///
    /// # Errors
    /// As [`ConnRef::request`], but for its body.
    pub fn begin_request(self, token: u64, timeout: Option<Duration>) -> Result<u64> {
        let mut id = 0;
        // SAFETY: as in request().
        check(unsafe { sys::zcn_conn_begin_request(self.as_ptr(), token, nanoseconds(timeout), &mut id) })?;
        Ok(id)
    }

    /// Takes a request back: no event tells of it any more. False: it has ended already.
    pub fn end_request(self, id: u64) -> bool {
        // SAFETY: as in request().
        unsafe { sys::zcn_conn_end_request(self.as_ptr(), id) == sys::ZCN_OK }
    }

    /// Whether messages carry ids.
    pub(crate) fn has_ids(self) -> bool {
        let (mut id, anything) = (0, [0_u8; 1]);
        // SAFETY: as in request(). An empty message is asked about: the answer is no id, but why there is none.
        let status = unsafe { sys::zcn_conn_get_id(self.as_ptr(), anything.as_ptr().cast(), 0, &mut id) };
        status != sys::ZCN_EUNSUPPORTED
    }

    /// Writes an id to its place in a body that is to be sent.
    ///
    /// # Errors
    /// The body does not reach as far.
    pub fn put_id(self, body: &mut [u8], id: u64) -> Result<()> {
        // SAFETY: as in request().
        check(unsafe { sys::zcn_conn_put_id(self.as_ptr(), body.as_mut_ptr().cast(), body.len() as u64, id) })
    }

    /// The id of a received message.
    ///
    /// # Errors
    /// The message does not reach as far.
    pub fn id_of(self, message: MessageRef<'_>) -> Result<u64> {
        let mut id = 0;
        // SAFETY: as in request().
        let status = unsafe {
            sys::zcn_conn_get_id(self.as_ptr(), message.bytes().as_ptr().cast(), message.len() as u64, &mut id)
        };
        check(status)?;
        Ok(id)
    }

    /// Sends a copy of some bytes with an id in its place: the answer to the request that has it.
    ///
    /// # Errors
    /// [`Again`](crate::ErrorKind::Again) above the high-water mark; the body has no room for the id, the connection is
    /// closed.
    pub fn answer(self, id: u64, body: &[u8]) -> Result<()> {
        // SAFETY: as in request().
        check(unsafe { sys::zcn_conn_answer(self.as_ptr(), id, body.as_ptr().cast(), body.len() as u64) })
    }
}
