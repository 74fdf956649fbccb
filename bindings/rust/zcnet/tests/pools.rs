// SPDX-License-Identifier: MIT
//! Pools: where their memory lies, when it goes back, and who holds it.

mod shared;

use shared::DEADLINE;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use zcnet::{ErrorKind, HugePages, Loop, LoopOptions, Message, Pool, PoolOptions, Stream, StreamOptions, Unit};

fn received(pool: &Pool, bytes: &[u8]) -> Message {
    let mut stream = Stream::new(Some(pool), &"raw".parse().unwrap(), &StreamOptions::new()).unwrap();
    stream.read_from(&mut &*bytes).unwrap();
    let message = stream.poll().unwrap().find_map(|event| event.message()).unwrap().retain();
    message.unwrap()
}

#[test]
fn another_reads_what_lies_in_a_memory_file() -> io::Result<()> {
    let pool = Pool::new(&PoolOptions::new().block_size(64 << 10).shared(4 << 20))?;
    let message = received(&pool, b"where it lies");
    let (file, size) = pool.shared()?;
    let file = File::from(file.try_clone_to_owned()?);
    assert_eq!((size, file.metadata()?.len()), (4 << 20, 4 << 20));
    let mut read = [0; 5];
    file.read_exact_at(&mut read, pool.offset_of(&message[6..])?)?;
    assert_eq!(&read, b"it li");
    assert_eq!(pool.offset_of(b"elsewhere").unwrap_err().kind(), ErrorKind::Invalid);
    let other = Pool::new(&PoolOptions::new())?;
    assert_eq!(other.shared().unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(other.offset_of(&message).unwrap_err().kind(), ErrorKind::Unsupported);
    Ok(())
}

#[test]
fn who_holds_what_is_written_down() -> io::Result<()> {
    let pool = Pool::new(&PoolOptions::new())?;
    let _held = received(&pool, b"held");
    let (mut near, far) = UnixStream::pair()?;
    pool.dump(&far)?;
    drop(far);
    let mut text = String::new();
    near.read_to_string(&mut text)?;
    assert!(text.lines().any(|line| line.contains("4 bytes")), "{}", text);
    let read_only = File::open("/dev/null")?;
    assert_eq!(pool.dump(&read_only).unwrap_err().kind(), ErrorKind::System);
    Ok(())
}

#[test]
fn free_memory_that_is_not_needed_goes_back() {
    let pool = Pool::new(&PoolOptions::new().keep_for(Duration::from_millis(1))).unwrap();
    let mut poller = Loop::with_options(&LoopOptions::new().pool(&pool)).unwrap();
    let units: Vec<_> = (0..64).map(|_| Unit::with_capacity(Some(&pool), None, 200 << 10).unwrap()).collect();
    drop(units);
    assert!(pool.stats().unwrap().cached_bytes >= 64 * (200 << 10));
    let end = Instant::now() + DEADLINE;
    while pool.stats().unwrap().cached_bytes > 0 {
        assert!(Instant::now() < end, "{:?}", pool.stats());
        poller.poll(Some(Duration::from_millis(1))).unwrap(); // which looks now and then
    }
}

#[test]
fn huge_pages_are_asked_for() {
    let asked = |when| {
        let pool = Pool::new(&PoolOptions::new().huge_pages(when)).unwrap();
        drop(Unit::with_capacity(Some(&pool), None, 1000).unwrap());
        let stats = pool.stats().unwrap();
        stats.huge_bytes + stats.huge_refused_bytes > 0
    };
    assert!(asked(HugePages::Always));
    assert!(!asked(HugePages::Never) && !asked(HugePages::WhenLarge));
}
