//! Bytes that are made once and shared: one event, or one frame, in each wire format.
//!
//! Owns: [`Format`], the encoders, and [`Logged`], an event with its frames made on first use.
//! Never: encodes the same thing twice for two readers, or parses a stored body to write JSON.

use std::{
    cell::RefCell,
    fmt::Write,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use tidings_core::StoredEvent;
use tidings_protocol::{
    Content, Kind, LastMessage, ServerFrame, UserId, content::Known, last_line,
};
use tidings_websocket::Deflater;

/// Frames shorter than this are sent as they are: deflate would not make them smaller.
const DEFLATE_BYTES_MIN: usize = 200;
/// Speed before size: the level of deflate for broadcasts.
const DEFLATE_LEVEL: u32 = 1;

/// How a peer wants its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// WebSocket text frames.
    Json,
    /// WebSocket binary frames.
    Msgpack,
    /// WebSocket text frames with permessage-deflate.
    JsonDeflate,
    /// WebSocket binary frames with permessage-deflate.
    MsgpackDeflate,
    /// Bare JSON, for SSE and long poll.
    Plain,
}

/// How many formats there are.
pub const FORMATS: usize = 5;

impl Format {
    /// The place of this format in a table of all.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether the payload is MessagePack.
    #[must_use]
    pub const fn is_binary(self) -> bool {
        matches!(self, Format::Msgpack | Format::MsgpackDeflate)
    }
}

thread_local! {
    static DEFLATER: RefCell<Deflater> = RefCell::new(Deflater::new(DEFLATE_LEVEL));
}

/// A frame in one format, ready for a wire.
#[must_use]
pub fn frame(format: Format, frame: &ServerFrame) -> Bytes {
    if format.is_binary() {
        binary(format, frame)
    } else {
        text(
            format,
            &serde_json::to_string(frame).expect("frames are plain data, which always encodes"),
        )
    }
}

fn text(format: Format, json: &str) -> Bytes {
    match format {
        Format::Plain => Bytes::copy_from_slice(json.as_bytes()),
        Format::JsonDeflate if json.len() >= DEFLATE_BYTES_MIN => {
            DEFLATER.with_borrow_mut(|d| d.text(json))
        }
        Format::Json | Format::Msgpack | Format::JsonDeflate | Format::MsgpackDeflate => {
            tidings_websocket::text(json)
        }
    }
}

fn binary(format: Format, frame: &ServerFrame) -> Bytes {
    let packed =
        rmp_serde::to_vec_named(frame).expect("frames are plain data, which always encodes");
    if format == Format::MsgpackDeflate && packed.len() >= DEFLATE_BYTES_MIN {
        DEFLATER.with_borrow_mut(|d| d.binary(&packed))
    } else {
        tidings_websocket::binary(&packed)
    }
}

/// For whom an event is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// For everybody: without the `txn`.
    ForAll,
    /// For the actor's own sessions, in its place in the log.
    Own,
    /// For the session that gave the command, out of its place. `[CM9]`
    Answer,
}

/// The `event` frame as JSON text: the envelope written out, the stored body spliced in.
fn event_json(event: &StoredEvent, place: Place) -> String {
    let body = event.body.as_deref().unwrap_or("null");
    let mut json = String::with_capacity(body.len() + 280);
    // Writing to a String cannot fail.
    let _ = write!(
        json,
        r#"{{"type":"event","shard":{},"position":{},"log":"{}","seq":{},"id":"{}","at":"{}","actor":"{}","count":{}"#,
        event.shard,
        event.position,
        event.log,
        event.seq,
        event.id,
        event.at,
        event.actor,
        event.count
    );
    if let Some(txn) = event.txn.as_ref().filter(|_| place != Place::ForAll) {
        let txn = serde_json::to_string(txn).expect("a text always encodes");
        let _ = write!(json, r#","txn":{txn}"#);
    }
    if place == Place::Answer {
        json.push_str(r#","answer":true"#);
    }
    let _ = write!(json, r#","content":{body}}}"#);
    json
}

fn event_bytes(format: Format, event: &StoredEvent, place: Place) -> Bytes {
    let json = event_json(event, place);
    if format.is_binary() {
        match serde_json::from_str::<ServerFrame>(&json) {
            Ok(frame) => binary(format, &frame),
            Err(error) => {
                // A damaged row. Its envelope still counts, its body is shown as erased.
                tracing::error!(event.id = %event.id, %error, "a stored body does not parse");
                let bare = StoredEvent {
                    body: None,
                    ..event.clone()
                };
                let frame = serde_json::from_str(&event_json(&bare, place))
                    .expect("a bare envelope parses");
                binary(format, &frame)
            }
        }
    } else {
        text(format, &json)
    }
}

/// A committed event, its frames made once for each format that somebody reads.
#[derive(Debug)]
pub struct Logged {
    event: StoredEvent,
    known: OnceLock<Option<Known>>,
    frames: [OnceLock<Bytes>; FORMATS],
}

impl Logged {
    /// An event as read from the store.
    #[must_use]
    pub fn read(event: StoredEvent) -> Arc<Logged> {
        Arc::new(Logged {
            event,
            known: OnceLock::new(),
            frames: Default::default(),
        })
    }

    /// An event that was just decided.
    #[must_use]
    pub fn decided(event: StoredEvent, content: Known) -> Arc<Logged> {
        Arc::new(Logged {
            event,
            known: OnceLock::from(Some(content)),
            frames: Default::default(),
        })
    }

    /// The envelope and the encoded body.
    #[must_use]
    pub const fn event(&self) -> &StoredEvent {
        &self.event
    }

    /// What it says, when this version knows the kind and it is not erased.
    #[must_use]
    pub fn known(&self) -> Option<&Known> {
        self.known
            .get_or_init(|| {
                let content: Content = serde_json::from_str(self.event.body.as_deref()?).ok()?;
                content.known().cloned()
            })
            .as_ref()
    }

    /// The frame for everybody, without the `txn`.
    #[must_use]
    pub fn frame(&self, format: Format) -> &Bytes {
        self.frames[format.index()].get_or_init(|| event_bytes(format, &self.event, Place::ForAll))
    }

    /// The frame for a session of `reader`: with the `txn` when the event is theirs. `[EV4]`
    #[must_use]
    pub fn frame_for(&self, reader: UserId, format: Format) -> Bytes {
        if self.event.actor == reader && self.event.txn.is_some() {
            event_bytes(format, &self.event, Place::Own)
        } else {
            self.frame(format).clone()
        }
    }

    /// The frame that answers the command, out of the event's place in the log. `[CM9]`
    #[must_use]
    pub fn answer(&self, format: Format) -> Bytes {
        event_bytes(format, &self.event, Place::Answer)
    }

    /// The same event with its body erased: what readers keep after a deletion. `[EV8]`
    #[must_use]
    pub fn erased(&self) -> Arc<Logged> {
        Logged::read(StoredEvent {
            body: None,
            ..self.event.clone()
        })
    }

    /// Bytes that a ring counts for this event.
    #[must_use]
    pub fn weight(&self) -> usize {
        // The body, and one encoded frame of it.
        256 + 2 * self.event.body.as_deref().map_or(0, str::len)
    }

    /// Whether it changes a message that came before it, which may be the last line of the room.
    #[must_use]
    pub fn changes_message(&self) -> bool {
        self.event.is(Kind::MessageEdited) || self.event.is(Kind::MessageDeleted)
    }

    /// The last line of a room, if this event is a message.
    #[must_use]
    pub fn last_message(&self) -> Option<LastMessage> {
        let Some(Known::Message { text }) = self.known() else {
            return None;
        };
        Some(LastMessage {
            id: self.event.id,
            seq: self.event.seq,
            at: self.event.at,
            actor: self.event.actor,
            text: Some(last_line(text.as_str())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::{EventId, LogId, Position, RoomId, Seq, ShardId, Timestamp};

    fn event() -> Arc<Logged> {
        Logged::read(StoredEvent {
            shard: ShardId(0),
            position: Position(812),
            log: LogId::Room(RoomId::from_bits(7)),
            seq: Seq(42),
            id: EventId::from_bits(9),
            at: Timestamp::from_millis(1_795_208_400_000),
            actor: UserId::from_bits(3),
            count: 40,
            txn: Some("t-\"1".parse().unwrap()),
            kind: "message".into(),
            body: Some(r#"{"kind":"message","text":"hello \"you\""}"#.into()),
        })
    }

    #[test]
    fn spliced_json_is_what_the_typed_frame_would_be() {
        // [EV1] [EV4] [FR1]
        let logged = event();
        for (reader, txn) in [(3u128, true), (4, false)] {
            let reader = UserId::from_bits(reader);
            let plain = logged.frame_for(reader, Format::Plain);
            let parsed: ServerFrame = serde_json::from_slice(&plain).unwrap();
            let typed = ServerFrame::Event(Box::new(logged.event().to_event(reader).unwrap()));
            assert_eq!(parsed, typed);
            assert_eq!(
                serde_json::to_string(&typed).unwrap().as_bytes(),
                &plain[..]
            );
            assert_eq!(String::from_utf8_lossy(&plain).contains("txn"), txn);
        }
    }

    #[test]
    fn frames_are_made_once() {
        let logged = event();
        for format in [
            Format::Json,
            Format::Msgpack,
            Format::JsonDeflate,
            Format::MsgpackDeflate,
            Format::Plain,
        ] {
            let first = logged.frame(format).clone();
            assert_eq!(first.as_ptr(), logged.frame(format).as_ptr());
        }
    }

    #[test]
    fn an_erased_event_keeps_its_envelope() {
        // [EV2]
        let erased = event().erased();
        let json = String::from_utf8_lossy(erased.frame(Format::Plain)).into_owned();
        assert!(
            json.contains(r#""content":null"#)
                && json.contains(r#""seq":42"#)
                && !json.contains("hello")
        );
    }
}
