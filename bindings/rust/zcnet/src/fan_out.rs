// SPDX-License-Identifier: MIT
//! What concerns several connections or loops at once.
use crate::error::check;
use crate::{Conn, Error, Loop, Result, SendError, Unit, Waker};
use std::ptr;
use zcnet_sys as sys;

/// What becomes of messages for a receiver that has as much queued as the high-water mark. With anything but
/// [`Lag::Refuse`] sends do not say [`Again`](crate::ErrorKind::Again), and one slow receiver never stalls the others. A
/// message that is partly sent is never dropped. The counters say how many were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum Lag {
    /// The send says [`Again`](crate::ErrorKind::Again).
    Refuse = sys::ZCN_LAG_REFUSE,
    /// The message that is being sent is dropped.
    DropNewest = sys::ZCN_LAG_DROP_NEWEST,
    /// Those that have waited longest are dropped.
    DropOldest = sys::ZCN_LAG_DROP_OLDEST,
    /// All that are queued are dropped for the one that is being sent.
    KeepLatest = sys::ZCN_LAG_KEEP_LATEST,
    /// The connection ends at once with [`Lagged`](crate::ErrorKind::Lagged).
    Disconnect = sys::ZCN_LAG_DISCONNECT,
}

impl Loop {
    /// Queues one unit on many connections of this loop, without a copy: fan-out. What each of them says, in their order,
    /// independent of the others. Each connection may be there once.
    ///
    /// # Errors
    /// One is another loop's, or the unit cannot be sealed: nobody was sent it, and it comes back.
    pub fn send_to_all<'c>(
        &self,
        conns: impl IntoIterator<Item = &'c Conn>,
        unit: impl Into<Unit>,
    ) -> Result<Vec<Result<()>>, SendError> {
        let statuses = self.send_to(conns, unit.into(), 0)?;
        Ok(statuses.into_iter().map(check).collect())
    }

    /// As [`Loop::send_to_all`], but the unit is queued on each of the connections, or on none.
    ///
    /// # Errors
    /// As there, and the first of the connections that would not take it says why.
    pub fn send_to_all_or_none<'c>(
        &self,
        conns: impl IntoIterator<Item = &'c Conn>,
        unit: impl Into<Unit>,
    ) -> Result<(), SendError> {
        self.send_to(conns, unit.into(), sys::ZCN_ALL_OR_NOTHING).map(|_| ())
    }

    fn send_to<'c>(
        &self,
        conns: impl IntoIterator<Item = &'c Conn>,
        unit: Unit,
        flags: u32,
    ) -> Result<Vec<i32>, SendError> {
        let handles: Result<Vec<_>> = conns.into_iter().map(|conn| Ok(self.get(conn)?.as_ptr())).collect();
        let handles = match handles {
            Ok(handles) => handles,
            Err(error) => return Err(SendError { unit, error }),
        };
        let mut statuses = vec![sys::ZCN_OK; handles.len()];
        unit.offer(|unit| {
            // SAFETY: the handles are live and this loop's, whose owner calls; there is a status for each of them.
            unsafe {
                sys::zcn_conn_send_to_all(
                    handles.as_ptr().cast(),
                    handles.len(),
                    unit,
                    flags,
                    statuses.as_mut_ptr(),
                    ptr::null_mut(),
                )
            }
        })?;
        Ok(statuses)
    }

    /// Hands a connection of this loop to another loop of the same pool, with everything that is queued and received. It
    /// appears there with [`Arrived`](crate::Event::Arrived), which may be on another thread. A `Conn` of it is then one of
    /// that loop's. Where connections are accepted on one loop and served on others, do it in the turn of
    /// [`Accepted`](crate::Event::Accepted): no message was handed out then.
    ///
    /// ```compile_fail,E0502
    /// fn still_in_use(from: &mut zcnet::Loop, conn: &zcnet::Conn, to: &zcnet::Waker) {
    ///     let here = from.get(conn).unwrap();
    ///     from.hand_over(conn, to).unwrap();
    ///     here.send_copy(b"x").unwrap(); // it is another thread's now
    /// }
    /// ```
    ///
    /// # Errors
    /// It is not open yet, or not any more, a dialer's or another loop's; the pools differ; there is no memory.
    pub fn hand_over(&mut self, conn: &Conn, to: &Waker) -> Result<()> {
        let conn = self.get(conn)?.as_ptr();
        // SAFETY: both handles are live. Nobody here has the connection in hand any more, since self is mutable: from now
        // on the other loop's owner may.
        check(unsafe { sys::zcn_conn_move(conn, to.as_ptr()) })
    }

    /// Whether a connection is in the hands of this loop's owner now.
    #[inline]
    pub(crate) fn drives(&self, conn: &Conn) -> Result<()> {
        // SAFETY: the handle is live. The pointer is read with acquire order, and stored with release order as the last
        // thing that a loop does to a connection that it hands over: who finds itself there owns the connection.
        let mine = unsafe { sys::zcn_conn_loop(conn.as_ptr()) } == self.as_ptr();
        // One that outlived its loop still has that loop's address, which may be another's now.
        // SAFETY: as above; nobody changes the state of a connection that has ended.
        let mine = mine
            && (conn.loop_id() == self.id()
                || unsafe { sys::zcn_conn_get_state(conn.as_ptr()) } != sys::ZCN_STATE_CLOSED);
        if mine {
            Ok(())
        } else {
            Err(Error::new(sys::ZCN_EINVAL))
        }
    }
}
