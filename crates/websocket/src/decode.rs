//! Reading one connection: bytes in, whole messages out.
//!
//! Owns the state between two reads and every rule about which frame may follow which. Whole frames
//! are unmasked where they lie and handed out as slices of the input; only the unfinished rest of a
//! frame or message is kept, in one box that goes away with it. It must never keep more than the
//! limits allow, nor look at a byte more than a constant number of times.
//!
//! What is reported depends on the bytes alone, never on how they were cut into reads.

mod partial;

use crate::frame::{MAX_CONTROL_BYTES, Opcode, Second, Start};
use crate::inflate::Inflater;
use crate::{CloseCode, Limits, ProtocolError, Role, close, mask};
use partial::{Body, Kind, OpenFrame, Partial};

/// One message or control frame, borrowed from the input or from the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// A ping; answer with a pong of the same payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The peer closes. Nothing comes after it.
    Close {
        /// Its code, or `None` when the frame was empty.
        code: Option<CloseCode>,
        /// Its reason, often empty.
        reason: &'a str,
    },
}

/// What the decoders of one core share: the inflate state and its output buffer, about 100 KiB once
/// a compressed message came by.
#[derive(Debug, Default)]
pub struct Scratch {
    inflater: Inflater,
}

impl Scratch {
    /// An empty scratch; memory is taken when it is needed.
    pub fn new() -> Self {
        Self::default()
    }
}

/// The receiving half of one connection. Two words of memory, and a box only while a frame or a
/// message is partly received.
#[derive(Debug)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
    role: Role,
    deflate: bool,
    ended: bool,
}

/// A header that is complete and allowed where it stands.
struct Header {
    start: Start,
    key: [u8; 4],
    header_bytes: usize,
    payload_bytes: usize,
}

impl Decoder {
    /// A decoder for a connection whose handshake is done. `deflate` says whether it agreed on
    /// permessage-deflate, without context takeover on the side of the peer.
    pub fn new(role: Role, deflate: bool) -> Self {
        Self {
            partial: None,
            role,
            deflate,
            ended: false,
        }
    }

    /// Takes what was read from the socket and calls `sink` with every message that it completes,
    /// in order. `input` is unmasked in place and worth nothing afterwards; all of it is used.
    /// `limits` may differ from call to call.
    ///
    /// # Errors
    /// The first violation, after the messages before it. From then on, as after a close frame, the
    /// decoder has ended: it ignores whatever comes.
    pub fn feed(
        &mut self,
        input: &mut [u8],
        limits: &Limits,
        scratch: &mut Scratch,
        sink: &mut impl FnMut(Message<'_>),
    ) -> Result<(), ProtocolError> {
        let result = self.run(input, limits, scratch, sink);
        if result.is_err() {
            self.ended = true;
        }
        if self.ended || self.partial.as_ref().is_some_and(|part| part.is_empty()) {
            self.partial = None;
        }
        result
    }

    /// Whether a close frame or a violation ended the connection.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Bytes of memory that this connection holds for what is partly received; 0 when idle.
    pub fn held_bytes(&self) -> usize {
        self.partial
            .as_ref()
            .map_or(0, |part| size_of::<Partial>() + part.held_bytes())
    }

    fn run(
        &mut self,
        input: &mut [u8],
        limits: &Limits,
        scratch: &mut Scratch,
        sink: &mut impl FnMut(Message<'_>),
    ) -> Result<(), ProtocolError> {
        let mut rest = input;
        while !rest.is_empty() && !self.ended {
            rest = match self.partial.as_deref_mut() {
                Some(partial) if partial.frame.is_some() => {
                    self.carry_on(rest, limits, scratch, sink)?
                }
                Some(partial) if !partial.head.is_empty() => {
                    // One more byte of a header that was cut: at most 13 rounds.
                    let (byte, after) = rest.split_at_mut(1);
                    partial.head.push(byte[0]);
                    let head = partial.head;
                    match self.header(head.bytes(), limits)? {
                        None => after,
                        Some(header) => {
                            self.partial().head.clear();
                            self.payload(&header, after, limits, scratch, sink)?
                        }
                    }
                }
                _ => match self.header(rest, limits)? {
                    None => {
                        self.partial().head.fill(rest);
                        return Ok(());
                    }
                    Some(header) => {
                        let after = &mut rest[header.header_bytes..];
                        self.payload(&header, after, limits, scratch, sink)?
                    }
                },
            };
        }
        Ok(())
    }

    /// Reads a header at the start of `head`; `None` when it is not complete. Each rule is checked
    /// as soon as its byte is there, in the order of the bytes.
    fn header(&self, head: &[u8], limits: &Limits) -> Result<Option<Header>, ProtocolError> {
        let open = self.partial.as_ref().and_then(|part| part.open.as_ref());
        let Some(&first) = head.first() else {
            return Ok(None);
        };
        let start = Start::parse(first)?;
        if start.opcode.is_control() {
            if start.rsv1 {
                return Err(ProtocolError::ReservedBits);
            }
            if !start.fin {
                return Err(ProtocolError::FragmentedControl);
            }
        } else {
            let continues = start.opcode == Opcode::Continuation;
            if start.rsv1 && (continues || !self.deflate) {
                return Err(ProtocolError::ReservedBits);
            }
            match open {
                None if continues => return Err(ProtocolError::StrayContinuation),
                Some(_) if !continues => return Err(ProtocolError::MissingContinuation),
                Some(open) if open.fragments >= limits.max_fragments => {
                    return Err(ProtocolError::TooManyFragments);
                }
                _ => {}
            }
        }

        let Some(&second) = head.get(1) else {
            return Ok(None);
        };
        let second = Second::parse(second);
        match (second.masked, self.role.receives_masked()) {
            (false, true) => return Err(ProtocolError::NotMasked),
            (true, false) => return Err(ProtocolError::Masked),
            _ => {}
        }
        if start.opcode.is_control() && usize::from(second.short_length) > MAX_CONTROL_BYTES {
            return Err(ProtocolError::LongControl);
        }

        let Some(length) = second.payload_bytes(head)? else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if !start.opcode.is_control() {
            if length > limits.max_frame_bytes {
                return Err(ProtocolError::FrameTooBig);
            }
            let before = open.map_or(0, |open| open.bytes.len());
            if length > limits.max_message_bytes.saturating_sub(before) {
                return Err(ProtocolError::MessageTooBig);
            }
        }

        let header_bytes = second.header_bytes();
        if head.len() < header_bytes {
            return Ok(None);
        }
        Ok(Some(Header {
            start,
            key: second.key(head).unwrap_or_default(),
            header_bytes,
            payload_bytes: length,
        }))
    }

    /// Handles the payload of a frame whose header was just read; returns what follows the frame.
    fn payload<'i>(
        &mut self,
        header: &Header,
        after: &'i mut [u8],
        limits: &Limits,
        scratch: &mut Scratch,
        sink: &mut impl FnMut(Message<'_>),
    ) -> Result<&'i mut [u8], ProtocolError> {
        let here = header.payload_bytes.min(after.len());
        let (payload, after) = after.split_at_mut(here);
        if self.role.receives_masked() {
            mask::apply_mask(payload, header.key);
        }
        let Start { fin, rsv1, opcode } = header.start;
        let remaining = header.payload_bytes - here;

        let kind = match opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => {
                if remaining == 0 {
                    self.control(opcode, payload, sink)?;
                } else {
                    let body = Body::Control(opcode, payload.to_vec());
                    self.partial().frame = Some(OpenFrame::new(body, header.key, here, remaining));
                }
                return Ok(after);
            }
            Opcode::Text => Some(Kind::Text),
            Opcode::Binary => Some(Kind::Binary),
            Opcode::Continuation => None,
        };
        if let Some(kind) = kind
            && fin
            && remaining == 0
        {
            deliver(kind, rsv1, payload, limits, scratch, sink)?;
            return Ok(after);
        }

        let partial = self.partial();
        let open = partial.open_message(kind, rsv1);
        open.fragments += 1;
        let end = open.bytes.len() + header.payload_bytes;
        let most = if fin { end } else { limits.max_message_bytes };
        open.append(payload, most)?;
        if remaining > 0 {
            let body = Body::Data { fin };
            partial.frame = Some(OpenFrame::new(body, header.key, here, remaining));
        } else if fin {
            self.finish(limits, scratch, sink)?;
        }
        Ok(after)
    }

    /// Takes more of the payload of the open frame; returns what follows it.
    fn carry_on<'i>(
        &mut self,
        input: &'i mut [u8],
        limits: &Limits,
        scratch: &mut Scratch,
        sink: &mut impl FnMut(Message<'_>),
    ) -> Result<&'i mut [u8], ProtocolError> {
        let masked = self.role.receives_masked();
        let partial = self.partial();
        let Some(mut frame) = partial.frame.take() else {
            return Ok(input);
        };
        let here = frame.remaining.min(input.len());
        let (payload, after) = input.split_at_mut(here);
        if masked {
            mask::apply_mask(payload, frame.key);
            frame.key = mask::advance(frame.key, here);
        }
        frame.remaining -= here;
        match &mut frame.body {
            Body::Control(opcode, bytes) => {
                bytes.extend_from_slice(payload);
                if frame.remaining == 0 {
                    self.control(*opcode, bytes, sink)?;
                    return Ok(after);
                }
            }
            Body::Data { fin } => {
                let fin = *fin;
                let open = partial.open_message(None, false);
                let end = open.bytes.len() + here + frame.remaining;
                let most = if fin { end } else { limits.max_message_bytes };
                open.append(payload, most)?;
                if frame.remaining == 0 {
                    if fin {
                        self.finish(limits, scratch, sink)?;
                    }
                    return Ok(after);
                }
            }
        }
        partial.frame = Some(frame);
        Ok(after)
    }

    fn control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        sink: &mut impl FnMut(Message<'_>),
    ) -> Result<(), ProtocolError> {
        sink(match opcode {
            Opcode::Ping => Message::Ping(payload),
            Opcode::Pong => Message::Pong(payload),
            _ => {
                let message = close::parse(payload)?;
                self.ended = true;
                message
            }
        });
        Ok(())
    }

    /// Hands out the open message, which is complete.
    fn finish(
        &mut self,
        limits: &Limits,
        scratch: &mut Scratch,
        sink: &mut impl FnMut(Message<'_>),
    ) -> Result<(), ProtocolError> {
        match self.partial().open.take() {
            Some(open) => deliver(
                open.kind,
                open.compressed,
                &open.bytes,
                limits,
                scratch,
                sink,
            ),
            None => Ok(()),
        }
    }

    fn partial(&mut self) -> &mut Partial {
        self.partial.get_or_insert_default()
    }
}

/// Hands out one whole message, inflated first when it is compressed.
fn deliver(
    kind: Kind,
    compressed: bool,
    payload: &[u8],
    limits: &Limits,
    scratch: &mut Scratch,
    sink: &mut impl FnMut(Message<'_>),
) -> Result<(), ProtocolError> {
    let plain = if compressed {
        scratch
            .inflater
            .inflate(payload, limits.max_message_bytes)?
    } else {
        payload
    };
    sink(match kind {
        Kind::Binary => Message::Binary(plain),
        Kind::Text => Message::Text(str::from_utf8(plain).map_err(|_| ProtocolError::InvalidUtf8)?),
    });
    if compressed {
        scratch.inflater.trim();
    }
    Ok(())
}
