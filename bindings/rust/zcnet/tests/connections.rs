// SPDX-License-Identifier: MIT
//! Loops, connections and listeners.

mod shared;

use shared::{framing, pair, poll_until, DEADLINE};
use std::io::{Read, Write};
use std::os::unix::io::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use zcnet::{sys, Unit};
use zcnet::{
    Conn, ConnOptions, ConnState, ErrorKind, Event, Framing, ListenOptions, Loop, LoopOptions, Pool, PoolOptions,
};

fn assert_send<T: Send>(_: &T) {}
fn assert_sync<T: Sync>(_: &T) {}

#[test]
fn a_message_goes_there_and_back_over_both_transports() {
    let path = std::env::temp_dir().join(format!("zcnet-rust-{}", std::process::id()));
    for address in ["tcp://127.0.0.1:0", &format!("unix://{}", path.display())] {
        let mut pair = pair(address, &framing());
        pair.poller.get(&pair.near).unwrap().send_copy(b"hello").unwrap();
        let (near, far) = (pair.near.clone(), pair.far.clone());
        let mut answer = Vec::new();
        poll_until(&mut pair.poller, |events| {
            for event in events {
                let message = event.message().expect("nothing but messages");
                let conn = event.conn().expect("messages have connections");
                if conn == far {
                    assert_eq!(message.frame().unwrap(), b"\0\0\0\x05hello");
                    conn.forward(message).unwrap();
                } else {
                    assert_eq!(conn, near);
                    answer.extend_from_slice(&message);
                }
            }
            !answer.is_empty()
        });
        assert_eq!(answer, b"hello");
        let stats = pair.poller.get(&pair.far).unwrap().stats();
        assert_eq!((stats.messages_in, stats.messages_out, stats.copied_bytes), (1, 1, 0));
    }
    assert!(!path.exists(), "the socket's file stayed");
}

#[test]
fn the_first_use_of_a_stale_or_foreign_handle_is_an_error() {
    let mut one = pair("tcp://127.0.0.1:0", &framing());
    let other = pair("tcp://127.0.0.1:0", &framing());
    assert_eq!(one.poller.get(&other.near).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(one.poller.close_listener(&other.listener).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(one.poller.listener_stats(&other.listener).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(one.poller.set_framing(&other.near, &framing()).unwrap_err().kind(), ErrorKind::Invalid);
    // A message of one loop may not be forwarded by another.
    one.poller.get(&one.near).unwrap().send_copy(b"x").unwrap();
    poll_until(&mut one.poller, |events| {
        let Some(message) = events.iter().find_map(|event| event.message()) else { return false };
        let foreign = other.poller.get(&other.near).unwrap();
        assert_eq!(foreign.forward(message).unwrap_err().kind(), ErrorKind::Invalid);
        true
    });
}

#[test]
fn errors_say_what_is_wrong() {
    let mut poller = Loop::new().unwrap();
    let wrong = poller.connect("nowhere", &framing()).unwrap_err();
    assert_eq!((wrong.kind(), wrong.name(), wrong.status()), (ErrorKind::Address, "ZCN_EADDRESS", sys::ZCN_EADDRESS));
    assert_eq!(poller.connect("tcp://a\0b:1", &framing()).unwrap_err().kind(), ErrorKind::Address);
    let listener = poller.listen("tcp://127.0.0.1:0", &framing()).unwrap();
    let used = poller.listen(listener.address(), &framing()).unwrap_err();
    assert_eq!(used.kind(), ErrorKind::InUse);
    assert!(used.to_string().contains("in use"), "{}", used);
    assert_eq!(std::io::Error::from(used).kind(), std::io::ErrorKind::AddrInUse);

    // Nobody listens there any more.
    let address = listener.address().to_owned();
    poller.close_listener(&listener).unwrap();
    let conn = poller.connect(&address, &framing()).unwrap();
    poll_until(&mut poller, |events| {
        events.iter().any(|event| match event {
            Event::Closed { conn: closed, reason } => {
                assert_eq!(closed, conn);
                assert_eq!(reason.unwrap_err().kind(), ErrorKind::Refused);
                true
            }
            Event::ListenerClosed { reason, .. } => {
                reason.unwrap();
                false
            }
            other => panic!("{:?}", other),
        })
    });
    assert_eq!(conn.post(Unit::new().unwrap()).unwrap_err().error.kind(), ErrorKind::Closed);
}

#[test]
fn closing_delivers_what_was_sent_and_gives_one_last_event() {
    let mut pair = pair("tcp://127.0.0.1:0", &framing());
    let near = pair.poller.get(&pair.near).unwrap();
    assert_eq!(near.send_slices(&[b"one", b"", b"three"]).unwrap(), 3);
    near.close();
    assert!(matches!(near.state(), ConnState::Draining | ConnState::Closed));
    let mut messages = Vec::new();
    let mut closed = 0;
    poll_until(&mut pair.poller, |events| {
        for event in events {
            match event {
                Event::Message { message, .. } => messages.push(message.to_vec()),
                Event::Closed { conn, reason } if conn == pair.far => {
                    assert_eq!(reason.unwrap_err().kind(), ErrorKind::Eof);
                    closed += 1;
                }
                Event::Closed { reason, .. } => {
                    reason.unwrap();
                    closed += 1;
                }
                other => panic!("{:?}", other),
            }
        }
        closed == 2
    });
    assert_eq!(messages, [&b"one"[..], b"", b"three"]);
    assert_eq!(pair.poller.get(&pair.near).unwrap().state(), ConnState::Closed);
}

#[test]
fn messages_of_a_connection_that_is_closed_meanwhile_are_not_shown() {
    let mut pair = pair("tcp://127.0.0.1:0", &framing());
    let near = pair.poller.get(&pair.near).unwrap();
    near.send_slices(&[b"1", b"2", b"3"]).unwrap();
    near.flush().unwrap();
    let mut shown = 0;
    poll_until(&mut pair.poller, |events| {
        let mut ended = false;
        for event in events {
            match event {
                Event::Message { conn, message } => {
                    shown += 1;
                    conn.close();
                    assert_eq!(message.bytes(), b"1", "what was shown stays");
                }
                Event::Closed { conn, .. } => ended |= conn == pair.far,
                other => panic!("{:?}", other),
            }
        }
        ended
    });
    assert_eq!(shown, 1);
}

/// Many threads post, close at the worst time, and wake, while the owner polls.
#[test]
fn any_thread_posts_wakes_and_closes_while_the_owner_polls() {
    const THREADS: usize = 4;
    const EACH: usize = 2000;
    let mut pair = pair("tcp://127.0.0.1:0", &framing());
    assert_send(&pair.poller);
    assert_sync(&pair.near);
    let posted = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (conn, waker, posted) = (pair.near.clone(), pair.poller.waker(), Arc::clone(&posted));
            thread::spawn(move || {
                for number in 0..EACH {
                    let mut body = Unit::with_capacity(None, None, 16).unwrap();
                    body.put(&thread.to_le_bytes());
                    body.put(&number.to_le_bytes());
                    let mut unit = body.finish().unwrap();
                    while let Err(failed) = conn.post(unit) {
                        assert!(failed.error.is_again(), "{}", failed);
                        unit = failed.unit;
                        thread::yield_now();
                    }
                    waker.wake();
                }
                // The last one closes, after all that was posted.
                if posted.fetch_add(1, Ordering::AcqRel) + 1 == THREADS {
                    conn.close();
                }
            })
        })
        .collect();
    let mut next = [0_usize; THREADS];
    poll_until(&mut pair.poller, |events| {
        let mut ended = false;
        for event in events {
            match event {
                Event::Message { message, .. } => {
                    let (thread, number) = message.split_at(8);
                    let thread = usize::from_le_bytes(thread.try_into().unwrap());
                    assert_eq!(usize::from_le_bytes(number.try_into().unwrap()), next[thread]);
                    next[thread] += 1;
                }
                Event::Closed { conn, .. } => ended |= conn == pair.far,
                Event::Woken => {}
                other => panic!("{:?}", other),
            }
        }
        ended
    });
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(next, [EACH; THREADS]);
}

#[test]
fn a_loop_moves_between_threads_with_its_connections() {
    let mut pair = pair("tcp://127.0.0.1:0", &framing());
    for round in 0..4_u8 {
        pair = thread::spawn(move || {
            pair.poller.get(&pair.near).unwrap().send_copy(&[round]).unwrap();
            poll_until(&mut pair.poller, |events| {
                events.iter().any(|event| event.message().map(|message| assert_eq!(message, &[round])).is_some())
            });
            pair
        })
        .join()
        .unwrap();
    }
}

#[test]
fn timers_run_out_or_are_taken_back() {
    let mut poller = Loop::new().unwrap();
    assert_eq!(poller.next_deadline().unwrap(), None);
    poller.set_timer(1, Duration::from_millis(1)).unwrap();
    poller.set_timer(2, Duration::from_secs(3600)).unwrap();
    assert!(poller.next_deadline().unwrap().unwrap() <= Duration::from_millis(1));
    poll_until(&mut poller, |events| events.iter().any(|event| matches!(event, Event::Timer(1))));
    assert!(poller.cancel_timer(2));
    assert!(!poller.cancel_timer(2));
    assert!(!poller.cancel_timer(1));
    let began = Instant::now();
    assert!(poller.poll(Some(Duration::from_millis(5))).unwrap().is_empty());
    assert!(began.elapsed() >= Duration::from_millis(5));
}

#[test]
fn above_high_water_units_come_back_and_writable_follows() {
    let mut poller = Loop::new().unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let options = ConnOptions::new().high_water(64 << 10).send_buffer(4096).user(7);
    let conn = poller.adopt(ours, &framing(), &options).unwrap();
    let body: &'static [u8] = &[b'x'; 4096];
    let mut taken = 0_usize;
    let unit = || {
        let mut unit = Unit::new().unwrap();
        unit.append_static(body).unwrap();
        unit
    };
    let refused = loop {
        match poller.get(&conn).unwrap().send(unit()) {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert!(refused.error.is_again() && taken > 0);
    assert_eq!(refused.unit.size(), 4096);
    let mut units: Vec<_> = std::iter::once(refused.unit).chain((0..3).map(|_| unit())).collect();
    assert!(poller.get(&conn).unwrap().send_batch(&mut units).unwrap_err().is_again());
    assert_eq!(units.len(), 4, "those that were not taken stay");

    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).unwrap();
        all.len()
    });
    poll_until(&mut poller, |events| {
        events.iter().any(|event| match event {
            Event::Writable(conn) => {
                assert_eq!(conn.user(), 7);
                true
            }
            Event::Connected(_) => false,
            other => panic!("{:?}", other),
        })
    });
    poller.get(&conn).unwrap().send_batch(&mut units).unwrap();
    assert!(units.is_empty());
    conn.close();
    poll_until(&mut poller, |events| events.iter().any(|event| matches!(event, Event::Closed { .. })));
    drop((conn, poller));
    assert_eq!(reader.join().unwrap(), (taken + 4) * 4100);
}

#[test]
fn sent_events_come_for_units_with_a_token() {
    let mut pair = pair("tcp://127.0.0.1:0", &framing());
    let near = pair.poller.get(&pair.near).unwrap();
    for token in 10..13 {
        let mut unit = Unit::new().unwrap();
        unit.append_copy(b"abc").unwrap();
        unit.set_token(token).unwrap();
        near.send(unit).unwrap();
    }
    let mut sent = Vec::new();
    poll_until(&mut pair.poller, |events| {
        for event in events {
            if let Event::Sent { conn, first, count, result } = event {
                assert_eq!(conn, pair.near);
                result.unwrap();
                sent.extend(first..first + count);
            }
        }
        sent.len() == 3
    });
    assert_eq!(sent, [10, 11, 12]);
}

#[test]
fn framing_changes_in_mid_stream_and_descriptors_go_and_come() {
    let mut poller = Loop::new().unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let lines = Framing::new("delimiter=\\n,strip=1").unwrap();
    let options = ConnOptions::new().messages_per_poll(1).message_timeout(DEADLINE);
    let conn = poller.adopt(ours, &lines, &options).unwrap();
    theirs.write_all(b"upgrade\n\0\0\0\x02hi\0\0\0\x03bye").unwrap();
    let mut seen: Vec<Vec<u8>> = Vec::new();
    while seen.len() < 2 {
        poll_until(&mut poller, |events| {
            seen.extend(events.iter().filter_map(|event| event.message()).map(|message| message.to_vec()));
            !events.is_empty()
        });
        if seen.len() == 1 {
            poller.set_framing(&conn, &framing()).unwrap();
        }
    }
    assert_eq!(seen, [&b"upgrade"[..], b"hi"]);
    poller.get(&conn).unwrap().pause().unwrap();
    let (fd, rest) = poller.get(&conn).unwrap().take_fd().unwrap();
    assert_eq!(rest.as_deref(), Some(&b"\0\0\0\x03bye"[..]));
    let mut back = UnixStream::from(fd);
    back.set_nonblocking(false).unwrap();
    theirs.write_all(b"again").unwrap();
    let mut buffer = [0; 5];
    back.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"again");
}

#[test]
fn options_reach_the_library() {
    let pool = Pool::new(&PoolOptions::new().block_size(64 << 10).limit(8 << 20)).unwrap();
    assert_eq!(pool.stats().unwrap().limit_bytes, 8 << 20);
    assert_eq!(Pool::new(&PoolOptions::new().block_size(1000)).unwrap_err().kind(), ErrorKind::Invalid);
    let mut poller =
        Loop::with_options(&LoopOptions::new().pool(&pool).event_capacity(16).without_helper(true)).unwrap();
    drop(pool); // the loop keeps it
    assert_eq!(poller.connect("tcp://localhost:1", &framing()).unwrap_err().kind(), ErrorKind::Unsupported);
    let options = ListenOptions::new().max_connections(1).user(9).conn(ConnOptions::new().high_water(1 << 20).user(5));
    let listener = poller.listen_with("tcp://127.0.0.1:0", &framing(), &options).unwrap();
    let connections: Vec<Conn> = (0..2).map(|_| poller.connect(listener.address(), &framing()).unwrap()).collect();
    let (mut accepted, mut limited) = (0, 0);
    poll_until(&mut poller, |events| {
        for event in events {
            match event {
                Event::Accepted(conn) => {
                    accepted += 1;
                    assert_eq!(conn.option(sys::ZCN_OPTION_HIGH_WATER).unwrap(), 1 << 20);
                    assert_eq!(conn.set_option(12345, 1).unwrap_err().kind(), ErrorKind::Option);
                    assert_eq!(conn.local_address().unwrap(), listener.address());
                    assert!(conn.peer_address().unwrap().starts_with("tcp://127.0.0.1:"));
                }
                Event::AcceptLimited { user, reason } => {
                    assert_eq!((user, reason.unwrap_err().kind()), (9, ErrorKind::NoBuffers));
                    limited += 1;
                }
                _ => {}
            }
        }
        limited > 0
    });
    assert_eq!(accepted, 1);
    let stats = poller.listener_stats(&listener).unwrap();
    assert_eq!((stats.accepted, stats.open), (1, 1));
    assert_eq!(poller.stats().unwrap().connections, 3);
    for conn in connections {
        conn.abort();
    }
    poller.as_fd().try_clone_to_owned().unwrap();
    poller.close().unwrap();
    let end = Instant::now() + DEADLINE;
    let last = loop {
        assert!(Instant::now() < end);
        if let Err(error) = poller.poll(Some(DEADLINE)) {
            break error;
        }
    };
    assert_eq!(last.kind(), ErrorKind::Closed);
}
