//! A wire with a small buffer that the simulation empties when it pleases.
//!
//! Owns: the bytes on their way to a client, and the faults that a test plants in them. Never: loses bytes of its own
//! accord, unless the connection is cut.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use bytes::Bytes;
use tidings_engine::{Format, Wire};
use tidings_protocol::CloseCode;

/// A wire broken on purpose: a test plants one to see that an auditor finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Everything is lost.
    Silent,
    /// Every so many writes come twice.
    Repeats(u32),
    /// Every so many writes are lost.
    Skips(u32),
    /// It never says that it is full.
    NeverFull,
    /// The wires are sound, but nodes believe what is sealed with the key of another database.
    Credulous,
}

/// What wires had to hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct Load {
    /// The largest piece that was handed over at once, in bytes.
    pub piece: usize,
    /// The most that waited beyond what makes a wire full and one piece more, in bytes.
    pub over: usize,
}

impl Load {
    /// The larger of both.
    #[must_use]
    pub fn max(self, other: Load) -> Load {
        Load {
            piece: self.piece.max(other.piece),
            over: self.over.max(other.over),
        }
    }
}

/// The client's end of a wire.
#[derive(Debug)]
pub struct Pipe {
    /// Bytes handed over and not read.
    pub bytes: VecDeque<u8>,
    /// What the client asked for.
    pub format: Format,
    /// Above this the wire is full.
    pub capacity: usize,
    /// It was full, and the hub waits to hear that it is not.
    pub waits: bool,
    /// The server ended the connection.
    pub closed: Option<CloseCode>,
    /// What it had to hold.
    pub load: Load,
    fault: Option<Fault>,
    writes: u32,
}

impl Pipe {
    /// An empty wire.
    #[must_use]
    pub fn new(format: Format, capacity: usize, fault: Option<Fault>) -> Pipe {
        Pipe {
            bytes: VecDeque::new(),
            format,
            capacity,
            waits: false,
            closed: None,
            load: Load::default(),
            fault,
            writes: 0,
        }
    }

    fn take(&mut self, bytes: &Bytes) {
        self.writes += 1;
        let due = |every: u32| self.writes.is_multiple_of(every);
        let times = match self.fault {
            Some(Fault::Silent) => 0,
            Some(Fault::Skips(every)) if due(every) => 0,
            Some(Fault::Repeats(every)) if due(every) => 2,
            _ => 1,
        };
        self.load.piece = self.load.piece.max(bytes.len());
        for _ in 0..times {
            self.bytes.extend(bytes.iter());
        }
        let room = self.capacity + self.load.piece;
        self.load.over = self.load.over.max(self.bytes.len().saturating_sub(room));
        self.waits = self.bytes.len() > self.capacity && self.fault != Some(Fault::NeverFull);
    }
}

/// The server's end.
#[derive(Debug, Clone)]
pub struct SimWire(pub Rc<RefCell<Pipe>>);

impl Wire for SimWire {
    fn format(&self) -> Format {
        self.0.borrow().format
    }

    fn send(&mut self, bytes: &Bytes) {
        let mut pipe = self.0.borrow_mut();
        assert!(!pipe.waits, "the hub handed bytes to a full wire");
        pipe.take(bytes);
    }

    fn is_full(&self) -> bool {
        self.0.borrow().waits
    }

    fn ping(&mut self) {}

    fn close(&mut self, code: CloseCode) {
        self.0.borrow_mut().closed.get_or_insert(code);
    }
}
