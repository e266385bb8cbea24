//! Who reads, and what they find.
//!
//! Owns: [`Reader`], [`Seen`], and the one place that puts together who may read a room with what is read of it.
//! Never: shows anything to a device that is signed out, or of a room that its user may not know of.

use futures_util::future;
use tidings_core::Room;
use tidings_protocol::{DeviceId, RoomId, UserId};

use super::room;
use crate::{error::StoreError, value::Snapshot};

/// Somebody who reads: a user, by one of their devices. Nothing is believed of it: that the device is signed in is read in
/// the snapshot of what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    /// The user.
    pub user: UserId,
    /// Their device.
    pub device: DeviceId,
}

/// What a reader finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen<T> {
    /// The device is signed in no more.
    SignedOut,
    /// There is no such room, or none that they may know of. `[RM5]`
    Nothing,
    /// This.
    Found(T),
}

impl<T> Seen<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Seen<U> {
        match self {
            Seen::SignedOut => Seen::SignedOut,
            Seen::Nothing => Seen::Nothing,
            Seen::Found(found) => Seen::Found(change(found)),
        }
    }
}

/// Reads something of a room in one snapshot with whether the reader may: members may, and everybody a public channel.
/// All questions leave together, so each part of `reading` that costs more for a larger room asks for the same right
/// itself: who may not know of the room is answered as fast whatever it holds. `[RM3]` `[RM5]` `[P6]`
pub(crate) async fn of_room<S: Snapshot, T>(
    s: &S,
    room: RoomId,
    reader: Reader,
    reading: impl Future<Output = Result<T, StoreError>>,
) -> Result<Seen<(Room, T)>, StoreError> {
    let (room, found) = future::try_join(room::room_for(s, room, reader), reading).await?;
    Ok(room.map(|room| (room, found)))
}
