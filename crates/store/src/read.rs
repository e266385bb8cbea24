//! Reads, written once for both databases.
//!
//! Owns: which queries answer which question; one file a subject.
//! Never: judges whether the asker may know; the engine does, with what it reads here. What is filtered here
//! (visible events, summaries of private rooms) is filtered in the question itself.

pub(crate) mod history;
pub(crate) mod log;
pub(crate) mod people;
pub(crate) mod reader;
pub(crate) mod resume;
pub(crate) mod room;
