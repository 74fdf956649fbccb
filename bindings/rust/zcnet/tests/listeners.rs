// SPDX-License-Identifier: MIT
//! Listeners in their owner's hands, and connections whose peer is told what it did wrong.

mod shared;

use shared::{framing, poll_until};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use zcnet::{ConnOptions, ErrorKind, Event, ListenOptions, Loop};

#[test]
fn a_listener_has_a_number_and_a_descriptor() {
    let mut poller = Loop::new().unwrap();
    let listener = poller.listen_with("tcp://127.0.0.1:0", &framing(), &ListenOptions::new().user(4)).unwrap();
    let same = listener.clone();
    drop(listener);
    assert_eq!(poller.listener_user(&same).unwrap(), 4);
    poller.set_listener_user(&same, 5).unwrap();
    assert_eq!(poller.listener_user(&same).unwrap(), 5);
    assert!(poller.listener_fd(&same).unwrap() >= 0);

    let other = Loop::new().unwrap();
    assert_eq!(other.listener_user(&same).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(other.set_listener_user(&same, 6).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(other.listener_fd(&same).unwrap_err().kind(), ErrorKind::Invalid);

    poller.close_listener(&same).unwrap();
    poll_until(&mut poller, |events| {
        events.iter().any(|event| matches!(event, Event::ListenerClosed { user: 5, reason: Ok(()) }))
    });
    assert_eq!(poller.listener_fd(&same).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_peer_is_told_what_was_wrong_with_its_bytes() {
    let mut poller = Loop::new().unwrap();
    let options = ListenOptions::new().conn(ConnOptions::new().half_open_after_errors(true));
    let listener = poller.listen_with("tcp://127.0.0.1:0", &"length,max=1K".parse().unwrap(), &options).unwrap();
    let address = listener.address().strip_prefix("tcp://").unwrap();
    let mut peer = TcpStream::connect(address).unwrap();
    peer.set_read_timeout(Some(shared::DEADLINE)).unwrap();
    peer.write_all(b"\xff\xff\xff\xff too much").unwrap();
    poll_until(&mut poller, |events| {
        for event in events {
            if let Event::PeerClosed { conn, reason } = event {
                assert_eq!(reason.unwrap_err().kind(), ErrorKind::FrameTooLarge);
                assert!(conn.error().is_some());
                conn.send_copy(b"at most 1K").unwrap();
                conn.shutdown().unwrap();
                return true;
            }
        }
        false
    });
    peer.shutdown(Shutdown::Write).unwrap();
    poll_until(&mut poller, |events| {
        for event in events {
            if let Event::Closed { conn, reason } = event {
                assert_eq!(reason.unwrap_err().kind(), ErrorKind::FrameTooLarge);
                assert_eq!(conn.error().unwrap().kind(), ErrorKind::FrameTooLarge);
                return true;
            }
        }
        false
    });
    let mut told = Vec::new();
    peer.read_to_end(&mut told).unwrap();
    assert_eq!(told, b"\0\0\0\x0aat most 1K");
}
