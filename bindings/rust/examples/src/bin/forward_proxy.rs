// SPDX-License-Identifier: MIT
//! A proxy: each connection gets one of its own to the target, and what arrives at either leaves at the other, without a
//! copy. forward() stops reading one end while the other is slow, so nothing piles up here.
//!
//! Usage: forward_proxy ADDRESS TARGET
use std::collections::HashMap;
use std::process::ExitCode;
use zcnet::{Conn, ConnOptions, ConnRef, ErrorKind, Event, Framing, ListenOptions, Loop};
use zcnet_examples::{run, Outcome};

fn main() -> ExitCode {
    run("forward_proxy", "ADDRESS TARGET", |words| match words {
        [address, target] => Some(Proxy::serve(address, target)),
        _ => None,
    })
}

/// The other end of each connection, by its number.
struct Proxy {
    framing: Framing,
    others: HashMap<usize, Conn>,
    last: usize,
}

impl Proxy {
    fn serve(address: &str, target: &str) -> Outcome {
        let mut proxy = Proxy { framing: "raw".parse()?, others: HashMap::new(), last: 0 };
        let mut poller = Loop::new()?;
        let options = ListenOptions::new().conn(ConnOptions::new().half_open(true));
        let listener = poller.listen_with(address, &proxy.framing, &options)?;
        println!("{}", listener.address());
        loop {
            let events = poller.poll(None)?;
            for event in &events {
                proxy.handle(events.owner(), event, target)?;
            }
        }
    }

    fn handle(&mut self, poller: &Loop, event: Event<'_>, target: &str) -> zcnet::Result<()> {
        match event {
            Event::Accepted(near) => self.pair_up(poller, near, target),
            Event::Message { conn, message } => {
                let Some(other) = self.others.get(&conn.user()) else { return Ok(()) };
                match poller.get(other)?.forward(message) {
                    // The other end has failed, and its Closed follows.
                    Err(error) if error.kind() != ErrorKind::Closed => conn.abort(),
                    _ => {}
                }
            }
            Event::PeerClosed { conn, .. } => {
                // One direction has ended, the other may go on. An end that has come too is told by its Closed.
                if let Some(other) = self.others.get(&conn.user()) {
                    let _ = poller.get(other)?.shutdown();
                }
            }
            Event::Closed { conn, reason } => self.end(poller, conn, reason)?,
            _ => {}
        }
        Ok(())
    }

    fn pair_up(&mut self, poller: &Loop, near: ConnRef<'_>, target: &str) {
        let (mine, its) = (self.last + 1, self.last + 2);
        self.last += 2;
        match poller.connect_with(target, &self.framing, &ConnOptions::new().half_open(true).user(its)) {
            Ok(far) => {
                near.set_user(mine);
                self.others.insert(mine, far);
                self.others.insert(its, near.to_conn());
            }
            Err(_) => near.abort(),
        }
    }

    fn end(&mut self, poller: &Loop, conn: ConnRef<'_>, reason: zcnet::Result<()>) -> zcnet::Result<()> {
        let Some(other) = self.others.remove(&conn.user()) else { return Ok(()) };
        let other = poller.get(&other)?;
        self.others.remove(&other.user()); // it must not use this end any more
        match reason {
            Err(error) if error.kind() != ErrorKind::Eof => {
                eprintln!("an end was lost: {}", error);
                other.abort();
            }
            _ => other.close(),
        }
        Ok(())
    }
}
