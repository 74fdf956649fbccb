// SPDX-License-Identifier: MIT
//! What the tests share. Every wait has a deadline.
#![allow(dead_code)] // each test program uses a part of it

use std::env;
use std::process::{exit, Command, Output};
use std::time::{Duration, Instant};
use zcnet::{Conn, Event, Events, Framing, Listener, Loop};

pub const DEADLINE: Duration = Duration::from_secs(60);

pub fn framing() -> Framing {
    "length,width=4,strip=4,max=1M".parse().expect("a framing")
}

/// Polls until `done` says so of a batch.
pub fn poll_until(poller: &mut Loop, mut done: impl FnMut(&Events<'_>) -> bool) {
    let end = Instant::now() + DEADLINE;
    loop {
        let left = end.checked_duration_since(Instant::now()).expect("it did not happen in time");
        let events = poller.poll(Some(left)).expect("a poll");
        if done(&events) {
            return;
        }
    }
}

pub struct Pair {
    pub poller: Loop,
    pub listener: Listener,
    /// The connecting end.
    pub near: Conn,
    /// The accepted end.
    pub far: Conn,
}

/// Two connections of one loop that talk to each other.
pub fn pair(address: &str, framing: &Framing) -> Pair {
    let mut poller = Loop::new().expect("a loop");
    let listener = poller.listen(address, framing).expect("a listener");
    let near = poller.connect(listener.address(), framing).expect("a connection");
    let mut far = None;
    let mut connected = false;
    poll_until(&mut poller, |events| {
        for event in events {
            match event {
                Event::Accepted(conn) => far = Some(conn.to_conn()),
                Event::Connected(conn) => connected |= conn == near,
                other => panic!("{:?}", other),
            }
        }
        connected && far.is_some()
    });
    Pair { poller, listener, near, far: far.expect("it was accepted") }
}

/// Runs a part of the test `name` in a process of its own, whose environment has these variables too. In that process the
/// part is run and does not come back.
pub fn in_process(name: &str, environment: &[(&str, &str)], part: impl FnOnce()) -> Output {
    if env::var_os("ZCNET_TEST_PART").map_or(false, |wanted| wanted == name) {
        part();
        exit(0);
    }
    // A process that aborts leaves no file behind, and one that takes all descriptors needs few.
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -c 0; ulimit -n 128; exec \"$0\" \"$@\""])
        .arg(env::current_exe().expect("this program"));
    command.args([name, "--exact", "--nocapture"]).env("ZCNET_TEST_PART", name).envs(environment.iter().copied());
    command.output().expect("a process")
}
