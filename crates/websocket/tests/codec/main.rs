//! Tests of the codec as its users see it: bytes in, messages out, and the other way round.

mod frames;
mod hostile;
mod memory;
mod receive;
