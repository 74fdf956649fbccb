// SPDX-License-Identifier: MIT
//! Messages over TLS: a stream over rustls. What is decrypted goes straight into the memory that the messages are shown in.
//!
//! Usage: tls_echo serve HOST:PORT CERT KEY       echoes, a thread a connection; prints its address
//!        tls_echo ask HOST:PORT CERT WORD…       trusts CERT alone, for "localhost"; prints the answers with their sizes
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use zcnet::{ErrorKind, MessageRef, Stream, StreamEvent, StreamOptions};
use zcnet_examples::{run, Outcome};

fn main() -> ExitCode {
    run("tls_echo", "serve HOST:PORT CERT KEY | ask HOST:PORT CERT WORD...", |words| match words {
        ["serve", address, cert, key] => Some(serve(address, cert, key)),
        ["ask", address, cert, words @ ..] if !words.is_empty() => Some(ask(address, cert, words)),
        _ => None,
    })
}

/// What goes on: nothing more, an answer, or the end of the conversation.
type Take<'t> = &'t mut dyn FnMut(&Stream, MessageRef<'_>) -> zcnet::Result<bool>;

/// Calls with each message until it says false, or the peer ends; true in the first case.
fn converse(tls: &mut (impl Read + Write), messages: &mut Stream, take: Take<'_>) -> Result<bool, Box<dyn Error>> {
    while messages.write_to(tls)? > 0 {}
    tls.flush()?;
    loop {
        messages.read_from(tls)?;
        let mut more = true;
        while more {
            let events = messages.poll()?;
            more = events.more();
            let stream = events.stream();
            for event in events {
                match event {
                    StreamEvent::Message(message) => {
                        if !take(stream, message)? {
                            return Ok(true);
                        }
                    }
                    StreamEvent::Closed(Err(error)) if error.kind() == ErrorKind::Eof => return Ok(false),
                    StreamEvent::Closed(reason) => reason?,
                    _ => {}
                }
            }
            while messages.write_to(tls)? > 0 {}
            tls.flush()?;
        }
    }
}

fn stream() -> zcnet::Result<Stream> {
    Stream::new(None, &"length,width=4,strip=4,max=1M".parse()?, &StreamOptions::new())
}

fn echo(config: Arc<ServerConfig>, socket: TcpStream) -> Outcome {
    let mut tls = StreamOwned::new(ServerConnection::new(config)?, socket);
    // The frame as it stands.
    converse(&mut tls, &mut stream()?, &mut |stream, message| stream.send_message(message).map(|()| true))?;
    tls.conn.send_close_notify();
    let _ = tls.flush();
    Ok(())
}

fn serve(address: &str, cert: &str, key: &str) -> Outcome {
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<Vec<_>, _>>()?;
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?);
    let listener = TcpListener::bind(address)?;
    println!("{}", listener.local_addr()?);
    for socket in listener.incoming() {
        let (config, socket) = (Arc::clone(&config), socket?);
        thread::spawn(move || {
            if let Err(error) = echo(config, socket) {
                eprintln!("a connection ended: {}", error);
            }
        });
    }
    Ok(())
}

fn ask(address: &str, cert: &str, words: &[&str]) -> Outcome {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cert)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
    let mut tls = StreamOwned::new(connection, TcpStream::connect(address)?);
    let mut messages = stream()?;
    for word in words {
        let mut unit = zcnet::Unit::new()?;
        unit.append_copy(word.as_bytes())?;
        messages.send(unit)?;
    }
    let mut missing = words.len();
    let answered = converse(&mut tls, &mut messages, &mut |_, message| {
        println!("{} {}", message.len(), String::from_utf8_lossy(&message));
        missing -= 1;
        Ok(missing > 0)
    })?;
    tls.conn.send_close_notify();
    tls.flush()?;
    if answered {
        Ok(())
    } else {
        Err("the connection ended".into())
    }
}
