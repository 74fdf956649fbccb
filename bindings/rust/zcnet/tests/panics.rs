// SPDX-License-Identifier: MIT
//! Code of the program that the library calls, and that panics: the panic does not pass through C.

mod shared;

use shared::in_process;
use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::os::unix::process::ExitStatusExt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use zcnet::{ErrorKind, Framing, Measured, Pool, PoolOptions, PoolSource, Stream, StreamEvent, StreamOptions, Unit};

/// A part of a test that is to end its process, and what it has to say.
fn ends_the_process(name: &str, says: &str, part: impl FnOnce()) {
    let output = in_process(name, &[], part);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(6), "{}", said);
    assert!(said.contains("on purpose") && said.contains(says), "{}", said);
}

/// What the stream says of its end, and how many messages came before.
fn ended(stream: &mut Stream) -> (usize, ErrorKind) {
    let mut messages = 0;
    loop {
        for event in stream.poll().unwrap() {
            match event {
                StreamEvent::Message(_) => messages += 1,
                StreamEvent::Closed(why) => return (messages, why.unwrap_err().kind()),
                other => panic!("{:?}", other),
            }
        }
    }
}

#[test]
fn a_panicking_measure_counts_as_refused_bytes() {
    fn measure(bytes: &[u8]) -> Measured {
        match bytes[0] {
            0 => Measured::Wrong,
            b'!' => panic!("on purpose"),
            size if bytes.len() < 2 && size > 8 => Measured::More,
            size => Measured::Frame(u64::from(size)),
        }
    }
    let framing = Framing::custom(measure, 1 << 20).unwrap();
    assert_eq!(framing.to_string(), "custom");
    assert_eq!(framing.measure(&[3, 0, 0]).unwrap(), Some(3));
    assert_eq!(framing.measure(&[9]).unwrap(), None);
    assert_eq!(framing.measure(&[0]).unwrap_err().kind(), ErrorKind::FrameMeasure);
    for (bytes, wanted) in [(&[2, 7, b'!'][..], 1), (&[2, 7, 0][..], 1)] {
        let mut stream = Stream::new(None, &framing, &StreamOptions::new()).unwrap();
        stream.read_from(&mut &*bytes).unwrap();
        assert_eq!(ended(&mut stream), (wanted, ErrorKind::FrameMeasure));
        assert_eq!(stream.error().unwrap().kind(), ErrorKind::FrameMeasure);
    }
}

/// Panics when it is dropped, and says so.
struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_panic_whose_own_value_panics_is_refused_too() {
    fn measure(_: &[u8]) -> Measured {
        std::panic::panic_any(Loud)
    }
    let framing = Framing::custom(measure, 1 << 20).unwrap();
    assert_eq!(framing.measure(b"x").unwrap_err().kind(), ErrorKind::FrameMeasure);
}

#[test]
fn memory_whose_destructor_panics_ends_the_process() {
    struct Sent(Loud);
    impl AsRef<[u8]> for Sent {
        fn as_ref(&self) -> &[u8] {
            let _ = &self.0;
            b"sent"
        }
    }
    ends_the_process(
        "memory_whose_destructor_panics_ends_the_process",
        "dropping memory that was sent panicked",
        || {
            let mut unit = Unit::new().unwrap();
            unit.append_owned(Sent(Loud)).unwrap();
            drop(unit);
        },
    );
}

/// Memory of the allocator, with panics in the place that was asked for.
struct Heap {
    panics: &'static str,
    out: Arc<AtomicUsize>,
}

fn heap(panics: &'static str) -> (Heap, Arc<AtomicUsize>) {
    let out = Arc::new(AtomicUsize::new(0));
    (Heap { panics, out: Arc::clone(&out) }, out)
}

impl Drop for Heap {
    fn drop(&mut self) {
        assert_eq!(self.out.fetch_add(1000, Ordering::SeqCst), 0, "the pool kept something");
        if self.panics == "drop" {
            panic!("on purpose");
        }
    }
}

// SAFETY: the allocator gives what the layout asks for, with zeros in it, and keeps it until it is given back.
unsafe impl PoolSource for Heap {
    fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        match self.panics {
            "allocate" => panic!("on purpose"),
            "empty" => return None,
            _ => {}
        }
        self.out.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { alloc_zeroed(layout) })
    }

    unsafe fn free(&self, memory: NonNull<u8>, layout: Layout) {
        if self.panics == "free" {
            panic!("on purpose");
        }
        self.out.fetch_sub(1, Ordering::SeqCst);
        // SAFETY: it came from allocate() with this layout.
        unsafe { dealloc(memory.as_ptr(), layout) }
    }
}

#[test]
fn a_pool_lives_in_memory_of_the_program() {
    let (source, out) = heap("");
    let pool = Pool::with_source(&PoolOptions::new(), source).unwrap();
    let mut large = Unit::with_capacity(Some(&pool), None, 1 << 20).unwrap();
    large.put(&[1; 1 << 20]);
    let mut small = Unit::with_capacity(Some(&pool), None, 10).unwrap();
    small.put(b"0123456789");
    assert_eq!(out.load(Ordering::SeqCst), 2);
    drop(pool);
    assert_eq!((small.written(), large.written()[1 << 19]), (&b"0123456789"[..], 1));
    drop((large, small));
    // The thread's own cache goes back with the thread.
    let (source, out_there) = heap("");
    std::thread::spawn(move || {
        let pool = Pool::with_source(&PoolOptions::new(), source).unwrap();
        drop(Unit::with_capacity(Some(&pool), None, 10).unwrap());
    })
    .join()
    .unwrap();
    assert_eq!(out_there.load(Ordering::SeqCst), 1000, "the source is dropped with its pool");

    let (source, out) = heap("");
    assert_eq!(Pool::with_source(&PoolOptions::new().block_size(3), source).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(out.load(Ordering::SeqCst), 1000, "and when there is no pool");
}

#[test]
fn a_source_that_panics_has_no_memory() {
    for how in ["allocate", "empty"] {
        let pool = Pool::with_source(&PoolOptions::new(), heap(how).0).unwrap();
        for size in [10, 1 << 20] {
            assert_eq!(Unit::with_capacity(Some(&pool), None, size).unwrap_err().kind(), ErrorKind::NoMemory);
        }
        assert!(pool.stats().unwrap().failures >= 2);
    }
}

#[test]
fn a_source_that_panics_when_it_takes_back_ends_the_process() {
    let name = "a_source_that_panics_when_it_takes_back_ends_the_process";
    ends_the_process(name, "PoolSource::free panicked", || {
        let pool = Pool::with_source(&PoolOptions::new().keep(1), heap("free").0).unwrap();
        drop(Unit::with_capacity(Some(&pool), None, 1 << 20).unwrap());
        pool.trim().unwrap();
    });
}

#[test]
fn a_source_that_panics_at_its_end_ends_the_process() {
    let name = "a_source_that_panics_at_its_end_ends_the_process";
    ends_the_process(name, "dropping a PoolSource panicked", || {
        drop(Pool::with_source(&PoolOptions::new(), heap("drop").0).unwrap());
    });
}
