// SPDX-License-Identifier: MIT
//! What of the crate is pure Rust, under Miri: every pointer that it makes of what the library gives, and every box that it
//! gives away. Miri runs no C, so a library of a few lines stands in its place, in which each handle is an allocation of its
//! own: what is used too late, released twice, never, or through a wrong pointer ends the test.
//!
//!     cargo +nightly miri test --test miri --features bytes
#![cfg(miri)]

#[path = "../shared/counted.rs"]
mod counted;
mod library;

use counted::Drops;
use library::{after_polls, Script};
use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::io::Write;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use zcnet::{release_all, settle, ErrorKind, Event, Framing, Joined, Loop, Measured, Message, Pool, PoolOptions};
use zcnet::{PoolSource, Stream, StreamEvent, StreamOptions, Unit};

fn framing() -> Framing {
    "lines".parse().unwrap()
}

/// A stream that was given these lines.
fn stream_of(lines: &[u8]) -> Stream {
    let mut stream = Stream::new(None, &framing(), &StreamOptions::new()).unwrap();
    stream.read_from(&mut &*lines).unwrap();
    stream
}

fn kept(lines: &[u8]) -> Vec<Message> {
    stream_of(lines).poll().unwrap().map(|event| event.message().unwrap().retain().unwrap()).collect()
}

#[test]
fn borrowed_messages_are_read_where_they_lie() {
    let mut stream = stream_of(b"one\n\nthree\n");
    let mut found = Vec::new();
    for event in stream.poll().unwrap() {
        if let StreamEvent::Message(message) = event {
            let copy = message;
            assert_eq!(message.bytes(), &*copy);
            found.push((message.len(), message.frame().unwrap().last().copied()));
        }
    }
    assert_eq!(found, [(3, Some(b'\n')), (0, Some(b'\n')), (5, Some(b'\n'))]);
    stream.end();
    assert!(matches!(stream.poll().unwrap().next(), Some(StreamEvent::Closed(Err(_)))));
}

#[test]
fn owned_messages_outlive_their_stream_on_any_thread() {
    let messages = kept(b"alpha\nbeta\n");
    let clones = messages.clone();
    let parts: Vec<_> = messages.iter().map(|message| message.slice(1..3).unwrap()).collect();
    drop(messages);
    thread::spawn(move || {
        assert_eq!(clones, [&b"alpha"[..], b"beta"]);
        assert_eq!(parts, [&b"lp"[..], b"et"]);
        assert_eq!((clones[0].frame().unwrap(), parts[0].frame()), (&b"alpha\n"[..], None));
        assert_eq!(clones[1].slice(..9).unwrap_err().kind(), ErrorKind::Invalid);
    })
    .join()
    .unwrap();
}

#[test]
fn many_are_released_at_once_and_settled_in_place() {
    let mut lines = Vec::new();
    for number in 0..300 {
        writeln!(lines, "{}", number).unwrap();
    }
    let mut messages = kept(&lines);
    assert_eq!(settle(&mut messages).unwrap(), 150, "every other one, says the library of this test");
    assert!(messages.iter().enumerate().all(|(number, message)| *message == *number.to_string().as_bytes()));
    release_all(&mut messages);
    assert!(messages.is_empty() && messages.capacity() > 0);
}

#[test]
fn messages_are_written_to_by_one_alone() {
    let message = kept(b"shared\n").remove(0);
    let other = message.clone();
    let mut mine = message.into_mut().unwrap();
    mine[0] = b'S';
    mine[1..].reverse();
    assert_eq!((&*mine.freeze(), &*other), (&b"Sderah"[..], &b"shared"[..]));
    let mut alone = other.into_mut().unwrap();
    alone.fill(b'x');
    assert_eq!(alone.freeze(), b"xxxxxx");
}

#[test]
fn joined_messages_have_parts() {
    let messages = kept(b"one\ntwo\n");
    let joined = Joined::new(&[&messages[0], &messages[1]]).unwrap();
    drop(messages);
    assert_eq!(joined.parts().iter().flat_map(|part| part.to_vec()).collect::<Vec<_>>(), b"onetwo");
}

#[test]
fn memory_that_was_given_away_is_dropped_once() {
    let drops = Drops::default();
    let unit = || {
        let mut unit = Unit::new().unwrap();
        unit.append_owned(drops.new_value(b"sent")).unwrap();
        unit.append_owned([b'!'; 3]).unwrap(); // its bytes lie in the value itself
        unit
    };
    drop(unit());
    assert_eq!(drops.count(), 1);
    let mut stream = stream_of(b"");
    stream.send(unit()).unwrap();
    let mut wire = Vec::new();
    while stream.write_to(&mut wire).unwrap() > 0 {}
    assert_eq!((&wire[..], drops.count()), (&b"sent!!!"[..], 2));
    let sealed = unit().seal(&framing()).unwrap();
    let mut late = Unit::from(sealed.clone());
    assert_eq!(late.append_owned(drops.new_value(b"")).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(drops.count(), 3);
    let failed = stream.send(late);
    thread::spawn(move || drop((sealed, failed))).join().unwrap();
    drop(stream);
    assert_eq!(drops.count(), 4);
}

#[test]
fn bodies_are_written_in_place() {
    let mut body = Unit::with_capacity(None, None, 8).unwrap();
    body.put(b"abc");
    body.written_mut()[0] = b'A';
    body.spare()[0].write(b'd');
    // SAFETY: the first byte was written.
    unsafe { body.advance(1) };
    assert_eq!(body.write(b"efghij").unwrap(), 4);
    assert_eq!((body.written(), body.remaining()), (&b"Abcdefgh"[..], 0));
    let units = Unit::batch_with_capacity(2, None, None, 4).unwrap();
    let mut stream = stream_of(b"");
    stream.send(body.finish().unwrap()).unwrap();
    for mut unit in units {
        unit.put(b"-");
        stream.send(unit.finish().unwrap()).unwrap();
    }
    assert_eq!(stream.gather().unwrap().iter().flat_map(|piece| piece.to_vec()).collect::<Vec<_>>(), b"Abcdefgh--");
}

#[cfg(feature = "bytes")]
#[test]
fn bytes_go_both_ways() {
    let bytes = bytes::Bytes::from(kept(b"message\n").remove(0));
    let part = bytes.slice(2..4);
    drop(bytes);
    let mut stream = stream_of(b"");
    stream.send(Unit::try_from(part.clone()).unwrap()).unwrap();
    assert_eq!((&*stream.gather().unwrap()[0], &part[..]), (&b"ss"[..], &b"ss"[..]));
}

#[test]
fn functions_of_the_program_are_called_and_their_panics_caught() {
    let framing = Framing::custom(
        |bytes| match bytes {
            [b'!', ..] => panic!("on purpose"),
            [size] => Measured::Frame(u64::from(*size)),
            _ => Measured::More,
        },
        1 << 20,
    )
    .unwrap();
    assert_eq!(framing.measure(&[7]).unwrap(), Some(7));
    assert_eq!(framing.measure(&[7, 7]).unwrap(), None);
    assert_eq!(framing.measure(b"!").unwrap_err().kind(), ErrorKind::FrameMeasure);
    let wrong = Framing::new("nothing").unwrap_err();
    assert_eq!((wrong.to_string().as_str(), wrong.raw_os_error()), ("the library of this test knows lines", Some(5)));
}

struct Heap(Arc<AtomicUsize>);

// SAFETY: the allocator gives what the layout asks for, with zeros in it, and keeps it until it is given back.
unsafe impl PoolSource for Heap {
    fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        assert!(layout.size() < 1 << 20, "on purpose");
        self.0.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { alloc_zeroed(layout) })
    }

    unsafe fn free(&self, memory: NonNull<u8>, layout: Layout) {
        self.0.fetch_sub(1, Ordering::SeqCst);
        // SAFETY: it came from allocate() with this layout.
        unsafe { dealloc(memory.as_ptr(), layout) }
    }
}

#[test]
fn a_pool_takes_memory_of_the_program_and_gives_it_back() {
    let out = Arc::new(AtomicUsize::new(0));
    let pool = Pool::with_source(&PoolOptions::new(), Heap(Arc::clone(&out))).unwrap();
    let other = pool.clone();
    assert_eq!(out.load(Ordering::SeqCst), 1);
    drop(pool);
    thread::spawn(move || drop(other)).join().unwrap();
    assert_eq!((out.load(Ordering::SeqCst), Arc::strong_count(&out)), (0, 1));
    let too_large = PoolOptions::new().block_size(1 << 20);
    assert_eq!(Pool::with_source(&too_large, Heap(Arc::clone(&out))).unwrap_err().kind(), ErrorKind::NoMemory);
    assert_eq!(Arc::strong_count(&out), 1);
}

#[test]
fn events_of_a_loop_end_with_the_next_poll() {
    let mut poller = Loop::new().unwrap();
    after_polls(&[Script::Message(b"first"), Script::Blank, Script::Message(b"second"), Script::Closed]);
    let events = poller.poll(None).unwrap();
    assert_eq!((events.len(), events.more()), (4, false));
    let mut iterator = events.iter();
    let first = iterator.next().unwrap();
    let (conn, keep) = (first.conn().unwrap().to_conn(), first.message().unwrap().retain().unwrap());
    assert_eq!(iterator.next().unwrap().message().unwrap(), b"second");
    let Some(Event::Closed { conn: closed, reason }) = iterator.next() else { panic!("not the end") };
    assert_eq!((closed, reason.unwrap_err().kind()), (closed, ErrorKind::Eof));
    assert!(iterator.next().is_none() && iterator.next().is_none());
    assert!(poller.poll(None).unwrap().is_empty());
    drop(poller);
    assert_eq!(keep, b"first");
    drop(conn);
}
