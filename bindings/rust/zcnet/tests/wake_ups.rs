// SPDX-License-Identifier: MIT
//! Loops under tokio: nobody sleeps who has something to do.
#![cfg(feature = "tokio")]

#[path = "shared/futures.rs"]
mod futures;
mod shared;

use futures::{as_number, block_on, dropped, next, number};
use shared::{framing, DEADLINE};
use std::collections::HashSet;
use std::sync::mpsc;
use std::thread;
use tokio::time::timeout;
use zcnet::tokio::Driver;
use zcnet::{Conn, ConnOptions, Event, ListenOptions, Loop, LoopOptions};

/// Posts at random moments, and sends between polls, with small arrays and small batches: what waits for an answer and
/// what waits for something to do are both asleep, and stay so when one wake-up is lost.
#[test]
fn no_wake_up_is_lost_under_tokio() {
    // No timer of the library's wakes who should have been woken.
    let patient = || ConnOptions::new().connect_timeout(10 * DEADLINE).message_timeout(10 * DEADLINE);
    let (plain, one) = (patient(), patient().messages_per_poll(1));
    for (capacity, options) in [(16, &plain), (1024, &plain), (1024, &one)] {
        block_on(answer_a_thread(capacity, options, 3000));
    }
}

/// Marks what was answered once, and is asked a second time.
const AGAIN: u64 = 1 << 63;

async fn answer_a_thread(capacity: u32, options: &ConnOptions, count: u64) {
    let mut driver = Driver::new(Loop::with_options(&LoopOptions::new().event_capacity(capacity)).unwrap()).unwrap();
    let listening = ListenOptions::new().conn(options.clone());
    let listener = driver.listen_with("tcp://127.0.0.1:0", &framing(), &listening).unwrap();
    let conn = driver.connect_with(listener.address(), &framing(), options).unwrap();
    let (answers, answered) = mpsc::channel();
    let thread = thread::spawn({
        let conn = conn.clone();
        move || ask_and_sleep(&conn, &answered, count)
    });
    let (mut left, mut random) = (count, 1234567);
    while left > 0 {
        let mut again = Vec::new();
        // Now and then the future is dropped before it is ready.
        let events = if next(&mut random) % 10 == 0 {
            dropped(driver.poll(), 1).await
        } else {
            Some(timeout(DEADLINE, driver.poll()).await.expect("a wake-up was lost"))
        };
        let Some(events) = events else { continue };
        for event in &events.unwrap() {
            match event {
                Event::Message { conn: from, message } if from == conn => {
                    let number = as_number(&message);
                    if number & AGAIN == 0 && next(&mut random) % 4 == 0 {
                        again.push(number);
                    } else {
                        answers.send(number & !AGAIN).unwrap();
                        left -= 1;
                    }
                }
                Event::Message { conn: from, message } => from.forward(message).unwrap(),
                Event::Connected(_) | Event::Accepted(_) => {}
                other => panic!("{:?}", other),
            }
        }
        for question in again {
            driver.get(&conn).unwrap().send(number(question | AGAIN)).unwrap();
        }
    }
    thread.join().unwrap();
}

/// Posts some numbers, sleeps until all of them were answered, and so on.
fn ask_and_sleep(conn: &Conn, answered: &mpsc::Receiver<u64>, count: u64) {
    let mut random = 88172645463325252;
    let mut waiting = HashSet::new();
    for n in 0..count {
        waiting.insert(n);
        conn.post(number(n)).unwrap();
        for _ in 0..next(&mut random) % 2048 {
            std::hint::spin_loop();
        }
        if n + 1 < count && next(&mut random) % 4 == 0 {
            continue;
        }
        while !waiting.is_empty() {
            let answer = answered.recv_timeout(DEADLINE).expect("an answer was lost");
            assert!(waiting.remove(&answer), "{} was answered twice", answer);
        }
    }
}
