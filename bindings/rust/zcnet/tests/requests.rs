// SPDX-License-Identifier: MIT
//! Requests and their answers, matched by an id.

#[cfg(feature = "tokio")]
#[path = "shared/futures.rs"]
mod futures;
mod shared;

use shared::{framing, poll_until, Pair};
use std::collections::BTreeMap;
use std::time::Duration;
use zcnet::{ConnOptions, ErrorKind, Event, ListenOptions, Loop, Unit};

fn room_and(text: &str) -> Vec<u8> {
    [&[0; 8], text.as_bytes()].concat()
}

fn with_ids() -> ConnOptions {
    ConnOptions::new().id_width(8)
}

fn pair(options: ConnOptions) -> Pair {
    let mut poller = Loop::new().unwrap();
    let listening = ListenOptions::new().conn(options.clone());
    let listener = poller.listen_with("tcp://127.0.0.1:0", &framing(), &listening).unwrap();
    let near = poller.connect_with(listener.address(), &framing(), &options).unwrap();
    let mut far = None;
    poll_until(&mut poller, |events| {
        for event in events {
            if let Event::Accepted(conn) = event {
                far = Some(conn.to_conn());
            }
        }
        far.is_some()
    });
    Pair { poller, listener, near, far: far.unwrap() }
}

#[test]
fn answers_find_their_requests_in_any_order() {
    let mut pair = pair(with_ids());
    for token in 1..=10 {
        let question = room_and(&format!("question {}", token));
        pair.poller.get(&pair.near).unwrap().request(&question, token, Some(shared::DEADLINE)).unwrap();
    }
    let (mut asked, mut answered) = (Vec::new(), BTreeMap::new());
    poll_until(&mut pair.poller, |events| {
        for event in events {
            match event {
                Event::Message { conn, message } => {
                    asked.push((conn.id_of(message).unwrap(), message.to_vec()));
                    if asked.len() == 10 {
                        for (id, question) in asked.iter().rev() {
                            conn.answer(*id, question).unwrap();
                        }
                    }
                }
                Event::Answer { message, token, .. } => {
                    answered.insert(token, String::from_utf8(message[8..].to_vec()).unwrap());
                }
                _ => {}
            }
        }
        answered.len() == 10
    });
    assert!(answered.iter().all(|(token, text)| *text == format!("question {}", token)));
    let stats = pair.poller.get(&pair.near).unwrap().stats();
    assert_eq!((stats.answers, stats.requests_waiting), (10, 0));
}

#[test]
fn bodies_that_are_not_copied() {
    let mut pair = pair(with_ids());
    let near = pair.poller.get(&pair.near).unwrap();
    let id = near.begin_request(7, None).unwrap();
    let mut body = room_and("body");
    near.put_id(&mut body, id).unwrap();
    assert_eq!(near.put_id(&mut body[..4], id).unwrap_err().kind(), ErrorKind::Invalid);
    let mut unit = Unit::new().unwrap();
    unit.append_owned(body).unwrap();
    near.send(unit).unwrap();
    poll_until(&mut pair.poller, |events| {
        events.iter().any(|event| match event {
            Event::Message { conn, message } => {
                assert_eq!(conn.id_of(message).unwrap(), id);
                conn.send_message(message).unwrap(); // as it stands, the id too
                false
            }
            Event::Answer { token, message, .. } => token == 7 && message[8..] == *b"body",
            _ => false,
        })
    });
    assert_eq!(pair.poller.get(&pair.near).unwrap().stats().copied_bytes, 0);
}

#[test]
fn requests_that_are_not_answered_are_told() {
    let mut pair = pair(with_ids().max_requests(2));
    {
        let near = pair.poller.get(&pair.near).unwrap();
        near.request(&room_and("late"), 1, Some(Duration::from_millis(1))).unwrap();
        let id = near.begin_request(2, None).unwrap();
        assert_eq!(near.begin_request(3, None).unwrap_err().kind(), ErrorKind::NoBuffers);
        assert!(near.end_request(id) && !near.end_request(id));
        near.request(&room_and("never"), 4, None).unwrap();
    }
    let mut told = Vec::new();
    let far = pair.far.clone();
    poll_until(&mut pair.poller, |events| {
        for event in events {
            if let Event::Unanswered { token, reason, .. } = event {
                told.push((token, reason.unwrap_err().kind() == ErrorKind::TimedOut));
                far.abort();
            }
        }
        told.len() == 2
    });
    assert_eq!(told, [(1, true), (4, false)]);
    let near = pair.poller.get(&pair.near).unwrap();
    assert_eq!(near.request(&room_and("x"), 5, None).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn what_cannot_be_asked_is_an_error() {
    let without = pair(ConnOptions::new());
    let near = without.poller.get(&without.near).unwrap();
    assert_eq!(near.request(&room_and("x"), 1, None).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(near.answer(1, &room_and("x")).unwrap_err().kind(), ErrorKind::Unsupported);
    let with = pair(with_ids());
    let near = with.poller.get(&with.near).unwrap();
    assert_eq!(near.request(b"short", 1, None).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(near.request(&room_and("x"), 0, None).unwrap_err().kind(), ErrorKind::Invalid);
}

#[cfg(feature = "tokio")]
mod with_tokio {
    use super::*;
    use crate::futures::run;
    use std::future::{poll_fn, Future};
    use std::pin::Pin;
    use std::task::Poll;
    use std::thread;
    use tokio::task::JoinHandle;
    use tokio::time::timeout;
    use zcnet::tokio::Client;
    use zcnet::{Message, Result};

    /// Answers so many at a time, the last one first, until its client ends; what is left then has no answer.
    fn server(at_a_time: usize) -> (String, thread::JoinHandle<()>) {
        let mut poller = Loop::new().unwrap();
        let listening = ListenOptions::new().conn(with_ids());
        let listener = poller.listen_with("tcp://127.0.0.1:0", &framing(), &listening).unwrap();
        let work = thread::spawn(move || {
            let mut held = Vec::new();
            poll_until(&mut poller, |events| {
                for event in events {
                    match event {
                        Event::Message { conn, message } if message[8..] == *b"end" => conn.abort(),
                        Event::Message { conn, message } => {
                            held.push(message.retain().unwrap());
                            if held.len() == at_a_time {
                                for message in held.drain(..).rev() {
                                    conn.send_message(&message).unwrap();
                                }
                            }
                        }
                        Event::Closed { .. } => return true,
                        _ => {}
                    }
                }
                false
            });
        });
        (listener.address().to_owned(), work)
    }

    fn ask(client: &Client, body: Vec<u8>, time: Duration) -> JoinHandle<Result<Message>> {
        let client = client.clone();
        tokio::spawn(async move { client.request(body, Some(time)).await })
    }

    async fn is_pending<F: Future>(future: &mut Pin<Box<F>>) -> bool {
        poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    #[test]
    fn many_tasks_ask_on_one_connection() {
        let (address, server) = server(10);
        run(async {
            let options = with_ids().high_water(1000).max_requests(50);
            let (client, work) = Client::connect(&address, &framing(), &options).unwrap();
            let work = tokio::spawn(work);
            let tasks: Vec<_> = (0..1000)
                .map(|number| {
                    let client = client.clone();
                    tokio::spawn(async move {
                        let question = room_and(&format!("question {}", number));
                        let answer = client.request(question.clone(), Some(shared::DEADLINE)).await.unwrap();
                        assert_eq!(answer[8..], question[8..]);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            drop(client);
            work.await.unwrap().unwrap();
        });
        server.join().unwrap();
    }

    #[test]
    fn requests_that_nobody_waits_for_are_taken_back() {
        let (address, server) = server(usize::MAX);
        run(async {
            let options = with_ids().max_requests(1);
            let (client, work) = Client::connect(&address, &framing(), &options).unwrap();
            let work = tokio::spawn(work);
            let late = client.request(room_and("late"), Some(Duration::from_millis(1))).await;
            assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
            // Each of these would keep the next from being asked, were it not taken back.
            for _ in 0..3 {
                let dropped = timeout(Duration::from_millis(1), client.request(room_and("dropped"), None)).await;
                assert!(dropped.is_err());
            }
            assert_eq!(client.request(b"short".to_vec(), None).await.unwrap_err().kind(), ErrorKind::Invalid);
            // The connection ends under this one.
            assert!(client.request(room_and("end"), None).await.is_err());
            assert!(work.await.unwrap().is_err());
            assert_eq!(client.request(room_and("x"), None).await.unwrap_err().kind(), ErrorKind::Closed);
        });
        server.join().unwrap();
    }

    #[test]
    fn the_time_passes_for_requests_that_cannot_be_sent() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap(); // that reads nothing
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        run(async {
            let (client, work) = Client::connect(&address, &framing(), &with_ids()).unwrap();
            tokio::spawn(work);
            let ask = |_| ask(&client, vec![0; 1_000_000], Duration::from_millis(100));
            for answer in (0..30).map(ask).collect::<Vec<_>>() {
                assert_eq!(answer.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
            }
        });
    }

    #[test]
    fn the_time_passes_for_requests_that_cannot_begin() {
        let (address, server) = server(2);
        run(async {
            let (client, work) = Client::connect(&address, &framing(), &with_ids().max_requests(1)).unwrap();
            let work = tokio::spawn(work);
            let mut first = Box::pin(client.request(room_and("one of two"), None));
            assert!(is_pending(&mut first).await);
            for answer in [20, 0, 10].map(|time| ask(&client, room_and("never asked"), Duration::from_millis(time))) {
                assert_eq!(answer.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
            }
            // Who waits goes on when the one before is taken back.
            let mut next = Box::pin(client.request(room_and("two of two"), Some(shared::DEADLINE)));
            assert!(is_pending(&mut next).await);
            drop(first);
            assert_eq!(next.await.unwrap()[8..], *b"two of two");
            drop(client);
            work.await.unwrap().unwrap();
        });
        server.join().unwrap();
    }

    #[test]
    fn a_peer_that_sends_no_more_ends_the_client() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        run(async {
            let (client, work) = Client::connect(&address, &framing(), &with_ids().half_open(true)).unwrap();
            let work = tokio::spawn(work);
            let peer = listener.accept().unwrap().0;
            peer.shutdown(std::net::Shutdown::Write).unwrap();
            assert!(client.request(room_and("x"), None).await.is_err());
            assert_eq!(work.await.unwrap(), Ok(()));
        });
    }

    #[test]
    fn nobody_is_there() {
        run(async {
            let path = std::env::temp_dir().join(format!("zcnet-rust-unasked-{}", std::process::id()));
            let address = format!("unix://{}", path.display());
            let (client, work) = Client::connect(&address, &framing(), &with_ids()).unwrap();
            let work = tokio::spawn(work);
            let refused = client.request(room_and("x"), None).await.unwrap_err();
            assert_eq!((refused.kind(), work.await.unwrap()), (ErrorKind::Refused, Err(refused.clone())));
            assert!(Client::connect("nowhere", &framing(), &with_ids()).is_err());
        });
    }
}
