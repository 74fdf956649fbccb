// SPDX-License-Identifier: MIT
//! Sends many small messages to an echo server, a batch at a time, and releases the answers in batches too.
//!
//! Usage: batch_client ADDRESS COUNT
use std::process::ExitCode;
use zcnet::{release_all, ConnRef, Event, Framing, Loop, Message, MessageRef, Unit};
use zcnet_examples::{number, run, Outcome};

const BATCH: u64 = 256;
const KEPT: usize = 1000;

fn main() -> ExitCode {
    run("batch_client", "ADDRESS COUNT", |words| match words {
        [address, count] => Some(ask(address, number(count)?)),
        _ => None,
    })
}

/// Body n is the number n.
struct Questions {
    framing: Framing,
    total: u64,
    made: u64,
    units: Vec<Unit>,
}

impl Questions {
    /// Queues units until all are sent or the connection is above its high-water mark.
    fn send_some(&mut self, conn: ConnRef<'_>) -> zcnet::Result<()> {
        while self.made < self.total || !self.units.is_empty() {
            if self.units.is_empty() {
                self.refill()?;
            }
            match conn.send_batch(&mut self.units) {
                Err(error) if error.is_again() => return Ok(()), // the next call offers those that are left
                other => other?,
            }
        }
        Ok(())
    }

    fn refill(&mut self) -> zcnet::Result<()> {
        let count = BATCH.min(self.total - self.made) as usize;
        for mut body in Unit::batch_with_capacity(count, None, Some(&self.framing), 8)? {
            body.put(&self.made.to_le_bytes());
            self.units.push(body.finish()?);
            self.made += 1;
        }
        Ok(())
    }
}

/// Compares answers, and keeps some of them for a while.
#[derive(Default)]
struct Answers {
    count: u64,
    wrong: u64,
    kept: Vec<Message>,
}

impl Answers {
    fn take(&mut self, message: MessageRef<'_>) -> zcnet::Result<()> {
        self.wrong += u64::from(*message != self.count.to_le_bytes());
        self.count += 1;
        self.kept.push(message.retain()?);
        if self.kept.len() == KEPT {
            release_all(&mut self.kept);
        }
        Ok(())
    }
}

fn ask(address: &str, total: u64) -> Outcome {
    let framing: Framing = "length,width=4,strip=4,max=1M".parse()?;
    let mut poller = Loop::new()?;
    let _conn = poller.connect(address, &framing)?;
    let mut questions = Questions { framing, total, made: 0, units: Vec::new() };
    let mut answers = Answers::default();
    loop {
        for event in &poller.poll(None)? {
            match event {
                Event::Connected(conn) | Event::Writable(conn) => questions.send_some(conn)?,
                Event::Message { conn, message } => {
                    answers.take(message)?;
                    if answers.count == total {
                        conn.close();
                    }
                }
                Event::Closed { conn, reason } => {
                    let stats = conn.stats();
                    println!(
                        "{} answers, {} wrong, {} writes, {} reads, {} bytes copied",
                        answers.count, answers.wrong, stats.write_calls, stats.read_calls, stats.copied_bytes
                    );
                    reason?;
                    return if answers.wrong == 0 { Ok(()) } else { Err("wrong answers".into()) };
                }
                _ => {}
            }
        }
    }
}
