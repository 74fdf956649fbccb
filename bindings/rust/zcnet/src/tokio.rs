// SPDX-License-Identifier: MIT
//! For tokio: loops whose descriptor tokio watches ([`Driver`]), requests and their answers ([`Client`]), messages over
//! anything that tokio reads and writes ([`Framed`]), and waiting for memory ([`memory()`]).
#![allow(clippy::incompatible_msrv)] // with this feature tokio's own oldest version of Rust counts

mod client;
mod driver;
mod framed;
mod memory;

pub use client::Client;
pub use driver::Driver;
pub use framed::{Batch, Framed};
pub use memory::memory;
