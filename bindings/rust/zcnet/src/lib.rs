// SPDX-License-Identifier: MIT
//! Zero-copy framed messages over TCP and Unix sockets, on [libzcnet](zcnet_sys).
//!
//! Messages are shown where the kernel wrote them, and what is sent leaves from where it was written; every byte that
//! had to be copied after all is counted.
//!
//! ```
//! use std::time::Duration;
//! use zcnet::{Event, Framing, Loop};
//!
//! # fn main() -> zcnet::Result<()> {
//! // A message is four bytes of length, big end first, and the body; the program sees the body.
//! let framing: Framing = "length,width=4,strip=4,max=1M".parse()?;
//! let mut server = Loop::new()?;
//! let listener = server.listen("tcp://127.0.0.1:0", &framing)?;
//! let conn = server.connect(listener.address(), &framing)?;
//! server.get(&conn)?.send_copy(b"hello")?;
//!
//! 'all: loop {
//!     let events = server.poll(Some(Duration::from_secs(10)))?;
//!     for event in &events {
//!         if let Event::Message { conn: from, message } = event {
//!             if from == conn {
//!                 assert_eq!(&*message, b"hello");
//!                 break 'all;
//!             }
//!             from.forward(message)?; // the frame as it stands: no copy
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Lifetimes
//!
//! | type | what it is | how long, and where |
//! |---|---|---|
//! | [`Events`], [`Event`], [`MessageRef`] | what one poll handed out | until the next poll, which the compiler checks; the thread that polled |
//! | [`Message`] | a message that is yours | as long as you like, on any thread, whatever else is gone |
//! | [`Loop`] | drives connections | `Send`, not `Sync`: one owner at a time |
//! | [`Conn`] | a connection, for any thread: post, close, abort | `Send + Sync + Clone` |
//! | [`ConnRef`] | the same connection in the hands of the loop's owner | borrows the loop, so it cannot outlive or leave it |
//! | [`Dialer`], [`Relay`], [`File`] | counted handles | `Send + Sync + Clone`; a dialer or relay goes on when it is dropped |
//! | [`Unit`], [`Sealed`] | what is sent as one message | consumed by sending, handed back when that fails |
//!
//! # Features
//!
//! `vendored` compiles the C++ library into the program. `bytes`, `tokio` and `tracing` join the crates of these names.
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
#![warn(missing_debug_implementations)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "bytes")]
mod bytes;
mod callback;
mod conn;
mod conn_ref;
mod dialer;
mod error;
mod event;
mod event_loop;
mod fan_out;
mod file;
mod framing;
mod joined;
mod listener;
mod message;
mod message_batch;
mod options;
mod pool;
mod pool_source;
mod receive_file;
mod relay;
mod request;
mod stream;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(feature = "tracing")]
mod trace;
mod unit;
mod unit_buf;

pub use conn::{Conn, ConnState};
pub use conn_ref::ConnRef;
pub use dialer::{Dialer, DialerRef};
pub use error::{Error, ErrorKind, Result, SendError};
pub use event::{Event, EventIter, Events};
pub use event_loop::{Loop, Waker};
pub use fan_out::Lag;
pub use file::{File, FileCache, FileMethod};
pub use framing::{Framing, Measured};
pub use joined::Joined;
pub use listener::Listener;
pub use message::{Message, MessageMut, MessageRef};
pub use message_batch::{release_all, settle};
pub use options::{ConnOptions, DialOptions, FileOptions, ListenOptions, LoopOptions};
pub use options::{PoolOptions, ReceiveFileOptions, RelayOptions, StreamOptions};
pub use pool::{HugePages, Pool};
pub use pool_source::PoolSource;
pub use receive_file::{Flush, Header};
pub use relay::{Direction, Relay, RelayMethod, RelayRef, Tap};
pub use stream::{Stream, StreamEvent, StreamEvents};
pub use unit::{Sealed, Segment, Unit};
pub use unit_buf::UnitBuf;
pub use zcnet_sys as sys;

/// Counters of a connection or stream.
pub type Stats = zcnet_sys::zcn_stats;
/// Counters of a loop.
pub type LoopStats = zcnet_sys::zcn_loop_stats;
/// The relays of a loop: the sum over those that are open and those that have ended.
pub type LoopRelayStats = zcnet_sys::zcn_loop_relay_stats;
/// Gauges and counters of a pool.
pub type PoolStats = zcnet_sys::zcn_pool_stats;
/// Counters of a listener.
pub type ListenerStats = zcnet_sys::zcn_listener_stats;
/// Counters of a dialer.
pub type DialerStats = zcnet_sys::zcn_dialer_stats;
/// Counters of a relay.
pub type RelayStats = zcnet_sys::zcn_relay_stats;

/// The version of the library that is running, such as "0.1.0".
pub fn version() -> &'static str {
    // SAFETY: the library answers with a static, terminated string.
    unsafe { error::static_text(zcnet_sys::zcn_version_text()) }
}

/// What the README shows is compiled and run as what the documentation shows.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
