// SPDX-License-Identifier: MIT
//! Small messages on one connection and large ones on another, which is opened when the first large one is to be sent: so
//! a small message never waits behind a large one, and whoever receives can give each its own limit.
//!
//! Usage: two_connections serve SMALL LARGE            answers each message with its size; prints both addresses
//!        two_connections send SMALL LARGE SIZE…       sends a message of each size
use std::process::ExitCode;
use zcnet::{Conn, ErrorKind, Event, Framing, Loop, Unit};
use zcnet_examples::{run, Outcome};

fn main() -> ExitCode {
    run("two_connections", "serve SMALL LARGE | send SMALL LARGE SIZE...", |words| match words {
        ["serve", small, large] => Some(serve([small, large])),
        ["send", small, large, sizes @ ..] if !sizes.is_empty() => Some(send([small, large], sizes)),
        _ => None,
    })
}

/// Whole frames of up to 4 KiB are small: a longer one is refused there as soon as its header is read.
fn framings() -> zcnet::Result<[Framing; 2]> {
    Ok(["length,width=4,strip=4,max=4K".parse()?, "length,width=4,strip=4,max=64M".parse()?])
}

/// What the rest of a program sees: one thing to send on.
struct Link<'a> {
    framings: [Framing; 2],
    addresses: [&'a str; 2],
    conns: [Option<Conn>; 2],
}

impl Link<'_> {
    /// Sends a body on the connection that takes it.
    fn send(&mut self, poller: &Loop, body: Vec<u8>) -> zcnet::Result<()> {
        let which = match self.framings[0].overhead(body.len() as u64) {
            Err(error) if error.kind() == ErrorKind::FrameTooLarge => 1,
            _ => 0,
        };
        if self.conns[which].is_none() {
            self.conns[which] = Some(poller.connect(self.addresses[which], &self.framings[which])?);
        }
        let mut unit = Unit::new()?;
        unit.append_owned(body)?;
        let conn = self.conns[which].as_ref().expect("it was just made");
        Ok(poller.get(conn)?.send(unit)?)
    }

    fn opened(&self) -> usize {
        self.conns.iter().flatten().count()
    }
}

fn serve(addresses: [&str; 2]) -> Outcome {
    let mut poller = Loop::new()?;
    for (address, framing) in addresses.iter().zip(framings()?) {
        println!("{}", poller.listen(address, &framing)?.address());
    }
    loop {
        for event in &poller.poll(None)? {
            if let Event::Message { conn, message } = event {
                if conn.send_copy(message.len().to_string().as_bytes()).is_err() {
                    conn.abort();
                }
            }
        }
    }
}

fn send(addresses: [&str; 2], sizes: &[&str]) -> Outcome {
    let mut poller = Loop::new()?;
    let mut link = Link { framings: framings()?, addresses, conns: [None, None] };
    for size in sizes {
        link.send(&poller, vec![0; size.parse()?])?;
        let answer = receive(&mut poller)?;
        if answer != *size {
            return Err(format!("{} bytes arrived as {}", size, answer).into());
        }
        println!("{} bytes, {} connections", size, link.opened());
    }
    poller.close()?;
    while poller.poll(None).is_ok() {}
    Ok(())
}

fn receive(poller: &mut Loop) -> zcnet::Result<String> {
    loop {
        for event in &poller.poll(None)? {
            match event {
                Event::Message { message, .. } => return Ok(String::from_utf8_lossy(&message).into_owned()),
                Event::Closed { reason: Err(error), .. } => return Err(error),
                _ => {}
            }
        }
    }
}
