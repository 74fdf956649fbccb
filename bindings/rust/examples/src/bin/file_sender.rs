// SPDX-License-Identifier: MIT
//! Sends files, each as one message, and the answer to each is its number of bytes and their CRC-32. The kernel sends the
//! bytes from where the file stands.
//!
//! Usage: file_sender serve ADDRESS           receives
//!        file_sender send ADDRESS FILE…      sends
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use zcnet::{ConnRef, Event, File, FileOptions, Framing, Loop, Unit};
use zcnet_examples::{run, Outcome};

fn main() -> ExitCode {
    run("file_sender", "serve ADDRESS | send ADDRESS FILE...", |words| match words {
        ["serve", address] => Some(serve(address)),
        ["send", address, paths @ ..] if !paths.is_empty() => Some(send(address, paths)),
        _ => None,
    })
}

fn framing() -> zcnet::Result<Framing> {
    "length,width=8,strip=8,max=4G".parse()
}

fn description(size: u64, crc: u32) -> Vec<u8> {
    [&size.to_be_bytes()[..], &crc.to_be_bytes()].concat()
}

fn serve(address: &str) -> Outcome {
    let mut poller = Loop::new()?;
    let listener = poller.listen(address, &framing()?)?;
    println!("{}", listener.address());
    loop {
        for event in &poller.poll(None)? {
            if let Event::Message { conn, message } = event {
                let answer = description(message.len() as u64, crc32fast::hash(&message));
                if conn.send_copy(&answer).is_err() {
                    conn.abort();
                }
            }
        }
    }
}

/// Queues a file, and says what its answer has to be.
fn send_file(conn: ConnRef<'_>, path: &str) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut mine = std::fs::File::open(path).map_err(|error| format!("{}: {}", path, error))?;
    let (mut crc, mut block) = (crc32fast::Hasher::new(), vec![0; 1 << 16]);
    loop {
        match mine.read(&mut block).map_err(|error| format!("{}: {}", path, error))? {
            0 => break,
            got => crc.update(&block[..got]),
        }
    }
    let file = File::from_fd(mine, &FileOptions::new())?;
    let mut unit = Unit::new()?;
    unit.append_file(&file, 0, file.size())?;
    conn.send(unit)?;
    Ok(description(file.size(), crc.finalize()))
}

fn send(address: &str, paths: &[&str]) -> Outcome {
    let mut poller = Loop::new()?;
    let _conn = poller.connect(address, &framing()?)?;
    let (mut left, mut expected) = (paths.iter(), Vec::new());
    let mut current: Option<&str> = None;
    loop {
        for event in &poller.poll(None)? {
            let conn = match event {
                Event::Connected(conn) => conn,
                Event::Message { conn, message } => {
                    let path = Path::new(current.expect("a file is on its way"));
                    if *message != *expected {
                        return Err(format!("{} was damaged on its way", path.display()).into());
                    }
                    let size = u64::from_be_bytes(expected[..8].try_into()?);
                    println!("{}: {} bytes", path.file_name().unwrap_or_default().to_string_lossy(), size);
                    conn
                }
                Event::Closed { reason, .. } => return Ok(reason?),
                _ => continue,
            };
            current = left.next().copied();
            match current {
                Some(path) => expected = send_file(conn, path)?,
                None => conn.close(),
            }
        }
    }
}
