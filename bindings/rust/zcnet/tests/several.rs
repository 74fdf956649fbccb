// SPDX-License-Identifier: MIT
//! What concerns several connections or loops at once: fan-out, receivers that lag, relays, handing over.

mod shared;

use shared::{framing, pair, poll_until, DEADLINE};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use zcnet::{Conn, ConnOptions, Direction, ErrorKind, Event, Lag, Loop, LoopOptions, Pool, PoolOptions};
use zcnet::{Relay, RelayMethod, RelayOptions, Tap, Unit};

fn unit(body: &[u8]) -> Unit {
    let mut unit = Unit::new().unwrap();
    unit.append_copy(body).unwrap();
    unit
}

/// Both ends of a pair of sockets on one loop.
fn joined(poller: &mut Loop, options: &ConnOptions) -> (Conn, Conn) {
    let (near, far) = UnixStream::pair().unwrap();
    let ends = (poller.adopt(near, &framing(), options).unwrap(), poller.adopt(far, &framing(), options).unwrap());
    let mut connected = 0;
    poll_until(poller, |events| {
        connected += events.iter().filter(|event| matches!(event, Event::Connected(_))).count();
        connected == 2
    });
    ends
}

#[test]
fn one_unit_to_many() {
    let mut poller = Loop::new().unwrap();
    let ends: Vec<_> = (0..3).map(|_| joined(&mut poller, &ConnOptions::new())).collect();
    poller.get(&ends[1].0).unwrap().abort();
    let said = poller.send_to_all(ends.iter().map(|(near, _)| near), unit(b"to all")).unwrap();
    assert_eq!(said.len(), 3);
    assert!(said[0].is_ok() && said[2].is_ok());
    assert_eq!(said[1].as_ref().unwrap_err().kind(), ErrorKind::Closed);
    let mut got = Vec::new();
    poll_until(&mut poller, |events| {
        for event in events {
            if let Event::Message { conn, message } = event {
                assert_eq!(&*message, b"to all");
                got.push(conn.to_conn());
            }
        }
        got.len() == 2
    });
    assert!(got.contains(&ends[0].1) && got.contains(&ends[2].1));

    let failed = poller.send_to_all_or_none(ends.iter().map(|(near, _)| near), unit(b"none")).unwrap_err();
    assert_eq!((failed.error.kind(), failed.unit.size()), (ErrorKind::Closed, 4));
    poller.send_to_all_or_none([&ends[0].0, &ends[2].0], failed.unit).unwrap();
    let other = Loop::new().unwrap();
    assert_eq!(other.send_to_all([&ends[0].0], unit(b"x")).unwrap_err().error.kind(), ErrorKind::Invalid);
}

#[test]
fn who_lags_misses_messages_or_is_disconnected() {
    for lag in [Lag::DropNewest, Lag::DropOldest, Lag::KeepLatest] {
        let mut poller = Loop::new().unwrap();
        let (near, far) = joined(&mut poller, &ConnOptions::new().high_water(65536).start_paused(true).lag(lag));
        for number in 0..200_u8 {
            poller.get(&near).unwrap().send_copy(&[number; 10_000]).unwrap();
            poller.poll(Some(std::time::Duration::ZERO)).unwrap();
        }
        let dropped = poller.get(&near).unwrap().stats().messages_dropped as usize;
        assert!(dropped > 0, "{:?}", lag);
        poller.get(&far).unwrap().resume().unwrap();
        let mut got = Vec::new();
        poll_until(&mut poller, |events| {
            got.extend(events.iter().filter_map(|event| event.message()).map(|message| message[0]));
            got.len() == 200 - dropped
        });
        assert_eq!(got.last() == Some(&199), lag != Lag::DropNewest, "{:?}", lag);
    }
    let mut poller = Loop::new().unwrap();
    let options = ConnOptions::new().high_water(65536).start_paused(true).lag(Lag::Disconnect);
    let (near, _far) = joined(&mut poller, &options);
    while poller.get(&near).unwrap().send_copy(&[0; 10_000]).is_ok() {}
    poll_until(&mut poller, |events| {
        events.iter().any(|event| match event {
            Event::Closed { conn, reason } if conn == near => {
                assert_eq!(reason.unwrap_err().kind(), ErrorKind::Lagged);
                true
            }
            _ => false,
        })
    });
}

fn wait_for_end(poller: &mut Loop, relay: &Relay) -> (Result<(), ErrorKind>, u64) {
    let mut end = None;
    poll_until(poller, |events| {
        for event in events {
            if let Event::RelayEnded { relay: ended, reason, bytes } = event {
                assert!(ended == *relay);
                end = Some((reason.map_err(|error| error.kind()), bytes));
            }
        }
        end.is_some()
    });
    end.unwrap()
}

#[test]
fn relays_join_sockets() {
    for method in [RelayMethod::Auto, RelayMethod::Splice, RelayMethod::Copy] {
        let mut poller = Loop::new().unwrap();
        let ((mut client, inner), (outer, mut server)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let (tap, mut copy) = UnixStream::pair().unwrap();
        let options = RelayOptions::new().method(method).forward_framing(&framing()).user(9);
        let relay = poller.join_sockets(inner, outer, &options).unwrap();
        {
            let here = poller.relay(&relay).unwrap();
            here.tap(Direction::Forward, tap, Tap::Wait(Some(shared::DEADLINE))).unwrap();
            assert!(here.user() == 9 && here.error().is_none());
            here.set_user(10);
            assert_eq!(here.user(), 10);
            let (again, _other) = UnixStream::pair().unwrap();
            assert_eq!(here.tap(Direction::Forward, again, Tap::Skip).unwrap_err().kind(), ErrorKind::Busy);
        }
        client.write_all(b"\0\0\0\x07through").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        server.shutdown(Shutdown::Write).unwrap();
        assert_eq!(wait_for_end(&mut poller, &relay), (Err(ErrorKind::Eof), 11));
        for end in [&mut server, &mut copy] {
            let mut got = Vec::new();
            end.read_to_end(&mut got).unwrap();
            assert_eq!(got, b"\0\0\0\x07through");
        }
        let here = poller.relay(&relay).unwrap();
        let flow = here.stats().forward;
        assert_eq!((flow.bytes_out, flow.messages, flow.tapped_bytes, flow.ended), (11, 1, 11, 1));
        let all = poller.relay_stats().unwrap();
        assert_eq!((all.open, all.ended, all.forward_bytes, all.messages, all.tapped_bytes), (0, 1, 11, 1, 11));
        assert_eq!(here.error().unwrap().kind(), ErrorKind::Eof);
        assert_eq!(Loop::new().unwrap().relay(&relay).unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[test]
fn relays_join_connections_and_end_from_any_thread() {
    let mut poller = Loop::new().unwrap();
    let (near, far) = joined(&mut poller, &ConnOptions::new());
    let relay = poller.join(&near, &far, &RelayOptions::new()).unwrap();
    let copy = relay.clone();
    thread::spawn(move || copy.abort()).join().unwrap();
    assert_eq!(wait_for_end(&mut poller, &relay).0, Err(ErrorKind::Aborted));
    assert_eq!(poller.join(&near, &far, &RelayOptions::new()).unwrap_err().kind(), ErrorKind::Closed);
    let pipe = std::fs::File::open("/dev/null").unwrap();
    let (socket, _other) = UnixStream::pair().unwrap();
    let refused = poller.join_sockets(pipe, socket, &RelayOptions::new()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    relay.close(); // once more is nothing
}

#[test]
fn connections_are_handed_to_loops_of_other_threads() {
    const CLIENTS: usize = 20;
    let mut front = Loop::new().unwrap();
    let listener = front.listen("tcp://127.0.0.1:0", &framing()).unwrap();
    let (tell, told) = mpsc::channel();
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let tell = tell.clone();
            thread::spawn(move || {
                let mut poller = Loop::new().unwrap();
                tell.send(poller.waker()).unwrap();
                let mut served = 0;
                poll_until(&mut poller, |events| {
                    for event in events {
                        match event {
                            Event::Arrived(conn) => {
                                assert!(events.owner().get(&conn.to_conn()).is_ok());
                            }
                            Event::Message { conn, message } => conn.forward(message).unwrap(),
                            Event::Closed { .. } => served += 1,
                            _ => {}
                        }
                    }
                    served == CLIENTS / 2
                });
            })
        })
        .collect();
    let wakers = [told.recv().unwrap(), told.recv().unwrap()];
    let address = listener.address().to_owned();
    let clients = thread::spawn(move || {
        for _ in 0..CLIENTS {
            let mut client = std::net::TcpStream::connect(address.strip_prefix("tcp://").unwrap()).unwrap();
            client.set_read_timeout(Some(shared::DEADLINE)).unwrap();
            client.write_all(b"\0\0\0\x05hello").unwrap();
            let mut answer = [0; 9];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"\0\0\0\x05hello");
        }
    });
    let mut accepted = 0;
    while accepted < CLIENTS {
        let mut fresh = Vec::new();
        poll_until(&mut front, |events| {
            for event in events {
                if let Event::Accepted(conn) = event {
                    fresh.push(conn.to_conn());
                }
            }
            !fresh.is_empty()
        });
        for conn in fresh {
            front.hand_over(&conn, &wakers[accepted % 2]).unwrap();
            accepted += 1;
            // It is not this loop's any more, whoever has it meanwhile.
            assert_eq!(front.get(&conn).unwrap_err().kind(), ErrorKind::Invalid);
            assert_eq!(front.hand_over(&conn, &wakers[0]).unwrap_err().kind(), ErrorKind::Invalid);
        }
    }
    clients.join().unwrap();
    for worker in workers {
        worker.join().unwrap();
    }
}

#[test]
fn what_cannot_be_handed_over() {
    let mut one = pair("tcp://127.0.0.1:0", &framing());
    let pool = Pool::new(&PoolOptions::new()).unwrap();
    let other = Loop::with_options(&LoopOptions::new().pool(&pool)).unwrap();
    let refused = one.poller.hand_over(&one.near, &other.waker()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(one.poller.get(&one.near).is_ok());
    one.near.abort();
    let third = Loop::new().unwrap();
    assert_eq!(one.poller.hand_over(&one.near, &third.waker()).unwrap_err().kind(), ErrorKind::Closed);
    // One that outlived its loop is nobody's, also where another loop has that one's address now.
    let far = one.far.clone();
    drop(one);
    for _ in 0..100 {
        assert_eq!(Loop::new().unwrap().get(&far).unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[test]
fn a_loop_tells_its_counters_at_a_socket() {
    let mut poller = Loop::new().unwrap();
    let path = std::env::temp_dir().join(format!("zcnet-rust-stat-{}", std::process::id()));
    let listener = poller.listen_stat(&format!("unix://{}", path.display())).unwrap();
    let mut asking = UnixStream::connect(&path).unwrap();
    asking.set_nonblocking(true).unwrap();
    let (mut page, mut ended) = (Vec::new(), false);
    let end = Instant::now() + DEADLINE;
    while !ended {
        assert!(poller.poll(Some(Duration::from_millis(1))).unwrap().is_empty());
        ended = asking.read_to_end(&mut page).is_ok();
        assert!(Instant::now() < end, "it did not happen in time");
    }
    let page = String::from_utf8(page).unwrap();
    assert!(page.starts_with(&format!("zcnet {}\n", zcnet::version())) && page.ends_with("\nend\n"), "{}", page);
    assert!(page.contains("\ncounter loop_polls "), "{}", page);
    poller.close_listener(&listener).unwrap();
    poll_until(&mut poller, |events| events.iter().any(|event| matches!(event, Event::ListenerClosed { .. })));
    assert_eq!(poller.listen_stat("tcp://127.0.0.1:0").unwrap_err().kind(), ErrorKind::Address);
}
