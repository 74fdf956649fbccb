// SPDX-License-Identifier: MIT
//! A ticker: ten times a second one message goes to every connection. All of them send the same bytes. A receiver that
//! lags misses ticks and slows nobody down.
//!
//! Usage: fan_out ADDRESS RECEIVERS TICKS      starts when so many receivers are there, ends after so many ticks
use std::process::ExitCode;
use std::time::Duration;
use zcnet::{Conn, Event, Framing, Loop, Unit};
use zcnet_examples::{number, run, Outcome};

fn main() -> ExitCode {
    run("fan_out", "ADDRESS RECEIVERS TICKS", |words| match words {
        [address, receivers, ticks] => Some(tick(address, number(receivers)?, number(ticks)?)),
        _ => None,
    })
}

fn tick(address: &str, wanted: u64, ticks: u64) -> Outcome {
    let framing: Framing = "delimiter=\\n,strip=1".parse()?;
    let mut poller = Loop::new()?;
    let listener = poller.listen(address, &framing)?;
    println!("{}", listener.address());
    let mut receivers: Vec<Conn> = Vec::new();
    let (mut done, mut missed) = (0, 0);
    'ticking: loop {
        let events = poller.poll(None)?;
        for event in &events {
            match event {
                Event::Accepted(conn) => {
                    receivers.push(conn.to_conn());
                    if receivers.len() as u64 == wanted && done == 0 {
                        events.owner().set_timer(0, Duration::ZERO)?;
                    }
                }
                Event::Closed { conn, .. } => receivers.retain(|receiver| conn != *receiver),
                Event::Timer(_) => {
                    done += 1;
                    let mut unit = Unit::new()?;
                    unit.append_copy(format!("tick {}", done).as_bytes())?;
                    if !receivers.is_empty() {
                        let said = events.owner().send_to_all(&receivers, unit)?;
                        missed += said.iter().filter(|one| one.is_err()).count();
                    }
                    if done == ticks {
                        break 'ticking;
                    }
                    events.owner().set_timer(0, Duration::from_millis(100))?;
                }
                _ => {}
            }
        }
    }
    poller.close()?;
    while poller.poll(None).is_ok() {}
    println!("{} ticks, {} missed", done, missed);
    Ok(())
}
