//! Tests of the codec as its users see it: bytes in, messages out, and the other way round.

mod compression;
mod frames;
mod handshake;
mod hostile;
mod memory;
mod negotiation;
mod oracle;
mod properties;
mod receive;
