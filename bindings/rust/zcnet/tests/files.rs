// SPDX-License-Identifier: MIT
//! Files as the bodies of units, and zero copy.

mod shared;

use shared::{framing, pair, poll_until, Pair};
use std::fs;
use std::os::unix::io::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use zcnet::{Conn, ConnOptions, ErrorKind, Event, File, FileCache, FileMethod, FileOptions, Flush, Framing};
use zcnet::{ListenOptions, Loop, ReceiveFileOptions, Unit};

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

struct Upload {
    poller: Loop,
    /// That sends.
    near: Conn,
    folder: Folder,
}

/// A connection whose other end is accepted with these options.
fn upload(name: &str, framing: &Framing, options: ConnOptions) -> Upload {
    let mut poller = Loop::new().unwrap();
    let listener = poller.listen_with("tcp://127.0.0.1:0", framing, &ListenOptions::new().conn(options)).unwrap();
    let deep = ConnOptions::new().high_water(1 << 20);
    let near = poller.connect_with(listener.address(), framing, &deep).unwrap();
    poll_until(&mut poller, |events| events.iter().any(|event| matches!(event, Event::Accepted(_))));
    Upload { poller, near, folder: Folder::new(name) }
}

fn create(path: &Path) -> OwnedFd {
    fs::File::create(path).unwrap().into()
}

#[test]
fn large_messages_go_into_files_and_small_ones_do_not() {
    let mut at = upload("upload", &framing(), ConnOptions::new().header_from(1000));
    let content = content();
    for body in [b"small", &content[..], &content[..2000], &content[..1000], b"last"] {
        at.poller.get(&at.near).unwrap().send_copy(body).unwrap();
    }
    let (path, mut seen, mut files) = (at.folder.0.join("0"), Vec::new(), 0);
    poll_until(&mut at.poller, |events| {
        for event in events {
            match event {
                Event::Header(header) if header.body_size() == 2000 => {
                    // A descriptor that nobody can write to is refused, and the header still waits.
                    let wrong = header.receive_into(fs::File::open(&path).unwrap(), &ReceiveFileOptions::new());
                    assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Invalid);
                    header.discard(&ReceiveFileOptions::new().token(1)).unwrap();
                }
                Event::Header(header) => {
                    assert_eq!(header.message(), &(header.body_size() as u32).to_be_bytes());
                    let options = ReceiveFileOptions::new().token(files).flush(Flush::Sync).offset(3 * files);
                    header.receive_into(create(&at.folder.0.join(files.to_string())), &options).unwrap();
                    let again = header.discard(&options).unwrap_err();
                    assert_eq!(again.kind(), ErrorKind::Busy);
                }
                Event::FileReceived { conn, token, size, result } => {
                    assert_eq!(token, files);
                    result.unwrap();
                    assert!(conn.file_error().is_none());
                    assert_eq!(size, [300_000, 0, 1000][files as usize]);
                    files += 1;
                }
                Event::Message { message, .. } => seen.push(message.to_vec()),
                _ => {}
            }
        }
        seen.len() == 2
    });
    assert_eq!((seen, files), (vec![b"small".to_vec(), b"last".to_vec()], 3));
    assert_eq!(fs::read(&path).unwrap(), content);
    assert_eq!(fs::read(at.folder.0.join("2")).unwrap(), [&[0; 6], &content[..1000]].concat());
}

#[test]
fn a_message_says_that_a_file_follows() {
    let lines: Framing = "delimiter=\\n,strip=1,max=64K".parse().unwrap();
    let mut at = upload("follows", &lines, ConnOptions::new().messages_per_poll(1));
    let near = at.poller.get(&at.near).unwrap();
    near.set_send_framing(&"raw".parse().unwrap()).unwrap();
    near.send_copy(b"put 10\n0123456789put the rest\nabc\n").unwrap();
    near.shutdown().unwrap();
    let options = ReceiveFileOptions::new();
    let (mut put, mut sizes) = (None, Vec::new());
    while sizes.len() < 2 {
        poll_until(&mut at.poller, |events| {
            for event in events {
                match event {
                    Event::Message { conn, message } => {
                        put = Some((conn.to_conn(), if message == b"put 10" { Some(10) } else { None }))
                    }
                    Event::FileReceived { result, size, .. } => {
                        result.unwrap();
                        sizes.push(size);
                    }
                    _ => {}
                }
            }
            put.is_some() || sizes.len() == 2
        });
        if let Some((conn, size)) = put.take() {
            let path = at.folder.0.join(if size.is_some() { "first" } else { "rest" });
            at.poller.receive_file(&conn, Some(create(&path)), size, &options).unwrap();
        }
    }
    assert_eq!(sizes, [10, 4]);
    assert_eq!(fs::read(at.folder.0.join("first")).unwrap(), b"0123456789");
    assert_eq!(fs::read(at.folder.0.join("rest")).unwrap(), b"abc\n");
    let other = Loop::new().unwrap();
    assert_eq!({ other }.receive_file(&at.near, None, None, &options).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_file_without_room_says_so_and_the_messages_go_on() {
    let mut at = upload("full", &framing(), ConnOptions::new().header_from(1000));
    for body in [&content()[..], b"last"] {
        at.poller.get(&at.near).unwrap().send_copy(body).unwrap();
    }
    let mut told = false;
    poll_until(&mut at.poller, |events| {
        for event in events {
            match event {
                Event::Header(header) => {
                    let full = fs::File::options().write(true).open("/dev/full").unwrap();
                    header.receive_into(full, &ReceiveFileOptions::new()).unwrap();
                }
                Event::FileReceived { conn, result, size, .. } => {
                    assert_eq!((result.unwrap_err().kind(), size), (ErrorKind::NoSpace, 0));
                    let error = conn.file_error().unwrap();
                    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::NoSpace, Some(28)));
                    told = true;
                }
                Event::Message { message, .. } => assert_eq!(message, b"last"),
                _ => {}
            }
        }
        events.iter().any(|event| event.message().is_some())
    });
    assert!(told);
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
