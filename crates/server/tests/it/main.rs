//! Tests of the doors as their users see them: requests in, answers out.

mod accounts;
mod documents;
mod limits;
mod messages;
mod operations;
mod origins;
mod rooms;
mod server;
mod socket;
mod strangers;
mod trace;
mod world;
