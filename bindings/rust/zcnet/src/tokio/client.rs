// SPDX-License-Identifier: MIT
use super::Driver;
use crate::{Conn, ConnOptions, ConnRef, Error, ErrorKind, Event, Events, Framing, Loop, Message, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::{pending, poll_fn, Future};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{self, Instant};
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
    deadline: Option<Instant>,
    answer: oneshot::Sender<Result<Message>>,
}

/// A request that the connection knows of, and with it the deadline.
#[derive(Debug)]
struct Begun {
    id: u64,
    /// As long as it was not sent.
    body: Vec<u8>,
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
        let work =
            Work { inbox, queue: Queue::default(), begun: HashMap::new(), unsent: BTreeSet::new(), closing: false };
        Ok((Client { orders }, work.run(driver, conn)))
    }

    /// Asks, and gives the answer. The body has room for the id in its place. The time runs from here on, also while the
    /// connection cannot take the request. Dropping the future takes the request back.
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
        let deadline = timeout.and_then(|time| Instant::now().checked_add(time));
        let question = Question { number, body, deadline, answer };
        self.orders.send(Order::Ask(question)).map_err(|_| closed.clone())?;
        let _interest = Interest { orders: &self.orders, number };
        answered.await.map_err(|_| closed)?
    }
}

/// Requests that cannot begin before others end, in the order of their numbers.
#[derive(Debug, Default)]
struct Queue {
    questions: BTreeMap<u64, Question>,
    /// Of those that have one.
    deadlines: BTreeSet<(Instant, u64)>,
}

impl Queue {
    fn push(&mut self, question: Question) {
        self.deadlines.extend(question.deadline.map(|deadline| (deadline, question.number)));
        self.questions.insert(question.number, question);
    }

    fn first(&self) -> Option<&Question> {
        self.questions.values().next()
    }

    fn remove(&mut self, number: u64) -> Option<Question> {
        let question = self.questions.remove(&number)?;
        if let Some(deadline) = question.deadline {
            self.deadlines.remove(&(deadline, number));
        }
        Some(question)
    }

    /// Ends those whose time has passed.
    fn expire(&mut self) {
        while let Some(&(deadline, number)) = self.deadlines.iter().next() {
            if deadline > Instant::now() {
                return;
            }
            self.fail(number, Error::new(sys::ZCN_ETIMEDOUT));
        }
    }

    fn fail(&mut self, number: u64, why: Error) {
        if let Some(question) = self.remove(number) {
            let _ = question.answer.send(Err(why));
        }
    }

    fn fail_all(&mut self, why: &Error) {
        while let Some(number) = self.first().map(|question| question.number) {
            self.fail(number, why.clone());
        }
    }
}

/// Ready at the time, or never.
async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => time::sleep_until(deadline).await,
        None => pending().await,
    }
}

struct Work {
    inbox: mpsc::UnboundedReceiver<Order>,
    /// Above the number that may be asked at a time.
    queue: Queue,
    begun: HashMap<u64, Begun>,
    /// Of those that have begun, the numbers of those above the high-water mark.
    unsent: BTreeSet<u64>,
    closing: bool,
}

enum Turn<'a> {
    Events(Result<Events<'a>>),
    Order(Option<Order>),
    /// The time of a request in the queue has passed.
    Late,
}

impl Work {
    async fn run(mut self, mut driver: Driver, conn: Conn) -> Result<()> {
        loop {
            let turn = {
                let mut events = pin!(driver.poll());
                let mut late = pin!(reached(self.queue.deadlines.iter().next().map(|(deadline, _)| *deadline)));
                let (inbox, closing) = (&mut self.inbox, self.closing);
                poll_fn(|context| {
                    if !closing {
                        if let Poll::Ready(order) = inbox.poll_recv(context) {
                            return Poll::Ready(Turn::Order(order));
                        }
                    }
                    if late.as_mut().poll(context).is_ready() {
                        return Poll::Ready(Turn::Late);
                    }
                    events.as_mut().poll(context).map(Turn::Events)
                })
                .await
            };
            match turn {
                Turn::Order(Some(Order::Ask(question))) => {
                    self.queue.push(question);
                    self.go_on(driver.get(&conn)?);
                }
                Turn::Order(Some(Order::Forget(number))) => self.forget(driver.get(&conn)?, number),
                Turn::Order(None) => {
                    self.closing = true;
                    conn.close();
                }
                Turn::Late => self.queue.expire(),
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
                    self.go_on(conn);
                }
                Event::Unanswered { conn, token, reason } => {
                    self.end(token, Err(reason.err().unwrap_or_else(|| Error::new(sys::ZCN_ECLOSED))));
                    self.go_on(conn);
                }
                Event::Connected(conn) | Event::Writable(conn) => self.go_on(conn),
                Event::PeerClosed { conn, .. } => conn.close(), // it will not answer
                Event::Closed { reason, .. } => {
                    self.inbox.close();
                    self.queue.fail_all(&reason.clone().err().unwrap_or_else(|| Error::new(sys::ZCN_ECLOSED)));
                    return Some(reason);
                }
                _ => {} // what is no answer, or came too late for one
            }
        }
        None
    }

    fn end(&mut self, number: u64, answer: Result<Message>) {
        self.unsent.remove(&number);
        if let Some(begun) = self.begun.remove(&number) {
            let _ = begun.answer.send(answer);
        }
    }

    /// Begins what waits for it, and sends what has begun, as far as the connection takes it.
    fn go_on(&mut self, conn: ConnRef<'_>) {
        self.queue.expire();
        while let Some(question) = self.queue.first() {
            let number = question.number;
            let left = question.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match conn.begin_request(number, left) {
                Ok(id) => {
                    if let Some(Question { body, answer, .. }) = self.queue.remove(number) {
                        self.begun.insert(number, Begun { id, body, answer });
                        self.unsent.insert(number);
                    }
                }
                Err(error) if waits(&error, !self.begun.is_empty()) => break,
                Err(error) => self.queue.fail(number, error),
            }
        }
        while let Some(&number) = self.unsent.iter().next() {
            let others = self.begun.len() > self.unsent.len();
            let begun = &self.begun[&number];
            match conn.answer(begun.id, &begun.body) {
                Ok(()) => {
                    self.unsent.remove(&number);
                    self.begun.entry(number).and_modify(|begun| begun.body = Vec::new());
                }
                Err(error) if waits(&error, others) => return,
                Err(error) => {
                    conn.end_request(begun.id);
                    self.end(number, Err(error));
                }
            }
        }
    }

    fn forget(&mut self, conn: ConnRef<'_>, number: u64) {
        self.queue.remove(number);
        self.unsent.remove(&number);
        if let Some(begun) = self.begun.remove(&number) {
            conn.end_request(begun.id);
            self.go_on(conn);
        }
    }
}

/// Whether an event follows that tells how it goes on: there is room, a request of others ends, or the connection has.
fn waits(error: &Error, others: bool) -> bool {
    match error.kind() {
        ErrorKind::Again | ErrorKind::Closed => true,
        ErrorKind::NoBuffers => others,
        _ => false,
    }
}
