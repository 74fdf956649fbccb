// SPDX-License-Identifier: MIT
//! What is measured: receivers, which look at the first and last byte of each message, and echo servers. Each serves one
//! connection and ends with it; the first line that it prints is its address.
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use std::error::Error;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio_util::codec::LengthDelimitedCodec;
use zcnet::tokio::Driver;
use zcnet::{Event, Events, Framing, Loop};

type Outcome = Result<(), Box<dyn Error>>;

/// What each receiver knows at its end.
#[derive(Default)]
struct Received {
    begun: Option<Instant>,
    messages: u64,
    sum: u64,
}

impl Received {
    fn look(&mut self, body: &[u8]) {
        self.messages += 1;
        self.sum += u64::from(body[0]) + u64::from(body[body.len() - 1]);
    }

    fn report(self) -> Outcome {
        if self.sum != self.messages * 2 * u64::from(b'x') {
            return Err("the messages are others than those that were sent".into());
        }
        let seconds = self.begun.ok_or("nobody came")?.elapsed().as_secs_f64();
        println!("{} {}", self.messages, seconds);
        Ok(())
    }
}

fn framing() -> Framing {
    "length,strip=4,max=1M".parse().expect("a framing")
}

/// One poll's events; true at the end of the connection.
fn receive(events: &Events<'_>, received: &mut Received) -> bool {
    for event in events {
        match event {
            Event::Message { message, .. } => received.look(&message),
            Event::Accepted(_) => received.begun = Some(Instant::now()),
            Event::Closed { .. } => return true,
            _ => {}
        }
    }
    false
}

fn echo(events: &Events<'_>) -> bool {
    for event in events {
        match event {
            Event::Message { conn, message } => conn.forward(message).expect("the peer is there"),
            Event::Closed { .. } => return true,
            _ => {}
        }
    }
    false
}

fn listening() -> zcnet::Result<Loop> {
    let poller = Loop::new()?;
    println!("{}", poller.listen("tcp://127.0.0.1:0", &framing())?.address());
    Ok(poller)
}

fn block_on<T>(future: impl std::future::Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

async fn accept() -> Result<tokio::net::TcpStream, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("tcp://{}", listener.local_addr()?);
    let (socket, _) = listener.accept().await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Runs a contender; `None`: there is none of that name.
pub fn run(name: &str) -> Option<Outcome> {
    let mut received = Received::default();
    Some(match name {
        "receive-sync" => (|| {
            let mut poller = listening()?;
            while !receive(&poller.poll(None)?, &mut received) {}
            received.report()
        })(),
        "receive-tokio" => block_on(async {
            let mut driver = Driver::new(listening()?)?;
            while !receive(&driver.poll().await?, &mut received) {}
            received.report()
        }),
        "receive-codec" => block_on(async {
            let socket = accept().await?;
            received.begun = Some(Instant::now());
            let mut frames = LengthDelimitedCodec::builder().new_read(socket);
            while let Some(frame) = frames.next().await {
                received.look(&frame?);
            }
            received.report()
        }),
        "echo-sync" => (|| {
            let mut poller = listening()?;
            while !echo(&poller.poll(None)?) {}
            Ok(())
        })(),
        "echo-tokio" => block_on(async {
            let mut driver = Driver::new(listening()?)?;
            while !echo(&driver.poll().await?) {}
            Ok(())
        }),
        "echo-codec" => block_on(async {
            let mut frames = LengthDelimitedCodec::builder().new_framed(accept().await?);
            while let Some(frame) = frames.next().await {
                let frame = Bytes::from(frame?);
                let size = 4 + frame.len();
                frames.feed(frame).await?;
                // What has come together leaves together. All frames have one size.
                if frames.read_buffer().len() < size {
                    SinkExt::<Bytes>::flush(&mut frames).await?;
                }
            }
            Ok(())
        }),
        _ => return None,
    })
}
