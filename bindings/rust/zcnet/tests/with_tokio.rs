// SPDX-License-Identifier: MIT
//! Loops under tokio, and messages over what tokio reads and writes.
#![cfg(feature = "tokio")]

mod shared;

use futures_util::{SinkExt, StreamExt};
use shared::{framing, DEADLINE};
use std::collections::HashSet;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::timeout;
use zcnet::tokio::{memory, Driver, Framed};
use zcnet::{
    Conn, ConnOptions, ErrorKind, Event, ListenOptions, Loop, LoopOptions, Pool, PoolOptions, Stream, StreamOptions,
    Unit,
};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    block_on(async { timeout(DEADLINE, future).await.expect("it did not happen in time") })
}

/// Polls a future so many times at most, then drops it.
struct Dropped<F>(Pin<Box<F>>, u32);

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

fn dropped<F: Future>(future: F, polls: u32) -> Dropped<F> {
    Dropped(Box::pin(future), polls)
}

fn number(number: u64) -> Unit {
    let mut body = Unit::with_capacity(None, None, 8).unwrap();
    body.put(&number.to_le_bytes());
    body.finish().unwrap()
}

fn as_number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

/// xorshift: the spacing of wake-ups.
fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

fn is_send<T: Send>(value: T) -> T {
    value
}

/// Posts at random moments, and sends between polls, with small arrays and small batches: what waits for an answer and
/// what waits for something to do are both asleep, and stay so when one wake-up is lost.
#[test]
fn no_wake_up_is_lost_under_tokio() {
    // No timer of the library's wakes who should have been woken.
    let patient = || ConnOptions::new().connect_timeout(10 * DEADLINE).message_timeout(10 * DEADLINE);
    let (plain, one) = (patient(), patient().messages_per_poll(1));
    for (capacity, options) in [(16, &plain), (1024, &plain), (1024, &one)] {
        block_on(answer_a_thread(capacity, options, 3000));
    }
}

/// Marks what was answered once, and is asked a second time.
const AGAIN: u64 = 1 << 63;

async fn answer_a_thread(capacity: u32, options: &ConnOptions, count: u64) {
    let mut driver = Driver::new(Loop::with_options(&LoopOptions::new().event_capacity(capacity)).unwrap()).unwrap();
    let listening = ListenOptions::new().conn(options.clone());
    let listener = driver.listen_with("tcp://127.0.0.1:0", &framing(), &listening).unwrap();
    let conn = driver.connect_with(listener.address(), &framing(), options).unwrap();
    let (answers, answered) = mpsc::channel();
    let thread = thread::spawn({
        let conn = conn.clone();
        move || ask_and_sleep(&conn, &answered, count)
    });
    let (mut left, mut random) = (count, 1234567);
    while left > 0 {
        let mut again = Vec::new();
        // Now and then the future is dropped before it is ready.
        let events = if next(&mut random) % 10 == 0 {
            dropped(driver.poll(), 1).await
        } else {
            Some(timeout(DEADLINE, driver.poll()).await.expect("a wake-up was lost"))
        };
        let Some(events) = events else { continue };
        for event in &events.unwrap() {
            match event {
                Event::Message { conn: from, message } if from == conn => {
                    let number = as_number(&message);
                    if number & AGAIN == 0 && next(&mut random) % 4 == 0 {
                        again.push(number);
                    } else {
                        answers.send(number & !AGAIN).unwrap();
                        left -= 1;
                    }
                }
                Event::Message { conn: from, message } => from.forward(message).unwrap(),
                Event::Connected(_) | Event::Accepted(_) => {}
                other => panic!("{:?}", other),
            }
        }
        for question in again {
            driver.get(&conn).unwrap().send(number(question | AGAIN)).unwrap();
        }
    }
    thread.join().unwrap();
}

/// Posts some numbers, sleeps until all of them were answered, and so on.
fn ask_and_sleep(conn: &Conn, answered: &mpsc::Receiver<u64>, count: u64) {
    let mut random = 88172645463325252;
    let mut waiting = HashSet::new();
    for n in 0..count {
        waiting.insert(n);
        conn.post(number(n)).unwrap();
        for _ in 0..next(&mut random) % 2048 {
            std::hint::spin_loop();
        }
        if n + 1 < count && next(&mut random) % 4 == 0 {
            continue;
        }
        while !waiting.is_empty() {
            let answer = answered.recv_timeout(DEADLINE).expect("an answer was lost");
            assert!(waiting.remove(&answer), "{} was answered twice", answer);
        }
    }
}

#[test]
fn a_driver_wakes_for_timers_and_wakers_and_leaves_others_their_turn() {
    run(async {
        let mut driver = Driver::new(Loop::new().unwrap()).unwrap();
        driver.set_timer(3, Duration::from_millis(2)).unwrap();
        assert!(matches!(driver.poll().await.unwrap().iter().next(), Some(Event::Timer(3))));
        let waker = driver.waker();
        let other = thread::spawn(move || waker.wake());
        assert!(matches!(driver.poll().await.unwrap().iter().next(), Some(Event::Woken)));
        other.join().unwrap();

        // A loop that is never idle.
        let turns = std::rc::Rc::new(std::cell::Cell::new(0_u32));
        let counter = std::rc::Rc::clone(&turns);
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let task = tokio::task::spawn_local(async move {
                    loop {
                        counter.set(counter.get() + 1);
                        tokio::task::yield_now().await;
                    }
                });
                let waker = driver.waker();
                for _ in 0..1000 {
                    waker.wake();
                    driver.poll().await.unwrap();
                }
                task.abort();
            })
            .await;
        assert!(turns.get() >= 10, "{} turns", turns.get());

        let mut inner = driver.into_inner();
        assert!(inner.poll(Some(Duration::ZERO)).unwrap().is_empty());
        inner.close().unwrap();
        let mut driver = Driver::new(inner).unwrap();
        assert_eq!(driver.poll().await.unwrap_err().kind(), ErrorKind::Closed);
    });
}

#[test]
fn streams_and_sinks_lose_nothing_when_their_futures_are_dropped() {
    const COUNT: u64 = 5_000;
    run(async {
        let (one, other) = UnixStream::pair().unwrap();
        let options = StreamOptions::new().high_water(4096);
        let mut sender = Framed::with_options(one, None, &framing(), &options).unwrap();
        let mut receiver = Framed::new(other, &framing()).unwrap();
        let sending = async {
            let mut random = 99;
            for n in 0..COUNT {
                let mut waiting = number(n);
                // A feed that is dropped has either taken the unit or not been polled to the end: ready first, then
                // hand over in one step.
                while dropped(std::future::poll_fn(|c| sender.poll_ready_unpin(c)), 1).await.is_none() {
                    tokio::task::yield_now().await;
                }
                if next(&mut random) % 4 == 0 {
                    waiting = waiting.seal(&framing()).unwrap().into();
                }
                sender.start_send_unpin(waiting).unwrap();
                if next(&mut random) % 8 == 0 {
                    dropped(sender.flush(), 1).await;
                }
            }
            SinkExt::close(&mut sender).await.unwrap();
        };
        let receiving = async {
            let mut random = 7;
            let mut expected = 0;
            while expected < COUNT {
                if next(&mut random) % 2 == 0 {
                    let Some(message) = dropped(receiver.next(), 1).await else { continue };
                    assert_eq!(as_number(&message.expect("not the end").unwrap()), expected);
                    expected += 1;
                } else {
                    // A batch that is not looked at to its end.
                    let Some(batch) = dropped(receiver.batch(), 1).await else { continue };
                    let take = 1 + (next(&mut random) % 3) as usize;
                    for message in batch.unwrap().expect("not the end").take(take) {
                        assert_eq!(as_number(&message.unwrap()), expected);
                        expected += 1;
                    }
                }
            }
            assert!(receiver.next().await.is_none());
            assert!(receiver.next().await.is_none(), "the end stays the end");
        };
        futures_util::future::join(sending, receiving).await;
    });
}

#[test]
fn a_framed_echo_copies_nothing() {
    run(async {
        let (one, other) = UnixStream::pair().unwrap();
        let mut client = Framed::new(one, &framing()).unwrap();
        let mut server = Framed::new(other, &framing()).unwrap();
        for n in 0..100 {
            client.send(number(n)).await.unwrap();
        }
        let mut echoed = 0;
        while echoed < 100 {
            let mut batch = server.batch().await.unwrap().expect("not the end");
            while let Some(message) = batch.next() {
                batch.send_message(message.unwrap()).unwrap();
                echoed += 1;
            }
            server.flush().await.unwrap();
        }
        for n in 0..100 {
            let message = client.next().await.expect("not the end").unwrap();
            assert_eq!(as_number(&message), n);
            server.send_message(&message).unwrap();
        }
        assert_eq!(server.stats().copied_out, 0);
    });
}

/// Fills a buffer of its own, and leaves it in the place of the one that it was given.
struct Elsewhere;

impl AsyncRead for Elsewhere {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        *buffer = ReadBuf::new(Box::leak(Box::new([0; 64])));
        buffer.set_filled(64);
        Poll::Ready(Ok(()))
    }
}

#[test]
#[should_panic(expected = "another buffer")]
fn a_reader_that_fills_another_buffer_shows_no_memory() {
    run(async {
        let mut framed = Framed::new(Elsewhere, &"fixed=32".parse().unwrap()).unwrap();
        let shown = framed.next().await.map(|message| message.unwrap().len());
        assert_eq!(shown, None);
    });
}

#[test]
fn broken_frames_and_cut_streams_are_errors_and_then_the_end() {
    let cases = [(&b"\xff\xff\xff\xffxx"[..], ErrorKind::FrameTooLarge), (b"\0\0\0\x09cut", ErrorKind::FrameTruncated)];
    for (bytes, wanted) in cases {
        run(async {
            let (one, mut other) = UnixStream::pair().unwrap();
            let mut framed = Framed::new(one, &framing()).unwrap();
            other.write_all(b"\0\0\0\x02ok").await.unwrap();
            other.write_all(bytes).await.unwrap();
            drop(other);
            assert_eq!(framed.next().await.unwrap().unwrap(), b"ok");
            let error = framed.next().await.unwrap().unwrap_err();
            let inner = error.get_ref().unwrap().downcast_ref::<zcnet::Error>().unwrap();
            assert_eq!(inner.kind(), wanted);
            assert!(framed.next().await.is_none());
        });
    }
}

#[test]
fn sinks_refuse_what_cannot_be_framed_and_go_on() {
    run(async {
        let (one, mut other) = UnixStream::pair().unwrap();
        let mut framed = Framed::new(one, &"length,max=16".parse().unwrap()).unwrap();
        let mut large = Unit::new().unwrap();
        large.append_static(&[0; 100]).unwrap();
        let refused = framed.send(large).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidData);
        framed.send(number(1)).await.unwrap();
        drop(framed);
        let mut wire = Vec::new();
        other.read_to_end(&mut wire).await.unwrap();
        assert_eq!(wire, b"\0\0\0\x08\x01\0\0\0\0\0\0\0");
    });
}

#[test]
fn memory_is_waited_for() {
    let pool = Pool::new(&PoolOptions::new().block_size(64 << 10).limit(1 << 20)).unwrap();
    run(async {
        memory(&pool, 1000).await.unwrap(); // there is room
        assert_eq!(memory(&pool, 2 << 20).await.unwrap_err().kind(), ErrorKind::Invalid);
        let take = || Unit::with_capacity(Some(&pool), None, 24 << 10);
        let mut units = Vec::new();
        let refused = loop {
            match take() {
                Ok(unit) => units.push(unit),
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), ErrorKind::NoBuffers);
        assert!(dropped(memory(&pool, 24 << 10), 3).await.is_none(), "there is none yet");
        // A stream with large messages keeps more of the pool for those that have begun.
        let mut vain = Box::pin(memory(&pool, 700 << 10));
        assert!(dropped(&mut vain, 3).await.is_none(), "there is none yet");
        let large = Stream::new(Some(&pool), &"length,max=512K".parse().unwrap(), &StreamOptions::new()).unwrap();
        assert_eq!(vain.await.unwrap_err().kind(), ErrorKind::Invalid);
        drop(large);
        // Several tasks wait; the memory comes from another thread.
        let waiting = futures_util::future::join(memory(&pool, 24 << 10), memory(&pool, 1));
        let other = thread::spawn(move || drop(units));
        let (one, two) = waiting.await;
        one.and(two).unwrap();
        other.join().unwrap();
        take().unwrap();
    });
    drop(is_send(memory(&pool, 1)));
}

#[test]
fn drivers_and_framed_move_between_threads() {
    is_send(Driver::new);
    fn send<T: Send>() {}
    send::<Driver>();
    send::<Framed<UnixStream>>();
}

#[test]
fn connections_change_their_framing_and_their_driver() {
    run(async {
        let mut front = Driver::new(Loop::new().unwrap()).unwrap();
        let mut back = Driver::new(Loop::new().unwrap()).unwrap();
        let listener = front.listen("tcp://127.0.0.1:0", &framing()).unwrap();
        let client = back.connect(listener.address(), &framing()).unwrap();
        let mut accepted = None;
        while accepted.is_none() {
            for event in &front.poll().await.unwrap() {
                if let Event::Accepted(conn) = event {
                    accepted = Some(conn.to_conn());
                }
            }
        }
        let accepted = accepted.unwrap();
        front.set_framing(&accepted, &"fixed=3".parse().unwrap()).unwrap();
        front.hand_over(&accepted, &back.waker()).unwrap();
        assert!(front.set_framing(&accepted, &framing()).is_err());
        back.get(&client).unwrap().set_send_framing(&"raw".parse().unwrap()).unwrap();
        back.get(&client).unwrap().send_copy(b"abcdef").unwrap();
        let (mut arrived, mut got) = (false, Vec::new());
        while got.len() < 2 {
            for event in &back.poll().await.unwrap() {
                match event {
                    Event::Arrived(conn) => arrived = conn == accepted,
                    Event::Message { message, .. } => got.push(message.to_vec()),
                    _ => {}
                }
            }
        }
        assert!(arrived && got == [b"abc", b"def"]);
    });
}
