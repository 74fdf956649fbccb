// SPDX-License-Identifier: MIT
//! What happens to connections, told to the tracing crate. Messages are not: they are too many.
use crate::error::{static_text, Error};
use crate::event::event_type;
use tracing::{debug, warn};
use zcnet_sys as sys;

/// # Safety
/// The array was just handed out by a poll.
pub(crate) unsafe fn events(first: *const sys::zcn_event, count: usize) {
    if !tracing::enabled!(target: "zcnet", tracing::Level::WARN) {
        return;
    }
    for at in 0..count {
        // SAFETY: the event is in the array. So it is below.
        let event = unsafe { first.add(at) };
        // SAFETY: as above.
        let kind = unsafe { event_type(event) };
        if kind == sys::ZCN_EVENT_MESSAGE || kind == sys::ZCN_EVENT_NONE {
            continue;
        }
        // SAFETY: as above. The library has a static text for any number.
        let (status, user, conn) = unsafe { ((*event).status, (*event).user, (*event).conn) };
        // SAFETY: as above.
        let (name, text) =
            unsafe { (static_text(sys::zcn_status_name(status)), static_text(sys::zcn_status_text(status))) };
        // The address of the handle tells connections apart in what is written.
        match kind {
            sys::ZCN_EVENT_CONNECTED => debug!(target: "zcnet", ?conn, user, "connected"),
            sys::ZCN_EVENT_ACCEPTED => debug!(target: "zcnet", ?conn, user, "accepted"),
            sys::ZCN_EVENT_PEER_CLOSED => debug!(target: "zcnet", ?conn, user, "the peer sends no more"),
            sys::ZCN_EVENT_CLOSED if status >= 0 => debug!(target: "zcnet", ?conn, user, reason = name, "closed"),
            sys::ZCN_EVENT_CLOSED => warn!(target: "zcnet", ?conn, user, reason = name, "closed: {}", text),
            sys::ZCN_EVENT_ACCEPT_LIMITED => {
                // SAFETY: as above.
                let why = Error::of_system(status, unsafe { (*event).size });
                warn!(target: "zcnet", user, reason = name, "accepting pauses: {}", why)
            }
            sys::ZCN_EVENT_POOL_LIMITED => warn!(target: "zcnet", ?conn, user, "reading pauses: the pool is full"),
            sys::ZCN_EVENT_FILE_RECEIVED if status < 0 => {
                warn!(target: "zcnet", ?conn, user, reason = name, "a file was not received: {}", text)
            }
            sys::ZCN_EVENT_LISTENER_CLOSED if status < 0 => {
                warn!(target: "zcnet", user, reason = name, "a listener ended: {}", text)
            }
            sys::ZCN_EVENT_LISTENER_CLOSED => debug!(target: "zcnet", user, "a listener ended"),
            _ => {}
        }
    }
}
