//! The hub against wires that a test fills and drains by hand, and a store that it keeps behind or ahead.
//!
//! The parts: [`model`] is the store and the wires; [`rooms`] open and listed rooms; [`whole`] rooms told as a whole;
//! [`all`] those who follow everything; [`session`] beginnings, beats and ends; [`signals`] typing and presence;
//! [`seeds`] long stories by seed.

mod all;
mod cursors;
mod model;
mod rooms;
mod seeds;
mod session;
mod signals;
mod whole;
