// SPDX-License-Identifier: MIT
//! Loops under tokio, and messages over what tokio reads and writes.
#![cfg(feature = "tokio")]

#[path = "shared/futures.rs"]
mod futures;
mod shared;

use futures::{as_number, dropped, next, number, run};
use futures_util::{SinkExt, StreamExt};
use shared::framing;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;
use zcnet::tokio::{memory, Driver, Framed};
use zcnet::{ErrorKind, Event, Loop, Pool, PoolOptions, Stream, StreamOptions, Unit};

fn is_send<T: Send>(value: T) -> T {
    value
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
