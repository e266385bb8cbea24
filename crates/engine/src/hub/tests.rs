//! The hub against wires that a test fills and drains by hand.
