// SPDX-License-Identifier: MIT
//! A program that forgets to release anything: it works, and the debug mode says what it has forgotten, and where that was
//! made.

mod shared;

use shared::{framing, in_process};
use std::mem::forget;
use zcnet::{DialOptions, Dialer, Loop, Pool, PoolOptions, Stream, StreamOptions, Unit};

fn forget_everything() {
    let pool = Pool::new(&PoolOptions::new()).unwrap();
    let mut stream = Stream::new(Some(&pool), &framing(), &StreamOptions::new()).unwrap();
    stream.read_from(&mut &b"\0\0\0\x03one\0\0\0\x03two"[..]).unwrap();
    for message in stream.poll().unwrap().filter_map(|event| event.message()) {
        forget(message.retain().unwrap());
    }
    let mut unit = Unit::new().unwrap();
    unit.append_owned(vec![1; 100]).unwrap();
    forget(unit);
    let poller = Loop::new().unwrap();
    forget(poller.listen("tcp://127.0.0.1:0", &framing()).unwrap());
    let dialer: Dialer = poller.dial("tcp://127.0.0.1:1", &framing(), &DialOptions::new()).unwrap();
    forget(dialer);
    forget((poller, stream, pool));
}

#[test]
fn a_program_that_forgets_every_release_ends_well() {
    let name = "a_program_that_forgets_every_release_ends_well";
    let output = in_process(name, &[("ZCNET_DEBUG", "")], forget_everything);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {}", output.status, said);
    assert!(!said.contains("zcnet"), "{}", said);
}

#[test]
fn the_leak_report_names_what_was_forgotten() {
    let name = "the_leak_report_names_what_was_forgotten";
    let output = in_process(name, &[("ZCNET_DEBUG", "leak")], forget_everything);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {}", output.status, said);
    for (kind, count) in [
        ("message 3 bytes", 2),
        ("unit ", 1),
        ("listener ", 1),
        ("dialer ", 1),
        ("loop ", 1),
        ("stream ", 1),
        ("pool ", 1),
    ] {
        let told = said.lines().filter(|line| line.starts_with(&format!("zcnet: alive at the end: {}", kind)));
        let places: Vec<_> = told.map(|line| line.split(" from ").nth(1).expect("the place that made it")).collect();
        assert_eq!(places.len(), count, "{}: {}", kind, said);
        assert!(places.iter().all(|place| place.contains("+0x")), "{}", said);
    }
}
