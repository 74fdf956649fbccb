// SPDX-License-Identifier: MIT
//! What the tests of futures share.
#![allow(dead_code)] // each test program uses a part of it

use crate::shared::DEADLINE;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::timeout;
use zcnet::Unit;

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    block_on(async { timeout(DEADLINE, future).await.expect("it did not happen in time") })
}

/// Polls a future so many times at most, then drops it.
pub struct Dropped<F>(Pin<Box<F>>, u32);

impl<F: Future> Future for Dropped<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if self.1 == 0 {
            return Poll::Ready(None);
        }
        self.1 -= 1;
        match self.0.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

pub fn dropped<F: Future>(future: F, polls: u32) -> Dropped<F> {
    Dropped(Box::pin(future), polls)
}

pub fn number(number: u64) -> Unit {
    let mut body = Unit::with_capacity(None, None, 8).unwrap();
    body.put(&number.to_le_bytes());
    body.finish().unwrap()
}

pub fn as_number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

/// xorshift: the spacing of wake-ups.
pub fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}
