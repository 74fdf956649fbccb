// SPDX-License-Identifier: MIT
//! An echo server: every message goes back as it came. A peer that does not read is not read from either.
//!
//! Usage: echo_server [ADDRESS]
use std::process::ExitCode;
use zcnet::{ErrorKind, Event, Framing, Loop};
use zcnet_examples::{run, Outcome};

fn main() -> ExitCode {
    run("echo_server", "[ADDRESS]", |words| match words {
        [] => Some(serve("tcp://127.0.0.1:7000")),
        [address] => Some(serve(address)),
        _ => None,
    })
}

fn serve(address: &str) -> Outcome {
    let framing: Framing = "length,width=4,strip=4,max=1M".parse()?;
    let mut poller = Loop::new()?;
    let listener = poller.listen(address, &framing)?;
    println!("{}", listener.address());
    loop {
        for event in &poller.poll(None)? {
            match event {
                Event::Message { conn, message } => {
                    if conn.forward(message).is_err() {
                        conn.abort();
                    }
                }
                Event::Closed { reason: Err(why), .. } if why.kind() != ErrorKind::Eof => {
                    eprintln!("a connection ended: {}", why);
                }
                _ => {}
            }
        }
    }
}
