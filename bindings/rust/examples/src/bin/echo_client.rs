// SPDX-License-Identifier: MIT
//! Sends each word as a message to an echo server and prints the answers, each with its size.
//!
//! Usage: echo_client ADDRESS WORD…
use std::process::ExitCode;
use zcnet::{ErrorKind, Event, Framing, Loop, Unit};
use zcnet_examples::{run, Outcome};

fn main() -> ExitCode {
    run("echo_client", "ADDRESS WORD...", |words| match words {
        [address, words @ ..] if !words.is_empty() => Some(ask(address, words)),
        _ => None,
    })
}

fn ask(address: &str, words: &[&str]) -> Outcome {
    let framing: Framing = "length,width=4,strip=4,max=1M".parse()?;
    let mut poller = Loop::new()?;
    let conn = poller.connect(address, &framing)?;
    for word in words {
        // Memory of the library: the word is written where it will be sent from.
        let mut body = Unit::with_capacity(None, Some(&framing), word.len())?;
        body.put(word.as_bytes());
        match poller.get(&conn)?.send(body.finish()?) {
            // Where the connection has failed already, Closed says why.
            Err(failed) if failed.error.kind() != ErrorKind::Closed => return Err(failed.into()),
            _ => {}
        }
    }
    let mut missing = words.len();
    loop {
        for event in &poller.poll(None)? {
            match event {
                Event::Message { conn, message } => {
                    println!("{} {}", message.len(), String::from_utf8_lossy(&message));
                    missing -= 1;
                    if missing == 0 {
                        conn.close();
                    }
                }
                Event::Closed { .. } if missing == 0 => return Ok(()),
                Event::Closed { reason, .. } => return Err(reason.expect_err("nobody closed it here").into()),
                _ => {}
            }
        }
    }
}
