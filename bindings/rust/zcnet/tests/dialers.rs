// SPDX-License-Identifier: MIT
//! Dialers: one connection after the other, and the events that tell of them.

mod shared;

use shared::{framing, poll_until};
use std::time::Duration;
use zcnet::{ConnOptions, DialOptions, ErrorKind, Event, Loop};

fn quick() -> DialOptions {
    DialOptions::new().first(Duration::from_millis(10)).longest(Duration::from_millis(40)).user(77)
}

#[test]
fn a_connection_that_ends_is_made_again() {
    let mut poller = Loop::new().unwrap();
    let listener = poller.listen("tcp://127.0.0.1:0", &framing()).unwrap();
    let options = quick().conn(ConnOptions::new().high_water(100_000));
    let dialer = poller.dial(listener.address(), &framing(), &options).unwrap();
    {
        let first = poller.dialer(&dialer).unwrap().conn().expect("the first attempt");
        assert_eq!(first.option(zcnet::sys::ZCN_OPTION_HIGH_WATER).unwrap(), 100_000);
        first.send_copy(b"once").unwrap();
    }
    let (mut messages, mut redials) = (Vec::new(), 0);
    poll_until(&mut poller, |events| {
        for event in events {
            match event {
                Event::Message { conn, message } => {
                    messages.push(message.to_vec());
                    if messages.len() == 1 {
                        conn.abort();
                    }
                }
                Event::Redial { dialer: told, reason, wait, .. } => {
                    assert!(told == dialer && told.user() == 77 && told.conn().is_none());
                    assert!(reason.is_err());
                    assert!(wait >= Duration::from_millis(1) && wait <= Duration::from_millis(40));
                    assert!(told.stats().wait_ms >= 1);
                    redials += 1;
                    told.hurry().unwrap();
                }
                Event::Connected(conn) if redials == 1 => conn.send_copy(b"again").unwrap(),
                _ => {}
            }
        }
        messages.len() == 2
    });
    assert_eq!((messages, redials), (vec![b"once".to_vec(), b"again".to_vec()], 1));
    let copy = dialer.clone();
    drop(dialer); // it goes on
    assert_eq!(poller.dialer(&copy).unwrap().stats().connected, 2);

    poller.dialer(&copy).unwrap().set_user(78);
    poller.dialer(&copy).unwrap().close();
    assert_eq!(poller.dialer(&copy).unwrap().hurry().unwrap_err().kind(), ErrorKind::Closed);
    poll_until(&mut poller, |events| {
        events.iter().any(|event| match event {
            Event::Redial { .. } => panic!("closed dialers do not dial"),
            Event::DialerClosed { user, reason } => {
                assert_eq!((user, reason), (78, Ok(())));
                true
            }
            _ => false,
        })
    });
}

#[test]
fn it_gives_up_when_it_was_told_to() {
    let mut poller = Loop::new().unwrap();
    let path = std::env::temp_dir().join(format!("zcnet-rust-nobody-{}", std::process::id()));
    let dialer = poller.dial(&format!("unix://{}", path.display()), &framing(), &quick().attempts(3)).unwrap();
    let mut told = Vec::new();
    poll_until(&mut poller, |events| {
        for event in events {
            match event {
                Event::Redial { failures, .. } => told.push(failures),
                Event::DialerClosed { reason, .. } => {
                    assert_eq!(reason.unwrap_err().kind(), ErrorKind::Refused);
                    return true;
                }
                _ => {}
            }
        }
        false
    });
    assert_eq!((told, poller.dialer(&dialer).unwrap().stats().attempts), (vec![1, 2], 3));
}

#[test]
fn what_cannot_be_dialled_is_an_error() {
    let poller = Loop::new().unwrap();
    assert_eq!(poller.dial("nowhere", &framing(), &quick()).unwrap_err().kind(), ErrorKind::Address);
    let other = Loop::new().unwrap();
    let dialer = other.dial("tcp://127.0.0.1:1", &framing(), &quick()).unwrap();
    assert_eq!(poller.dialer(&dialer).unwrap_err().kind(), ErrorKind::Invalid);
}
