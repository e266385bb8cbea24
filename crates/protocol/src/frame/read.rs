//! From a client's bytes to its frame: strict, and never silent. `[FR2]`
//!
//! Owns: what is a frame, what is refused with its `txn`, and what is no object at all.
//! Never: knows who said it, or what it costs them. The server and its simulation read with these two functions.

use std::{borrow::Cow, fmt, sync::LazyLock};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::ClientFrame;
use crate::{
    command::Command,
    id::TxnId,
    limits::MSGPACK_DEPTH_MAX,
    refusal::{Refusal, RefusalCode},
};

/// What one message of a client turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    /// A frame, each part of it known and within its rule.
    Frame(Box<ClientFrame>),
    /// An object, but no frame: it is answered, and the session goes on.
    Refused {
        /// Its `txn`, where that could be read.
        txn: Option<TxnId>,
        /// What is wrong with it.
        refusal: Refusal,
    },
    /// No object: the two sides do not speak the same language.
    NoObject,
}

/// Why an object is no frame.
#[derive(Debug)]
pub enum Fault<'a> {
    /// What serde says of a text frame.
    Json(&'a serde_json::Error),
    /// What serde says of a binary frame.
    MsgPack(&'a rmp_serde::decode::Error),
    /// What JSON could not have said.
    Said(&'static str),
}

impl Fault<'_> {
    /// A refusal in the parser's own words. A server finds better ones.
    #[must_use]
    pub fn plainly(&self) -> Refusal {
        let reason = match self {
            Fault::Json(error) => without_place(error),
            Fault::MsgPack(error) => error.to_string(),
            Fault::Said(reason) => (*reason).to_owned(),
        };
        Refusal::with_message(
            RefusalCode::BadRequest,
            format!("The frame does not fit: {reason}."),
        )
    }
}

/// Reads a text frame; `tell` finds the words of a refusal.
#[must_use]
pub fn json(text: &str, tell: impl FnOnce(&Fault<'_>) -> Refusal) -> Read {
    // Serde would also take a list of the type and the fields' values, which nobody means.
    if !text.trim_start().starts_with('{') {
        return Read::NoObject;
    }
    match frame(&Text(text)) {
        Ok(frame) => Read::Frame(Box::new(frame)),
        Err(error) => match serde_json::from_str::<Outline>(text) {
            Ok(outline) => Read::Refused {
                txn: outline.txn,
                refusal: tell(&Fault::Json(&error)),
            },
            Err(_) => Read::NoObject,
        },
    }
}

/// Reads a binary frame; `tell` finds the words of a refusal.
#[must_use]
pub fn msgpack(bytes: &[u8], tell: impl FnOnce(&Fault<'_>) -> Refusal) -> Read {
    let txn = match walk::object(bytes) {
        Ok(txn) => txn,
        Err(walk::Fault::NoObject) => return Read::NoObject,
        Err(walk::Fault::Refused(txn, sentence)) => {
            let refusal = tell(&Fault::Said(sentence));
            return Read::Refused { txn, refusal };
        }
    };
    match frame(&Packed(bytes)) {
        Ok(frame) => Read::Frame(Box::new(frame)),
        Err(error) => {
            let refusal = tell(&Fault::MsgPack(&error));
            Read::Refused { txn, refusal }
        }
    }
}

/// Types of frames that are no commands.
pub(super) const OTHER_WORDS: &[&str] = &[
    "hello", "open", "close", "typing", "presence", "watch", "ping",
];

/// All types of frames.
static WORDS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| [OTHER_WORDS, Command::WORDS].concat());

/// The type of a frame, whatever else stands there.
#[derive(Deserialize)]
struct Word<'a> {
    #[serde(borrow, rename = "type")]
    word: Cow<'a, str>,
}

/// What every command has, whatever else stands there.
#[derive(Deserialize)]
struct Given {
    txn: TxnId,
}

/// Bytes that are read more than once: first for the type of the frame, then for what that has.
pub(super) trait Source<'a> {
    type Error: de::Error;

    fn read<T: Deserialize<'a>>(&self) -> Result<T, Self::Error>;
    fn command(&self, word: &str) -> Option<Result<Command, Self::Error>>;
    fn other(&self) -> Result<ClientFrame, Self::Error>;
}

/// The frame that these bytes are.
pub(super) fn frame<'a, S: Source<'a>>(source: &S) -> Result<ClientFrame, S::Error> {
    let Word { word } = source.read()?;
    if OTHER_WORDS.contains(&&*word) {
        return source.other();
    }
    let Some(command) = source.command(&word) else {
        return Err(<S::Error as de::Error>::unknown_variant(&word, &WORDS));
    };
    // A field that nobody knows is told before a txn that is not there: it may be that very field, misspelt.
    let command = command.map_err(naming_txn)?;
    let Given { txn } = source.read()?;
    Ok(ClientFrame::Give { txn, command })
}

/// The complaint about a field that nobody knows lists those of the struct; `txn` is one more.
fn naming_txn<E: de::Error>(error: E) -> E {
    let said = error.to_string();
    let is_unknown = said.starts_with("unknown field `");
    let (one, more) = ("`, expected `", "`, expected one of `");
    let (known, rest) = match (said.split_once(more), said.split_once(one)) {
        (Some(parts), _) if is_unknown => parts,
        (None, Some(parts)) if is_unknown => parts,
        _ => return error,
    };
    E::custom(format_args!("{known}{more}txn`, `{rest}"))
}

pub(super) struct Text<'a>(pub(super) &'a str);

impl<'a> Source<'a> for Text<'a> {
    type Error = serde_json::Error;

    fn read<T: Deserialize<'a>>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.0)
    }

    fn command(&self, word: &str) -> Option<Result<Command, serde_json::Error>> {
        Command::read(word, &mut serde_json::Deserializer::from_str(self.0))
    }

    fn other(&self) -> Result<ClientFrame, serde_json::Error> {
        ClientFrame::deserialize(&mut serde_json::Deserializer::from_str(self.0))
    }
}

struct Packed<'a>(&'a [u8]);

impl<'a> Packed<'a> {
    fn deserializer(&self) -> rmp_serde::Deserializer<rmp_serde::decode::ReadRefReader<'a, [u8]>> {
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(self.0);
        deserializer.set_max_depth(MSGPACK_DEPTH_MAX);
        deserializer
    }
}

impl<'a> Source<'a> for Packed<'a> {
    type Error = rmp_serde::decode::Error;

    fn read<T: Deserialize<'a>>(&self) -> Result<T, rmp_serde::decode::Error> {
        T::deserialize(&mut self.deserializer())
    }

    fn command(&self, word: &str) -> Option<Result<Command, rmp_serde::decode::Error>> {
        Command::read(word, &mut self.deserializer())
    }

    fn other(&self) -> Result<ClientFrame, rmp_serde::decode::Error> {
        ClientFrame::deserialize(&mut self.deserializer())
    }
}

/// What is wrong, without the parser's place: a client knows its fields, not our columns.
pub(super) fn without_place(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    if error.line() > 0
        && let Some(place) = text.rfind(" at line ")
    {
        text.truncate(place);
    }
    text
}

/// An object of which no value is looked into but `txn`: half of a surrogate pair, a number beyond all numbers or a
/// thousand lists in each other do not hide whose answer the refusal is.
struct Outline {
    txn: Option<TxnId>,
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Outline, D::Error> {
        d.deserialize_map(OutlineVisitor)
    }
}

struct OutlineVisitor;

impl<'de> Visitor<'de> for OutlineVisitor {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let (mut txn, mut times) = (None, 0);
        while let Some(Key(is_txn)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            if is_txn {
                times += 1;
                txn = serde_json::from_str(value.get()).ok();
            }
        }
        // Of two nobody knows which is meant.
        Ok(Outline {
            txn: txn.filter(|_| times == 1),
        })
    }
}

/// Whether a key is `txn`. It is read as bytes, for it may hold half of a surrogate pair, too.
struct Key(bool);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Key, D::Error> {
        d.deserialize_bytes(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(Key(key == "txn"))
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Key, E> {
        Ok(Key(key == b"txn"))
    }
}

mod walk {
    //! Over the bytes of one MessagePack value, without recursion: what serde would take and JSON could not say.

    use rmp::Marker;

    use crate::{id::TxnId, limits::MSGPACK_DEPTH_MAX};

    /// Why these bytes are no frame.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Fault {
        NoObject,
        Refused(Option<TxnId>, &'static str),
    }

    /// What stands where the walk is.
    enum Token<'a> {
        Text(&'a [u8]),
        /// So many values follow; in a map every other one is a key.
        Map(u32),
        List(u32),
        Plain,
        /// A type that JSON does not have.
        Foreign,
    }

    struct Bytes<'a>(&'a [u8]);

    impl<'a> Bytes<'a> {
        fn take(&mut self, n: usize) -> Option<&'a [u8]> {
            let (head, rest) = self.0.split_at_checked(n)?;
            self.0 = rest;
            Some(head)
        }

        /// A length of so many bytes, the highest first.
        fn len(&mut self, bytes: usize) -> Option<u32> {
            let head = self.take(bytes)?;
            Some(head.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
        }

        fn text(&mut self, len: u32) -> Option<Token<'a>> {
            Some(Token::Text(self.take(len as usize)?))
        }

        fn plain(&mut self, len: usize) -> Option<Token<'a>> {
            self.take(len).map(|_| Token::Plain)
        }

        fn foreign(&mut self, len: u32) -> Option<Token<'a>> {
            self.take(len as usize).map(|_| Token::Foreign)
        }

        fn token(&mut self) -> Option<Token<'a>> {
            let marker = Marker::from_u8(self.take(1)?[0]);
            match marker {
                Marker::FixPos(_)
                | Marker::FixNeg(_)
                | Marker::Null
                | Marker::True
                | Marker::False => Some(Token::Plain),
                Marker::U8 | Marker::I8 => self.plain(1),
                Marker::U16 | Marker::I16 => self.plain(2),
                Marker::U32 | Marker::I32 | Marker::F32 => self.plain(4),
                Marker::U64 | Marker::I64 | Marker::F64 => self.plain(8),
                Marker::FixStr(len) => self.text(u32::from(len)),
                Marker::Str8 => self.len(1).and_then(|len| self.text(len)),
                Marker::Str16 => self.len(2).and_then(|len| self.text(len)),
                Marker::Str32 => self.len(4).and_then(|len| self.text(len)),
                Marker::FixMap(len) => Some(Token::Map(u32::from(len))),
                Marker::Map16 => self.len(2).map(Token::Map),
                Marker::Map32 => self.len(4).map(Token::Map),
                Marker::FixArray(len) => Some(Token::List(u32::from(len))),
                Marker::Array16 => self.len(2).map(Token::List),
                Marker::Array32 => self.len(4).map(Token::List),
                Marker::Bin8 => self.len(1).and_then(|len| self.foreign(len)),
                Marker::Bin16 => self.len(2).and_then(|len| self.foreign(len)),
                Marker::Bin32 => self.len(4).and_then(|len| self.foreign(len)),
                Marker::FixExt1 => self.foreign(2),
                Marker::FixExt2 => self.foreign(3),
                Marker::FixExt4 => self.foreign(5),
                Marker::FixExt8 => self.foreign(9),
                Marker::FixExt16 => self.foreign(17),
                Marker::Ext8 => self
                    .len(1)
                    .and_then(|len| self.foreign(len.checked_add(1)?)),
                Marker::Ext16 => self
                    .len(2)
                    .and_then(|len| self.foreign(len.checked_add(1)?)),
                Marker::Ext32 => self
                    .len(4)
                    .and_then(|len| self.foreign(len.checked_add(1)?)),
                Marker::Reserved => None,
            }
        }
    }

    /// A map or list that the walk is in: what is still to come of it.
    struct Level {
        left: u64,
        is_map: bool,
    }

    /// The frame's `txn`, when the bytes are one map, whole, of texts, numbers, lists and maps, with nothing after it.
    pub(super) fn object(bytes: &[u8]) -> Result<Option<TxnId>, Fault> {
        let mut rest = Bytes(bytes);
        let Some(Token::Map(pairs)) = rest.token() else {
            return Err(Fault::NoObject);
        };
        let mut levels = vec![Level {
            left: 2 * u64::from(pairs),
            is_map: true,
        }];
        let (mut fault, mut txn, mut times, mut after_txn) = (None, None, 0, false);
        while let Some(level) = levels.last_mut() {
            if level.left == 0 {
                levels.pop();
                continue;
            }
            let is_key = level.is_map && level.left.is_multiple_of(2);
            level.left -= 1;
            let depth = levels.len();
            let is_txn = std::mem::take(&mut after_txn) && depth == 1;
            let token = rest.token().ok_or(Fault::NoObject)?;
            if is_key && !matches!(token, Token::Text(_)) {
                fault = fault.or(Some("keys are texts"));
            }
            match token {
                Token::Text(text) if is_key && depth == 1 && text == b"txn" => {
                    (times, after_txn) = (times + 1, true);
                }
                Token::Text(text) if is_txn => {
                    txn = std::str::from_utf8(text)
                        .ok()
                        .and_then(|text| text.parse().ok());
                }
                Token::Text(_) => {}
                Token::Foreign => {
                    fault = fault.or(Some("text is `str`, and no other type has bytes"))
                }
                Token::Map(pairs) => levels.push(Level {
                    left: 2 * u64::from(pairs),
                    is_map: true,
                }),
                Token::List(len) => levels.push(Level {
                    left: u64::from(len),
                    is_map: false,
                }),
                Token::Plain => {}
            }
            if levels.len() > MSGPACK_DEPTH_MAX {
                // What follows is not looked into, so its end is not known either.
                let txn = txn.filter(|_| times == 1);
                return Err(Fault::Refused(txn, "it is too deep"));
            }
        }
        let txn = txn.filter(|_| times == 1);
        if !rest.0.is_empty() {
            fault = Some("there are bytes after its end");
        }
        match fault {
            Some(sentence) => Err(Fault::Refused(txn, sentence)),
            None => Ok(txn),
        }
    }
}

#[cfg(test)]
mod tests;
