//! Who may read a room over REST. `[RM3]` `[RM5]` `[RE5]`
//!
//! Owns: the question before and after a read. Never: tells a stranger that a private room exists.

use tidings_protocol::{RefusalCode, RoomId, UserId, Visibility};

use crate::{node::Node, problem::Problem};

/// Whether the user may read the room: members may, and everybody a public channel.
///
/// # Errors
/// `not_found`, the same for a room that is not there and one that may not be known of.
pub(super) async fn may_read(node: &Node, user: UserId, room: RoomId) -> Result<(), Problem> {
    let member = node.store.member(room, user).await?;
    if member.is_some_and(|member| member.joined) {
        return Ok(());
    }
    match node.store.room(room).await? {
        Some(room) if room.visibility == Visibility::Public => Ok(()),
        _ => Err(RefusalCode::NotFound.into()),
    }
}

/// Reads something of a room for a user who may. Asked before, so that a stranger's request costs the same whatever the
/// room holds; and after, since what was read may hold what came after their removal. `[P6]`
///
/// # Errors
/// `not_found` for who may not read it; the read's own.
pub(super) async fn read<T>(
    node: &Node,
    user: UserId,
    room: RoomId,
    reading: impl Future<Output = Result<T, tidings_store::StoreError>>,
) -> Result<T, Problem> {
    may_read(node, user, room).await?;
    let found = reading.await?;
    may_read(node, user, room).await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_core::{Command, derive};
    use tidings_protocol::{RoomKind, UserKind};

    use crate::config::{Config, Settings};

    async fn user(node: &Node, name: &str) -> UserId {
        let user = UserId::from_bits(uuid::Uuid::now_v7().as_u128());
        let create = Command::CreateUser {
            only_first: false,
            user,
            username: name.parse().unwrap(),
            display_name: name.parse().unwrap(),
            kind: UserKind::Person,
            password_hash: String::new(),
        };
        node.submit(user, None, create).await.unwrap();
        user
    }

    #[tokio::test]
    async fn one_who_is_removed_during_a_read_gets_nothing_of_it() {
        // [P6] [RM5]
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            data: Some(folder.path().to_owned()),
            password_threads: Some(1),
            ..Settings::default()
        };
        let config = Config::load(None, settings).unwrap();
        let node = Node::start(config, Vec::new()).await.unwrap();
        let (ada, bob) = (user(&node, "ada").await, user(&node, "bob").await);
        let room = derive::room_of_txn(ada, &"t-1".parse().unwrap());
        let create = Command::CreateRoom {
            room,
            kind: RoomKind::Group,
            visibility: Visibility::Private,
            name: None,
            members: vec![bob],
        };
        node.submit(ada, None, create).await.unwrap();
        assert_eq!(read(&node, bob, room, async { Ok(1) }).await, Ok(1));
        let during = async {
            let remove = Command::RemoveMember { room, user: bob };
            node.submit(ada, None, remove).await.unwrap();
            Ok(1)
        };
        let refused = read(&node, bob, room, during).await.unwrap_err();
        assert_eq!(refused.0.code, RefusalCode::NotFound);
    }
}
