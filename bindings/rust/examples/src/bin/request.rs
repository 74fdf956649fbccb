// SPDX-License-Identifier: MIT
//! Requests and answers with many in flight, each with a deadline of its own, by tokio. The first eight bytes of a body are
//! an id, which the library gives and finds again; a server answers with the same id, in any order. An echo server is such
//! a server.
//!
//! Usage: request ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS]
use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;
use zcnet::tokio::Client;
use zcnet::{ConnOptions, ErrorKind, Framing};
use zcnet_examples::{number, run, Outcome};

const ID_WIDTH: usize = 8;

fn main() -> ExitCode {
    run("request", "ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS]", |words| match words {
        [address, count, in_flight] => Some(ask(address, number(count)?, number(in_flight)?, 30_000)),
        [address, count, in_flight, timeout] => {
            Some(ask(address, number(count)?, number(in_flight)?, number(timeout)?))
        }
        _ => None,
    })
}

#[derive(Default)]
struct Counts {
    asked: Cell<u64>,
    answered: Cell<u64>,
    late: Cell<u64>,
    failed: Cell<u64>,
}

fn add_one(count: &Cell<u64>) -> u64 {
    count.set(count.get() + 1);
    count.get()
}

async fn worker(client: Client, counts: Rc<Counts>, total: u64, timeout: Duration) -> zcnet::Result<()> {
    while counts.asked.get() < total {
        let question = format!("question {}", add_one(&counts.asked));
        let body = [&[0; ID_WIDTH], question.as_bytes()].concat();
        match client.request(body, Some(timeout)).await {
            Ok(answer) if answer[ID_WIDTH..] == *question.as_bytes() => add_one(&counts.answered),
            Err(error) if error.kind() == ErrorKind::TimedOut => add_one(&counts.late),
            Ok(_) => add_one(&counts.failed),
            Err(error) => return Err(error),
        };
    }
    Ok(())
}

fn ask(address: &str, total: u64, in_flight: u64, timeout_ms: u64) -> Outcome {
    let framing: Framing = "length,width=4,strip=4,max=1M".parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let options = ConnOptions::new().id_width(ID_WIDTH as u32);
        let (client, work) = Client::connect(address, &framing, &options)?;
        let work = tokio::spawn(work);
        let counts = Rc::new(Counts::default());
        let timeout = Duration::from_millis(timeout_ms);
        let workers: Vec<_> = (0..in_flight)
            .map(|_| tokio::task::spawn_local(worker(client.clone(), Rc::clone(&counts), total, timeout)))
            .collect();
        drop(client);
        for worker in workers {
            worker.await??;
        }
        work.await??;
        println!("{} answered, {} late, {} failed", counts.answered.get(), counts.late.get(), counts.failed.get());
        if counts.answered.get() == total {
            Ok(())
        } else {
            Err("not all were answered".into())
        }
    })
}
