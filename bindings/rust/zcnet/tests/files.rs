// SPDX-License-Identifier: MIT
//! Files as the bodies of units, and zero copy.

mod shared;

use shared::{framing, pair, poll_until, Pair};
use std::fs;
use std::os::unix::io::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use zcnet::{ConnOptions, ErrorKind, Event, File, FileCache, FileMethod, FileOptions, Loop, Unit};

/// A folder that goes with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("zcnet-rust-{}-{}", name, std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn content() -> Vec<u8> {
    (0..300_000_u32).map(|number| (number % 251) as u8).collect()
}

fn received(pair: &mut Pair) -> Vec<u8> {
    let far = pair.far.clone();
    let mut got = None;
    poll_until(&mut pair.poller, |events| {
        for event in events {
            if let Event::Message { conn, message } = event {
                assert!(conn == far);
                got = Some(message.to_vec());
            }
        }
        got.is_some()
    });
    got.unwrap()
}

fn with_file(head: &[u8], file: &File, offset: u64, size: u64) -> Unit {
    let mut unit = Unit::new().unwrap();
    unit.append_copy(head).unwrap();
    unit.append_file(file, offset, size).unwrap();
    unit
}

#[test]
fn files_leave_by_every_method() {
    let folder = Folder::new("methods");
    let content = content();
    let path = folder.file("file", &content);
    let mut pair = pair("tcp://127.0.0.1:0", &framing());
    let all = [
        FileMethod::Auto,
        FileMethod::Sendfile,
        FileMethod::Mmap,
        FileMethod::Splice,
        FileMethod::Copy,
        FileMethod::Direct,
    ];
    for method in all {
        let file = File::open_with(&path, &FileOptions::new().method(method)).unwrap();
        let unit = with_file(b"head", &file, 1000, 250_000);
        drop(file); // the unit has it
        assert_eq!(unit.size(), 250_004);
        pair.poller.get(&pair.near).unwrap().send(unit).unwrap();
        let got = received(&mut pair);
        assert!(got[..4] == *b"head" && got[4..] == content[1000..251_000], "{:?}", method);
    }
    let near = pair.poller.get(&pair.near).unwrap();
    assert!(near.stats().file_mmap == 250_000 && near.stats().file_sendfile >= 250_000);
    assert!(near.explain().unwrap().contains("file"));
}

#[test]
fn files_of_the_program() {
    let folder = Folder::new("own");
    let path = folder.file("file", b"some bytes");
    let mine = fs::File::open(&path).unwrap();
    let number = mine.as_raw_fd();
    let file = File::from_fd(mine, &FileOptions::new()).unwrap();
    assert_eq!((file.size(), file.as_raw_fd()), (10, number));
    assert_eq!(file.modified(), fs::metadata(&path).unwrap().modified().unwrap());
    assert!(file.modified() > SystemTime::UNIX_EPOCH);
    let mut unit = with_file(b"", &file.clone(), 5, 5);
    for (offset, size) in [(0, 11), (11, 0), (u64::MAX, 2)] {
        assert_eq!(unit.append_file(&file, offset, size).unwrap_err().kind(), ErrorKind::Invalid);
    }
    drop(file);
    let mut pair = pair("tcp://127.0.0.1:0", &framing());
    pair.poller.get(&pair.near).unwrap().send(unit).unwrap();
    assert_eq!(received(&mut pair), b"bytes");
}

#[test]
fn files_that_cannot_be_sent() {
    let folder = Folder::new("refused");
    let missing = File::open(folder.0.join("missing")).unwrap_err();
    assert_eq!((missing.kind(), missing.raw_os_error()), (ErrorKind::NotFound, Some(2)));
    assert!(missing.to_string().contains("missing"), "{}", missing);
    assert_eq!(std::io::Error::from(missing).kind(), std::io::ErrorKind::NotFound);
    assert_eq!(File::open(&folder.0).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(File::open("a\0b").unwrap_err().kind(), ErrorKind::Invalid);
    let null = fs::File::open("/dev/null").unwrap();
    assert_eq!(File::from_fd(null, &FileOptions::new()).unwrap_err().kind(), ErrorKind::Unsupported);

    folder.file("file", b"x");
    let link = folder.0.join("link");
    std::os::unix::fs::symlink("file", &link).unwrap();
    let strict = FileOptions::new().beneath().no_symlinks();
    assert_eq!(File::open_with(&link, &FileOptions::new().no_symlinks()).unwrap_err().kind(), ErrorKind::Access);
    let directory = fs::File::open(&folder.0).unwrap();
    assert_eq!(File::open_at(&directory, "file", &strict).unwrap().size(), 1);
    assert_eq!(File::open_at(&directory, "../x", &strict).unwrap_err().kind(), ErrorKind::Access);
}

#[test]
fn a_cache_gives_what_lies_at_the_path_now() {
    let folder = Folder::new("cache");
    let path: &Path = &folder.file("file", b"old content");
    let cache = FileCache::new(4, Duration::ZERO, &FileOptions::new()).unwrap();
    let first = cache.open(path).unwrap();
    assert_eq!(first.as_raw_fd(), cache.open(path).unwrap().as_raw_fd());
    fs::rename(folder.file("newer", b"new"), path).unwrap();
    assert_eq!((cache.open(path).unwrap().size(), first.size()), (3, 11));
    fs::remove_file(path).unwrap();
    assert_eq!(cache.open(path).unwrap_err().kind(), ErrorKind::NotFound);
    drop(cache);
    assert_eq!(first.size(), 11);
    assert_eq!(FileCache::new(0, Duration::ZERO, &FileOptions::new()).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn large_bodies_may_leave_without_a_copy() {
    let mut poller = Loop::new().unwrap();
    let listener = poller.listen("tcp://127.0.0.1:0", &framing()).unwrap();
    let options = ConnOptions::new().zero_copy_from(4096);
    let near = poller.connect_with(listener.address(), &framing(), &options).unwrap();
    let mut unit = Unit::new().unwrap();
    unit.append_owned(content()).unwrap();
    poller.get(&near).unwrap().send(unit).unwrap();
    poll_until(&mut poller, |events| {
        events.iter().any(|event| event.message().map_or(false, |message| *message == *content()))
    });
    let near = poller.get(&near).unwrap();
    assert!(near.stats().zero_copy_writes + near.stats().zero_copy_refused > 0);
    assert!(near.explain().unwrap().contains("zero copy: "));
}
