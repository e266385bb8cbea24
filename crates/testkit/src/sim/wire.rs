//! A wire with a small buffer that the simulation empties when it pleases.
//!
//! Owns: the bytes on their way to a client. Never: loses bytes, unless the connection is cut.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use bytes::Bytes;
use tidings_engine::{Format, Wire};
use tidings_protocol::CloseCode;

/// The client's end of a wire.
#[derive(Debug, Default)]
pub struct Pipe {
    /// Bytes handed over and not read.
    pub bytes: VecDeque<u8>,
    /// Above this the wire is full.
    pub capacity: usize,
    /// It was full, and the hub waits to hear that it is not.
    pub waits: bool,
    /// The server ended the connection.
    pub closed: Option<CloseCode>,
    /// The most that ever waited.
    pub high: usize,
}

/// The server's end.
#[derive(Debug, Clone)]
pub struct SimWire(pub Rc<RefCell<Pipe>>);

impl Wire for SimWire {
    fn format(&self) -> Format {
        Format::Json
    }

    fn send(&mut self, bytes: &Bytes) {
        let mut pipe = self.0.borrow_mut();
        assert!(!pipe.waits, "the hub handed bytes to a full wire");
        pipe.bytes.extend(bytes.iter());
        pipe.high = pipe.high.max(pipe.bytes.len());
        pipe.waits = pipe.bytes.len() > pipe.capacity;
    }

    fn is_full(&self) -> bool {
        self.0.borrow().waits
    }

    fn ping(&mut self) {}

    fn close(&mut self, code: CloseCode) {
        self.0.borrow_mut().closed.get_or_insert(code);
    }
}
