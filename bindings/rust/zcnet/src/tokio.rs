// SPDX-License-Identifier: MIT
//! For tokio: loops whose descriptor tokio watches ([`Driver`]), and messages over anything that tokio reads and writes
//! ([`Framed`]).
#![allow(clippy::incompatible_msrv)] // with this feature tokio's own oldest version of Rust counts

mod driver;
mod framed;

pub use driver::Driver;
pub use framed::{Batch, Framed};
