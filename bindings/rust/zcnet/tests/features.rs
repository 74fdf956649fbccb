// SPDX-License-Identifier: MIT
//! What the features add. Each has its tests only where it is on.

#[cfg(feature = "bytes")]
mod with_bytes {
    use bytes::{BufMut, Bytes};
    use zcnet::{Message, Stream, StreamOptions, Unit};

    fn stream() -> Stream {
        Stream::new(None, &"length,strip=4".parse().unwrap(), &StreamOptions::new()).unwrap()
    }

    #[test]
    fn both_ways_without_a_copy() {
        let mut stream = stream();
        stream.read_from(&mut &b"\0\0\0\x05hello"[..]).unwrap();
        let message: Message = stream.poll().unwrap().find_map(|event| event.message()?.retain().ok()).unwrap();
        let place = message.as_ptr();
        let bytes = Bytes::from(message);
        assert_eq!((&bytes[..], bytes.as_ptr()), (&b"hello"[..], place));
        let part = bytes.slice(1..3);
        drop(bytes);

        let mut unit = Unit::try_from(part.clone()).unwrap();
        unit.append_bytes(Bytes::from_static(b"!")).unwrap();
        stream.send(unit).unwrap();
        let pieces = stream.gather().unwrap();
        assert!(pieces.iter().any(|piece| piece.as_ptr() == part.as_ptr()), "the bytes themselves are written");
        assert_eq!(pieces.iter().map(|piece| piece.to_vec()).collect::<Vec<_>>().concat(), b"\0\0\0\x03el!");
        drop(pieces);
        assert_eq!(stream.stats().copied_bytes, 0);
    }

    #[test]
    fn a_body_is_written_as_any_buffer() {
        let mut body = Unit::with_capacity(None, None, 8).unwrap();
        body.put_u32(1);
        body.put_slice(b"ab");
        assert_eq!((body.remaining_mut(), body.written()), (2, &b"\0\0\0\x01ab"[..]));
        assert_eq!(body.finish().unwrap().size(), 6);
    }
}

#[cfg(feature = "tracing")]
mod with_tracing {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};
    use zcnet::{Framing, Loop};

    struct Heard(Arc<Mutex<Vec<(Level, String)>>>);

    #[derive(Default)]
    struct Text(String);

    impl Visit for Text {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            if field.name() == "message" {
                self.0 = format!("{:?}", value);
            }
        }
    }

    impl Subscriber for Heard {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "zcnet"
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut text = Text::default();
            event.record(&mut text);
            self.0.lock().unwrap().push((*event.metadata().level(), text.0));
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn what_happens_to_connections_is_told_and_messages_are_not() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        tracing::subscriber::with_default(Heard(Arc::clone(&heard)), || {
            let framing: Framing = "length,strip=4,max=1K".parse().unwrap();
            let sloppy: Framing = "length,strip=4".parse().unwrap();
            let mut poller = Loop::new().unwrap();
            let listener = poller.listen("tcp://127.0.0.1:0", &framing).unwrap();
            let conn = poller.connect(listener.address(), &sloppy).unwrap();
            poller.get(&conn).unwrap().send_copy(b"short").unwrap();
            poller.get(&conn).unwrap().send_copy(&[0; 2000]).unwrap();
            let mut closed = 0;
            while closed < 2 {
                let events = poller.poll(Some(Duration::from_secs(60))).unwrap();
                assert!(!events.is_empty(), "it did not happen in time");
                closed += events.iter().filter(|event| matches!(event, zcnet::Event::Closed { .. })).count();
            }
        });
        let heard = heard.lock().unwrap();
        let told = |level, start: &str| heard.iter().filter(|(l, text)| *l == level && text.starts_with(start)).count();
        assert_eq!((told(Level::DEBUG, "connected"), told(Level::DEBUG, "accepted")), (1, 1), "{:?}", heard);
        assert_eq!(told(Level::WARN, "closed: a frame is longer"), 1, "{:?}", heard);
        assert_eq!(heard.len(), 4, "{:?}", heard);
    }
}
