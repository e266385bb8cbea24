//! Commands through the store, as the engine sends them.

use tidings_core::{
    AddDevice, Command, CreateUser, Ctx, Executed, Needs, Salt, State, StoredEvent, execute,
};
use tidings_protocol::{
    DeviceId, EventId, LogId, Position, Refusal, RefusalCode, RoomId, RoomKind, Seq, ShardId,
    Timestamp, TxnId, UserId, UserKind, Visibility,
    command::Place,
    subject::{AddMember, CreateRoom, MoveMarker, RemoveMember, SendContent, SendMessage},
};
use tidings_store::{Commit, Store, StoreError};

/// A command with who sends it and under which `txn`.
pub(crate) type Sent = (UserId, Option<TxnId>, Command);
/// What became of it.
pub(crate) type Answer = Result<Executed, Refusal>;

/// A fresh id; later ones sort later.
pub(crate) fn id() -> u128 {
    uuid::Uuid::now_v7().as_u128()
}

/// A fresh user's id on a shard.
pub(crate) fn user_on(store: &Store, shard: u16) -> UserId {
    loop {
        let user = UserId::from_bits(id());
        if LogId::User(user).shard(store.shards()).0 == shard % store.shards() {
            return user;
        }
    }
}

pub(crate) fn txn(text: &str) -> TxnId {
    text.parse().unwrap()
}

/// What a batch needs, its txns included.
pub(crate) fn needs(commands: &[Sent]) -> Needs {
    let mut needs = Needs::default();
    for (actor, txn, command) in commands {
        command.needs(*actor, txn.as_ref(), &mut needs);
    }
    needs
}

/// Decides a batch as the engine does.
pub(crate) fn decide(
    shard: ShardId,
    head: Position,
    mut state: State,
    commands: &[Sent],
) -> (Commit, Vec<Answer>) {
    let (mut entries, mut answers, mut position) = (Vec::new(), Vec::new(), head);
    for (actor, txn, command) in commands {
        let mut next_id = || EventId::from_bits(id());
        let mut ctx = Ctx {
            now: Timestamp(1_795_208_400_123_456),
            shard,
            position: &mut position,
            next_id: &mut next_id,
            next_salt: &mut || Salt(id().to_be_bytes()),
        };
        let answer = execute(&mut state, *actor, txn.as_ref(), command, &mut ctx);
        if let Ok(Executed::Happened(happened)) = &answer {
            entries.extend(happened.iter().cloned());
        }
        answers.push(answer);
    }
    (Commit { entries, state }, answers)
}

/// Sends a batch for one shard.
pub(crate) async fn batch(store: &Store, commands: Vec<Sent>) -> Result<Vec<Answer>, StoreError> {
    let (actor, txn, command) = &commands[0];
    let shard = command.log(*actor, txn.as_ref()).shard(store.shards());
    let needs = needs(&commands);
    store
        .append(shard, needs, move |head, state| {
            decide(shard, head, state, &commands)
        })
        .await
}

/// Sends one command, which must reach the database.
pub(crate) async fn run(store: &Store, actor: UserId, command: impl Into<Command>) -> Answer {
    run_with(store, actor, None, command).await
}

/// Sends one command with a `txn`.
pub(crate) async fn run_with(
    store: &Store,
    actor: UserId,
    txn: Option<&str>,
    command: impl Into<Command>,
) -> Answer {
    let command = command.into();
    let txn = txn
        .map(|t| t.parse().unwrap())
        .or_else(|| drawn_for(&command));
    batch(store, vec![(actor, txn, command)])
        .await
        .unwrap()
        .remove(0)
}

/// A txn for a command that cannot do without: a room's id follows from it.
pub(crate) fn drawn_for(command: &Command) -> Option<TxnId> {
    match command {
        Command::Given(given) if given.place() == Place::Made => {
            Some(txn(&uuid::Uuid::now_v7().to_string()))
        }
        _ => None,
    }
}

/// The first event of a command that happened now.
pub(crate) fn happened(answer: Answer) -> StoredEvent {
    match answer {
        Ok(Executed::Happened(mut entries)) => entries.remove(0).event,
        other => panic!("it did not happen: {other:?}"),
    }
}

/// The event of a command that had happened before.
pub(crate) fn before(answer: Answer) -> StoredEvent {
    match answer {
        Ok(Executed::Before(event)) => *event,
        other => panic!("it had not happened before: {other:?}"),
    }
}

pub(crate) fn refused(answer: Answer) -> RefusalCode {
    answer.unwrap_err().code
}

pub(crate) fn create_user(user: UserId, name: &str) -> Command {
    Command::from(CreateUser {
        only_first: false,
        user,
        username: name.parse().unwrap(),
        display_name: format!("{name} Lovelace").parse().unwrap(),
        kind: UserKind::Person,
        password_hash: format!("$argon2id$of-{name}"),
    })
}

/// A new user.
pub(crate) async fn user(store: &Store, name: &str) -> UserId {
    let user = UserId::from_bits(id());
    happened(run(store, user, create_user(user, name)).await);
    user
}

/// A new device of this user, signed in.
pub(crate) async fn device(store: &Store, user: UserId) -> DeviceId {
    let device = DeviceId::from_bits(id());
    let command = AddDevice {
        device,
        name: "phone".to_owned(),
        token_hash: std::array::from_fn(|n| device.bytes()[n % 16]),
        checked_hash: None,
    };
    happened(run(store, user, command).await);
    device
}

/// A new private group.
pub(crate) async fn group(store: &Store, owner: UserId, members: &[UserId]) -> RoomId {
    let command = CreateRoom {
        kind: RoomKind::Group,
        visibility: Some(Visibility::Private),
        name: None,
        members: members.to_vec(),
    };
    happened(run(store, owner, command).await)
        .log
        .room()
        .unwrap()
}

/// A new public channel.
pub(crate) async fn channel(store: &Store, owner: UserId, name: &str) -> RoomId {
    let command = CreateRoom {
        kind: RoomKind::Channel,
        visibility: Some(Visibility::Public),
        name: Some(name.parse().unwrap()),
        members: Vec::new(),
    };
    happened(run(store, owner, command).await)
        .log
        .room()
        .unwrap()
}

pub(crate) fn message(room: RoomId, text: &str) -> Command {
    Command::from(SendMessage {
        room,
        content: SendContent::Text {
            text: text.parse().unwrap(),
        },
    })
}

/// Sends a message.
pub(crate) async fn say(store: &Store, actor: UserId, room: RoomId, text: &str) -> StoredEvent {
    happened(run(store, actor, message(room, text)).await)
}

pub(crate) async fn join(store: &Store, user: UserId, room: RoomId) -> StoredEvent {
    happened(
        run(
            store,
            user,
            AddMember {
                room,
                user: Some(user),
            },
        )
        .await,
    )
}

pub(crate) async fn leave(store: &Store, user: UserId, room: RoomId) -> StoredEvent {
    happened(
        run(
            store,
            user,
            RemoveMember {
                room,
                user: Some(user),
            },
        )
        .await,
    )
}

pub(crate) async fn mark(store: &Store, user: UserId, room: RoomId, seq: Seq) -> StoredEvent {
    happened(run(store, user, MoveMarker { room, seq }).await)
}

/// The cursor of one who has seen everything.
pub(crate) async fn cursor(store: &Store) -> tidings_protocol::Cursor {
    tidings_protocol::Cursor {
        epoch: store.epoch(),
        positions: store.heads().await.unwrap(),
    }
}
