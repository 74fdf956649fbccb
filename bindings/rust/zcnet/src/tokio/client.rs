// SPDX-License-Identifier: MIT
use super::Driver;
use crate::{Conn, ConnOptions, ConnRef, Error, ErrorKind, Event, Events, Framing, Loop, Message, Result};
use std::collections::{HashMap, VecDeque};
use std::future::{poll_fn, Future};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use zcnet_sys as sys;

/// Asks on one connection, for any number of tasks; a clone asks on the same one. The connection ends with the last of
/// them.
///
/// ```
/// # use zcnet::{tokio::Client, ConnOptions, Event, Framing, Loop};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let framing: Framing = "length,strip=4".parse()?;
/// # let mut server = Loop::new()?;
/// # let address = server.listen("tcp://127.0.0.1:0", &framing)?.address().to_owned();
/// # let echo = std::thread::spawn(move || loop {
/// #     for event in &server.poll(None).unwrap() {
/// #         match event {
/// #             Event::Message { conn, message } => conn.forward(message).unwrap(),
/// #             Event::Closed { .. } => return,
/// #             _ => {}
/// #         }
/// #     }
/// # });
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// // The first eight bytes of each message are the id.
/// let options = ConnOptions::new().id_width(8);
/// let (client, work) = Client::connect(&address, &framing, &options)?;
/// tokio::spawn(work);
/// let answer = client.request(b"........question".to_vec(), None).await?;
/// assert_eq!(&answer[8..], b"question");
/// # Ok::<(), zcnet::Error>(())
/// # })?;
/// # echo.join().unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    orders: mpsc::UnboundedSender<Order>,
}

#[derive(Debug)]
enum Order {
    Ask(Question),
    /// Who asked does not wait any more.
    Forget(u64),
}

#[derive(Debug)]
struct Question {
    number: u64,
    body: Vec<u8>,
    timeout: Option<Duration>,
    answer: oneshot::Sender<Result<Message>>,
}

/// A request that somebody waits for.
#[derive(Debug)]
struct Waiting {
    id: u64,
    answer: oneshot::Sender<Result<Message>>,
}

/// Takes the request back when the future that waits for it is dropped.
struct Interest<'a> {
    orders: &'a mpsc::UnboundedSender<Order>,
    number: u64,
}

impl Drop for Interest<'_> {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Forget(self.number));
    }
}

impl Client {
    /// A client, and the work of its connection, which is to be spawned on a runtime: it has a [`Loop`] of its own, and
    /// ends when the connection has, or the last client is dropped. The options say where messages have their ids.
    ///
    /// # Errors
    /// The address is wrong, an option is out of range, or there is no memory. What becomes of the connection is told by
    /// the requests, and by the result of the work. Called inside a runtime that has its I/O and time drivers on.
    pub fn connect(
        address: &str,
        framing: &Framing,
        options: &ConnOptions,
    ) -> Result<(Client, impl Future<Output = Result<()>> + Send)> {
        let poller = Loop::new()?;
        let conn = poller.connect_with(address, framing, options)?;
        let driver = Driver::new(poller).map_err(|_| Error::new(sys::ZCN_ESYS))?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let work = Work { inbox, waiting: HashMap::new(), unsent: VecDeque::new(), closing: false };
        Ok((Client { orders }, work.run(driver, conn)))
    }

    /// Asks, and gives the answer. The body has room for the id in its place. Dropping the future takes the request back.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), why the connection ended, or that the body has no room for the id.
    pub async fn request(&self, body: Vec<u8>, timeout: Option<Duration>) -> Result<Message> {
        use std::sync::atomic::{AtomicU64, Ordering};
        // Relaxed: only that each request has another number counts. 0 is none.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let closed = Error::new(sys::ZCN_ECLOSED);
        let question = Question { number, body, timeout, answer };
        self.orders.send(Order::Ask(question)).map_err(|_| closed.clone())?;
        let _interest = Interest { orders: &self.orders, number };
        answered.await.map_err(|_| closed)?
    }
}

struct Work {
    inbox: mpsc::UnboundedReceiver<Order>,
    waiting: HashMap<u64, Waiting>,
    /// Above the high-water mark, or of the number that may be asked at a time.
    unsent: VecDeque<Question>,
    closing: bool,
}

enum Turn<'a> {
    Events(Result<Events<'a>>),
    Order(Option<Order>),
}

impl Work {
    async fn run(mut self, mut driver: Driver, conn: Conn) -> Result<()> {
        loop {
            let turn = {
                let mut events = pin!(driver.poll());
                let (inbox, closing) = (&mut self.inbox, self.closing);
                poll_fn(|context| {
                    if !closing {
                        if let Poll::Ready(order) = inbox.poll_recv(context) {
                            return Poll::Ready(Turn::Order(order));
                        }
                    }
                    events.as_mut().poll(context).map(Turn::Events)
                })
                .await
            };
            match turn {
                Turn::Order(Some(Order::Ask(question))) => {
                    self.unsent.push_back(question);
                    self.send(driver.get(&conn)?);
                }
                Turn::Order(Some(Order::Forget(number))) => self.forget(driver.get(&conn)?, number),
                Turn::Order(None) => {
                    self.closing = true;
                    conn.close();
                }
                Turn::Events(events) => {
                    if let Some(end) = self.look(&events?) {
                        return end;
                    }
                }
            }
        }
    }

    /// The result of the work when the connection has ended.
    fn look(&mut self, events: &Events<'_>) -> Option<Result<()>> {
        for event in events {
            match event {
                Event::Answer { conn, message, token } => {
                    self.end(token, message.retain());
                    self.send(conn);
                }
                Event::Unanswered { conn, token, reason } => {
                    self.end(token, Err(reason.err().unwrap_or_else(|| Error::new(sys::ZCN_ECLOSED))));
                    self.send(conn);
                }
                Event::Connected(conn) | Event::Writable(conn) => self.send(conn),
                Event::Closed { reason, .. } => {
                    let why = reason.clone().err().unwrap_or_else(|| Error::new(sys::ZCN_ECLOSED));
                    self.inbox.close();
                    for question in self.unsent.drain(..) {
                        let _ = question.answer.send(Err(why.clone()));
                    }
                    return Some(reason);
                }
                _ => {} // what is no answer, or came too late for one
            }
        }
        None
    }

    fn end(&mut self, number: u64, answer: Result<Message>) {
        if let Some(waiting) = self.waiting.remove(&number) {
            let _ = waiting.answer.send(answer);
        }
    }

    /// Sends what waits for it, as far as the connection takes it.
    fn send(&mut self, conn: ConnRef<'_>) {
        while let Some(question) = self.unsent.pop_front() {
            let sent = conn.begin_request(question.number, question.timeout).and_then(|id| {
                conn.answer(id, &question.body).map_err(|error| {
                    conn.end_request(id);
                    error
                })?;
                Ok(id)
            });
            match sent {
                Ok(id) => drop(self.waiting.insert(question.number, Waiting { id, answer: question.answer })),
                Err(error) if self.waits(&error) => {
                    self.unsent.push_front(question);
                    return;
                }
                Err(error) => drop(question.answer.send(Err(error))),
            }
        }
    }

    /// Whether an event follows that tells how it goes on: there is room, or the connection has ended.
    fn waits(&self, error: &Error) -> bool {
        match error.kind() {
            ErrorKind::Again | ErrorKind::Closed => true,
            ErrorKind::NoBuffers => !self.waiting.is_empty(),
            _ => false,
        }
    }

    fn forget(&mut self, conn: ConnRef<'_>, number: u64) {
        self.unsent.retain(|question| question.number != number);
        if let Some(waiting) = self.waiting.remove(&number) {
            conn.end_request(waiting.id);
        }
    }
}
