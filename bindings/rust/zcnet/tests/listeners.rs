// SPDX-License-Identifier: MIT
//! Listeners in their owner's hands, and connections whose peer is told what it did wrong.

mod shared;

use shared::{framing, in_process, poll_until};
use std::fs::File;
use std::io::{self, Read, Write};
use std::iter;
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

const EMFILE: i32 = 24;

#[test]
fn accepting_pauses_without_descriptors_and_says_why() {
    let name = "accepting_pauses_without_descriptors_and_says_why";
    let output = in_process(name, &[], || {
        let mut poller = Loop::new().unwrap();
        let options = ListenOptions::new().user(7);
        let listener = poller.listen_with("tcp://127.0.0.1:0", &framing(), &options).unwrap();
        let address = listener.address().strip_prefix("tcp://").unwrap();
        // The first of them are sent away.
        let clients: Vec<TcpStream> = (0..6).map(|_| TcpStream::connect(address).unwrap()).collect();
        let rest: Vec<File> = iter::from_fn(|| File::open("/dev/null").ok()).collect();
        poll_until(&mut poller, |events| {
            for event in events {
                if let Event::AcceptLimited { user, reason } = event {
                    let error = reason.unwrap_err();
                    let wanted = io::Error::from_raw_os_error(EMFILE);
                    assert_eq!((user, error.kind(), error.raw_os_error()), (7, ErrorKind::System, Some(EMFILE)));
                    assert_eq!(error.to_string(), wanted.to_string());
                    return true;
                }
            }
            false
        });
        drop(rest);
        poll_until(&mut poller, |events| events.iter().any(|event| matches!(event, Event::Accepted(_))));
        drop(clients);
        println!("it goes on");
    });
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("it goes on"), "{:?}", output);
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
