// SPDX-License-Identifier: MIT
//! Messages, units and streams: what is kept, given away, and used at the wrong time.

#[path = "shared/counted.rs"]
mod counted;
mod shared;

use counted::Drops;
use shared::{framing, pair, poll_until};
use std::collections::HashSet;
use std::io::{self, Write};
use std::mem::size_of;
use std::thread;
use std::time::Duration;
use zcnet::{release_all, settle, ErrorKind, Event, Framing, Joined, Message, Pool, PoolOptions, Stream, StreamEvent};
use zcnet::{StreamOptions, Unit};

/// A stream that was given these bytes, in a pool of its own.
fn stream_of(framing: &str, bytes: &[u8]) -> (Stream, Pool) {
    let pool = Pool::new(&PoolOptions::new()).unwrap();
    let mut stream = Stream::new(Some(&pool), &framing.parse().unwrap(), &StreamOptions::new()).unwrap();
    stream.read_from(&mut &*bytes).unwrap();
    (stream, pool)
}

fn kept(stream: &mut Stream) -> Vec<Message> {
    stream.poll().unwrap().filter_map(|event| event.message()).map(|message| message.retain().unwrap()).collect()
}

/// Polls until the stream says why it ended; how many messages came before.
fn ended(stream: &mut Stream) -> (usize, Option<ErrorKind>) {
    let mut messages = 0;
    loop {
        let events = stream.poll().unwrap();
        let more = events.more();
        for event in events {
            match event {
                StreamEvent::Message(_) => messages += 1,
                StreamEvent::Closed(why) => return (messages, Some(why.unwrap_err().kind())),
                other => panic!("{:?}", other),
            }
        }
        if !more {
            return (messages, None);
        }
    }
}

#[test]
fn a_message_is_three_words_and_outlives_everything() {
    assert_eq!(size_of::<Message>(), 3 * size_of::<usize>());
    assert_eq!(size_of::<Option<Message>>(), size_of::<Message>());
    let (mut stream, pool) = stream_of("delimiter=\\n,strip=1", b"one\ntwo\n");
    let messages = kept(&mut stream);
    drop((stream, pool));
    let (copies, parts): (Vec<_>, Vec<_>) =
        messages.iter().map(|message| (message.clone(), message.slice(1..).unwrap())).unzip();
    drop(messages);
    thread::spawn(move || {
        assert_eq!(copies, [&b"one"[..], b"two"]);
        assert_eq!(parts, [&b"ne"[..], b"wo"]);
        assert_eq!(copies[0].frame().unwrap(), b"one\n");
        assert!(parts[0].frame().is_none());
        assert_eq!(copies.iter().cloned().collect::<HashSet<_>>().len(), 2);
    })
    .join()
    .unwrap();
}

#[test]
fn what_is_kept_is_counted_and_comes_back() {
    let (mut stream, pool) = stream_of("fixed=4", &[b'x'; 4000]);
    let mut messages = kept(&mut stream);
    while messages.len() < 1000 {
        messages.extend(kept(&mut stream));
    }
    let stats = pool.stats().unwrap();
    assert_eq!((stats.views, stats.viewed_bytes), (1000, 4000));
    let detached = messages[0].detach().unwrap();
    release_all(&mut messages);
    assert!(messages.is_empty());
    assert_eq!(pool.stats().unwrap().views, 1);
    assert_eq!(detached, b"xxxx");
    drop((detached, stream));
    assert_eq!(pool.stats().unwrap().views, 0);
    pool.trim().unwrap();
}

#[test]
fn messages_that_keep_too_much_become_copies() {
    let options = PoolOptions::new().detach_after(Duration::ZERO).detach_ratio(10);
    let pool = Pool::new(&options).unwrap();
    let mut stream = Stream::new(Some(&pool), &"fixed=4".parse().unwrap(), &StreamOptions::new()).unwrap();
    stream.read_from(&mut &b"onetwosixten"[..]).unwrap();
    let mut messages = kept(&mut stream);
    let places: Vec<_> = messages.iter().map(|message| message.as_ptr()).collect();
    assert_eq!(settle(&mut messages).unwrap(), 3);
    assert_eq!(messages, [&b"onet"[..], b"wosi", b"xten"]);
    assert!(messages.iter().zip(places).all(|(message, place)| message.as_ptr() != place));
    assert_eq!(pool.stats().unwrap().copied_bytes, 12);
    assert_eq!(settle(&mut messages).unwrap(), 0);
    drop(messages);
    assert_eq!(pool.stats().unwrap().views, 0);

    let (mut stream, pool) = stream_of("fixed=4", b"stay");
    assert_eq!(settle(&mut kept(&mut stream)).unwrap(), 0);
    assert_eq!((settle(&mut []).unwrap(), pool.stats().unwrap().copied_bytes), (0, 0));
}

#[test]
fn forgotten_messages_are_seen_in_the_statistics() {
    let (mut stream, pool) = stream_of("fixed=4", b"leak");
    kept(&mut stream).into_iter().for_each(std::mem::forget);
    drop(stream);
    assert_eq!(pool.stats().unwrap().views, 1);
}

#[test]
fn ranges_outside_a_message_are_errors() {
    let (mut stream, _pool) = stream_of("fixed=4", b"abcd");
    let message = kept(&mut stream).remove(0);
    assert_eq!(message.slice(..).unwrap(), b"abcd");
    assert_eq!(message.slice(1..=2).unwrap(), b"bc");
    assert_eq!(message.slice(4..).unwrap(), b"");
    for range in [(0, 5), (3, 2), (5, 5), (0, usize::MAX)] {
        assert_eq!(message.slice(range.0..range.1).unwrap_err().kind(), ErrorKind::Invalid, "{:?}", range);
    }
    assert_eq!(message.slice(..=usize::MAX).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn writing_into_a_message_never_shows_in_another() {
    let (mut stream, _pool) = stream_of("fixed=4", b"abcd");
    let message = kept(&mut stream).remove(0);
    let other = message.clone();
    let mut mine = message.into_mut().unwrap();
    mine[0] = b'X';
    assert_eq!(mine.freeze(), b"Xbcd");
    assert_eq!(other, b"abcd");
    stream.poll().unwrap(); // ends the borrow of the event
    let place = other.as_ptr();
    let mut alone = other.into_mut().unwrap();
    alone.copy_from_slice(b"1234");
    let alone = alone.freeze();
    assert_eq!((&*alone, alone.as_ptr()), (&b"1234"[..], place), "nobody else had it: no copy");
}

#[test]
fn joined_messages_are_sent_as_one() {
    let (mut stream, _pool) = stream_of("delimiter=\\n,strip=1", b"one\ntwo\n");
    let messages = kept(&mut stream);
    let joined = Joined::new(&[&messages[0], &messages[1]]).unwrap();
    drop(messages);
    assert_eq!(joined.size(), 6);
    assert_eq!(joined.parts().iter().map(|part| part.to_vec()).collect::<Vec<_>>(), [b"one", b"two"]);
    assert_eq!(Joined::new(&[]).unwrap_err().kind(), ErrorKind::Invalid);
    let mut unit = Unit::new().unwrap();
    unit.append_message(&joined).unwrap();
    drop(joined);
    stream.send(unit).unwrap();
    let mut wire = Vec::new();
    while stream.write_to(&mut wire).unwrap() > 0 {}
    assert_eq!(wire, b"onetwo\n");
}

#[test]
fn memory_is_appended_to_be_written_to() {
    let mut unit = Unit::new().unwrap();
    unit.append_static(b"<").unwrap();
    assert_eq!(unit.append_zeroed(0).unwrap(), []);
    let room = unit.append_zeroed(3).unwrap();
    assert_eq!(room, [0; 3]);
    room.copy_from_slice(b"new");
    unit.append_static(b">").unwrap();
    let (mut stream, _) = stream_of("raw", b"");
    stream.send(unit).unwrap();
    let mut wire = Vec::new();
    while stream.write_to(&mut wire).unwrap() > 0 {}
    assert_eq!(wire, b"<new>");
    let mut sealed = Unit::from(Unit::new().unwrap().seal(&framing()).unwrap());
    assert_eq!(sealed.append_zeroed(1).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn memory_that_is_handed_over_is_dropped_once_whatever_becomes_of_the_unit() {
    let drops = Drops::default();
    let unit = || {
        let mut unit = Unit::new().unwrap();
        unit.append_owned(drops.new_value(&[b'z'; 10])).unwrap();
        unit
    };
    drop(unit());
    assert_eq!(drops.count(), 1, "never sent");

    let mut stream = Stream::new(None, &framing(), &StreamOptions::new()).unwrap();
    stream.send(unit()).unwrap();
    assert_eq!(drops.count(), 1, "still queued");
    let mut wire = Vec::new();
    stream.write_to(&mut wire).unwrap();
    assert_eq!((drops.count(), wire.len()), (2, 14), "written");
    stream.send(unit()).unwrap();
    drop(stream);
    assert_eq!(drops.count(), 3, "the stream ended");

    let sealed = unit().seal(&framing()).unwrap();
    let mut late = Unit::from(sealed.clone());
    assert_eq!(late.append_owned(drops.new_value(b"")).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(drops.count(), 4, "refused: dropped at once");
    drop(late);
    drop(sealed);
    assert_eq!(drops.count(), 5);

    let too_small = Framing::new("length,width=4,max=8").unwrap();
    assert_eq!(unit().seal(&too_small).unwrap_err().kind(), ErrorKind::FrameTooLarge);
    assert_eq!(drops.count(), 6, "it could not be framed");
}

static CONSTANT: [u8; 200_000] = [b'c'; 200_000];

#[test]
fn constant_pages_leave_as_they_are_over_local_sockets() {
    let path = std::env::temp_dir().join(format!("zcnet-rust-pages-{}", std::process::id()));
    for (address, lent) in [("tcp://127.0.0.1:0", 0), (&*format!("unix://{}", path.display()), CONSTANT.len())] {
        let mut pair = pair(address, &framing());
        let mut unit = Unit::new().unwrap();
        unit.append_pages(&CONSTANT).unwrap();
        // SAFETY: as above, these bytes never change.
        unsafe { unit.append_mapped_pages(&CONSTANT[..9]) }.unwrap();
        pair.poller.get(&pair.near).unwrap().send(unit).unwrap();
        poll_until(&mut pair.poller, |events| {
            events.iter().any(|event| event.message().map_or(false, |message| *message == [b'c'; 200_009]))
        });
        assert_eq!(pair.poller.get(&pair.near).unwrap().stats().pages_lent, lent as u64);
    }
    // What can be written to is no constant, whatever its type says.
    let leaked: &'static [u8] = Box::leak(vec![1; 100_000].into_boxed_slice());
    let mut unit = Unit::new().unwrap();
    assert_eq!(unit.append_pages(leaked).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(unit.size(), 0);
    // SAFETY: it is not changed, and nothing leaks then.
    drop(unsafe { Box::from_raw(leaked as *const [u8] as *mut [u8]) });
}

#[test]
fn a_sealed_unit_goes_to_many_and_does_not_change() {
    let mut pair = pair("tcp://127.0.0.1:0", &framing());
    let mut body = Unit::with_capacity(None, Some(&framing()), 32).unwrap();
    write!(body, "tick {}", 1).unwrap();
    assert_eq!((body.written(), body.remaining()), (&b"tick 1"[..], 26));
    let sealed = body.finish().unwrap().seal(&framing()).unwrap();
    let mut changed = Unit::from(sealed.clone());
    assert_eq!(changed.truncate(1).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(changed.append_copy(b"x").unwrap_err().kind(), ErrorKind::Invalid);
    for conn in [&pair.near, &pair.far] {
        pair.poller.get(conn).unwrap().send(sealed.clone()).unwrap();
    }
    let post = sealed.clone();
    let near = pair.near.clone();
    thread::spawn(move || near.post(post).unwrap()).join().unwrap();
    let mut seen = 0;
    poll_until(&mut pair.poller, |events| {
        seen += events.iter().filter_map(|event| event.message()).map(|message| assert_eq!(message, b"tick 1")).count();
        seen == 3
    });
}

#[test]
fn bodies_are_written_in_place_and_no_further() {
    let bodies = Unit::batch_with_capacity(3, None, Some(&framing()), 8).unwrap();
    let mut stream = Stream::new(None, &framing(), &StreamOptions::new()).unwrap();
    for (number, mut body) in bodies.into_iter().enumerate() {
        assert_eq!(body.write(b"0123456789").unwrap(), 8, "as many as fit");
        body.written_mut()[0] = b'a' + number as u8;
        stream.send(body.finish().unwrap()).unwrap();
    }
    let pieces = stream.gather().unwrap();
    assert_eq!(pieces.len(), 1, "neighbours leave in one piece");
    assert_eq!(&*pieces[0], b"\0\0\0\x08a1234567\0\0\0\x08b1234567\0\0\0\x08c1234567");
    assert_eq!(Unit::batch_with_capacity(0, None, None, 8).unwrap_err().kind(), ErrorKind::Invalid);
    let full = std::panic::catch_unwind(|| Unit::with_capacity(None, None, 2).unwrap().put(b"abc"));
    assert!(full.is_err());
}

#[test]
fn framings_have_text_and_say_what_is_wrong_with_it() {
    let framing = Framing::new("length,max=1M,width=2").unwrap();
    assert_eq!(framing.to_string().parse::<Framing>().unwrap().to_string(), framing.to_string());
    assert_eq!(framing.overhead(1 << 17).unwrap_err().kind(), ErrorKind::FrameValue);
    for (text, word) in [("length,width=5", "width"), ("nothing", "nothing"), ("fixed=1,fixed=2", "fixed")] {
        let error = Framing::new(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(word), "{}", error);
    }
    assert_eq!(Framing::new("raw\0").unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_stream_says_how_it_ended() {
    for (bytes, wanted) in [(&b"abcd"[..], ErrorKind::Eof), (b"abcdef", ErrorKind::FrameTruncated)] {
        let (mut stream, _pool) = stream_of("fixed=4", bytes);
        assert_eq!(stream.read_from(&mut io::empty()).unwrap_or(0), 0);
        stream.end();
        let (_, reason) = ended(&mut stream);
        assert_eq!(reason, Some(wanted));
    }
}

#[test]
fn bytes_and_messages_are_fed() {
    let (mut outer, _pool) = stream_of("length,strip=4", b"\0\0\0\x06one\ntw\0\0\0\x02o\n");
    let mut inner = Stream::new(None, &"delimiter=\\n,strip=1".parse().unwrap(), &StreamOptions::new()).unwrap();
    let mut found = Vec::new();
    for message in kept(&mut outer) {
        inner.feed_message(&message).unwrap();
        found.extend(kept(&mut inner));
    }
    assert_eq!(inner.feed(b"three\n").unwrap(), 6);
    found.extend(kept(&mut inner));
    assert_eq!(found, [&b"one"[..], b"two", b"three"]);
    // Of what was fed as messages, only the start of the line that two of them share.
    assert_eq!(inner.stats().copied_fed, 6 + 2);
}

#[test]
fn one_message_is_passed_to_another_connection_with_its_frame() {
    let mut pair = pair("tcp://127.0.0.1:0", &framing());
    let (mut stream, _pool) = stream_of("length,strip=4", b"\0\0\0\x03abc");
    let message = kept(&mut stream).remove(0);
    drop(stream);
    let near = pair.poller.get(&pair.near).unwrap();
    near.send_message(&message).unwrap();
    let part = message.slice(..1).unwrap();
    assert_eq!(near.send_message(&part).unwrap_err().kind(), ErrorKind::Unsupported);
    let mut unit = Unit::new().unwrap();
    unit.append_message(&part).unwrap();
    unit.append_static(b"-").unwrap();
    unit.append_frame(&message).unwrap();
    near.send(unit).unwrap();
    drop((message, part));
    let mut seen = Vec::new();
    poll_until(&mut pair.poller, |events| {
        for event in events {
            if let Event::Message { message, .. } = event {
                seen.push(message.retain().unwrap());
            }
        }
        seen.len() == 2
    });
    assert_eq!(seen, [&b"abc"[..], b"a-\0\0\0\x03abc"]);
}
