// SPDX-License-Identifier: MIT
//! Receiving and echoing in Rust, sync and under tokio, against the C library's own programs and against tokio-util's
//! LengthDelimitedCodec: all get the same bytes from a process of their own, in turns; medians are compared.
//!
//! Usage: zcnet-bench TOOL ECHO_SERVER      the C tool, and the echo server of the examples in C
mod contenders;

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Instant;

type Fallible<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;
const BODIES: [(usize, u64); 3] = [(64, 4_000_000), (1024, 1_000_000), (4096, 400_000)];
const NAMES: [&str; 4] = ["C", "sync", "tokio", "codec"];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        [contender] => contenders::run(contender),
        ["send", address, size, count] => Some(send(address, size, count)),
        [tool, server] => Some(tables(tool, server)),
        _ => None,
    };
    match outcome {
        None => {
            eprintln!("usage: zcnet-bench TOOL ECHO_SERVER");
            ExitCode::from(2)
        }
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("zcnet-bench: {}", error);
            ExitCode::FAILURE
        }
    }
}

/// A process that prints its address first.
struct Contender {
    process: Child,
    out: BufReader<std::process::ChildStdout>,
    address: String,
}

impl Contender {
    fn start(command: &mut Command) -> Fallible<Contender> {
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let mut out = BufReader::new(process.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        out.read_line(&mut line)?;
        // The tool says it as JSON.
        let address = line.split('"').find(|piece| piece.starts_with("tcp://")).unwrap_or(&line).trim();
        let address = address.trim_start_matches("tcp://").to_owned();
        Ok(Contender { process, out, address })
    }

    fn rest(mut self) -> Fallible<String> {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest)?;
        self.process.wait()?;
        Ok(rest)
    }
}

fn itself(words: &[&str]) -> Fallible<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words);
    Ok(command)
}

/// As many frames as make up a megabyte or so, to be written again and again.
fn frames(size: usize) -> (Vec<u8>, u64) {
    let frame = [&(size as u32).to_be_bytes()[..], &vec![b'x'; size]].concat();
    let many = (1 << 20) / frame.len();
    (frame.repeat(many), many as u64)
}

/// Frames that were made before, so that this end is not what is measured.
fn write_all(socket: &mut TcpStream, size: usize, count: u64) -> std::io::Result<()> {
    let (block, many) = frames(size);
    for _ in 0..count / many {
        socket.write_all(&block)?;
    }
    socket.write_all(&block[..(count % many) as usize * (size + 4)])
}

fn send(address: &str, size: &str, count: &str) -> Fallible<()> {
    write_all(&mut TcpStream::connect(address)?, size.parse()?, count.parse()?)?;
    Ok(())
}

/// Messages a second.
fn receive(name: &str, tool: &str, size: usize, count: u64) -> Fallible<f64> {
    let mut command = match name {
        "C" => {
            let mut command = Command::new(tool);
            command.args(["recv", "tcp://127.0.0.1:0", "--framing", "length,strip=4,max=1M"]);
            command.args(["--once", "--stats", "--json"]);
            command
        }
        _ => itself(&[&format!("receive-{}", name)])?,
    };
    let receiver = Contender::start(&mut command)?;
    let sender = itself(&["send", &receiver.address, &size.to_string(), &count.to_string()])?.status()?;
    let rest = receiver.rest()?;
    let figures = match name {
        "C" => rest.lines().last().and_then(|line| Some((figure(line, "messages")?, figure(line, "seconds")?))),
        _ => rest.trim().split_once(' ').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?))),
    };
    match figures {
        Some((messages, seconds)) if messages == count as f64 && sender.success() => Ok(messages / seconds),
        _ => Err(format!("{} did not receive {} messages: {}", name, count, rest).into()),
    }
}

/// A number of a line of JSON.
fn figure(line: &str, name: &str) -> Option<f64> {
    let (_, rest) = line.split_once(&format!("\"{}\":", name))?;
    rest.split([',', '}']).next()?.trim().parse().ok()
}

fn echo(name: &str, server: &str, size: usize, count: u64) -> Fallible<f64> {
    let mut command = match name {
        "C" => {
            let mut command = Command::new(server);
            command.arg("tcp://127.0.0.1:0");
            command
        }
        _ => itself(&[&format!("echo-{}", name)])?,
    };
    let mut contender = Contender::start(&mut command)?;
    let mut reader = TcpStream::connect(&contender.address)?;
    let mut writer = reader.try_clone()?;
    let begun = Instant::now();
    let sender = thread::spawn(move || {
        write_all(&mut writer, size, count)?;
        writer.shutdown(Shutdown::Write)
    });
    let (mut missing, mut block) = (count * (size as u64 + 4), vec![0; 1 << 20]);
    while missing > 0 {
        match reader.read(&mut block)? {
            0 => return Err(format!("{}: {} bytes did not come back", name, missing).into()),
            got => missing -= got as u64,
        }
    }
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    sender.join().map_err(|_| "the sender failed")??;
    if name == "C" {
        contender.process.kill()?; // it would serve others
    }
    contender.rest()?;
    Ok(rate)
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn tables(tool: &str, server: &str) -> Fallible<()> {
    println!("libzcnet {}; messages a second, medians of {} rounds", zcnet::version(), ROUNDS);
    for work in ["receive", "echo"] {
        println!(
            "{:>8} {:>6} {:>11} {:>11} {:>11} {:>11} {:>8} {:>8} {:>12}",
            work, "bytes", "C", "sync", "tokio", "tokio-util", "sync/C", "tokio/C", "/tokio-util"
        );
        for (size, count) in BODIES {
            let mut rates = [[0.0; ROUNDS]; NAMES.len()];
            for round in 0..ROUNDS {
                for (name, rates) in NAMES.iter().zip(&mut rates) {
                    rates[round] = match work {
                        "receive" => receive(name, tool, size, count)?,
                        _ => echo(name, server, size, count)?,
                    };
                }
            }
            let [c, sync, tokio, codec] = rates.map(|mut rates| median(&mut rates));
            println!(
                "{:>8} {:>6} {:>11.0} {:>11.0} {:>11.0} {:>11.0} {:>8.2} {:>8.2} {:>12.2}",
                "",
                size,
                c,
                sync,
                tokio,
                codec,
                sync / c,
                tokio / c,
                tokio / codec
            );
        }
    }
    Ok(())
}
