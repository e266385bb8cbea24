//! The door's judgement: a command against exactly the state it meets.
//!
//! Owns: [`execute`], which checks for a retry, decides, numbers the events and folds them into the state;
//! and [`decide`], which picks the right rule. The rules are one file a subject, the first to read is `message`.
//! Never: waits, writes, or knows which database the state came from.

mod account;
mod marker;
mod membership;
mod message;
mod reaction;
mod room;

use std::sync::Arc;

use tidings_protocol::{
    EventId, LogId, Position, Refusal, RefusalCode, ShardId, Timestamp, TxnId, UserId,
    content::Known,
};

use crate::{
    apply::apply,
    chain::{Salt, body_hash},
    command::Command,
    state::{Done, State},
    stored::{Entry, StoredEvent},
};

/// What deciding needs from the world: the time, the shard's head, fresh ids.
pub struct Ctx<'a> {
    /// The time of the commit.
    pub now: Timestamp,
    /// The shard being appended to.
    pub shard: ShardId,
    /// The shard's last position; moved on by each event.
    pub position: &'a mut Position,
    /// Draws the id of the next event (`UUIDv7`).
    pub next_id: &'a mut dyn FnMut() -> EventId,
    /// Draws what the next body is hashed with: nobody may guess it.
    pub next_salt: &'a mut dyn FnMut() -> Salt,
}

/// What became of a command that was not refused.
#[derive(Debug, Clone)]
pub enum Executed {
    /// It happened: these entries are to be committed; the first one is its answer.
    Happened(Vec<Entry>),
    /// It had happened before; this was its answer. `[CM3]`
    Before(Box<StoredEvent>),
    /// There was nothing to change.
    Unchanged(LogId),
}

/// Decides one command and folds its events into `state`, so that the next command of the batch meets them.
///
/// # Errors
/// The refusal; `state` and the context are then as before.
pub fn execute(
    state: &mut State,
    actor: UserId,
    txn: Option<&TxnId>,
    command: &Command,
    ctx: &mut Ctx<'_>,
) -> Result<Executed, Refusal> {
    let log = command.log(actor);
    let fingerprint = if txn.is_some() {
        command.fingerprint()
    } else {
        0
    };
    if let Some(txn) = txn
        && let Some(done) = state.txns.get(&(log, actor, txn.clone()))
    {
        // Of an erased text nothing is kept that it could be compared by.
        if done.event.body.is_some() && done.fingerprint != fingerprint {
            return Err(RefusalCode::TxnReused.into());
        }
        return Ok(Executed::Before(Box::new(done.event.clone())));
    }
    let contents = decide(state, actor, command)?;
    if contents.is_empty() {
        return Ok(Executed::Unchanged(log));
    }
    let mut entries = Vec::with_capacity(contents.len());
    for (index, content) in contents.into_iter().enumerate() {
        let (head, count) = state.head(log);
        *ctx.position = ctx.position.next();
        let event = StoredEvent {
            shard: ctx.shard,
            position: *ctx.position,
            log,
            seq: head.next(),
            id: (ctx.next_id)(),
            at: ctx.now,
            actor,
            count: count + u64::from(matches!(content, Known::Message { .. })),
            txn: txn.filter(|_| index == 0).cloned(),
            kind: content.kind().as_str().into(),
            body: Some(Arc::from(encode(&content))),
        };
        let fingerprint = if index == 0 { fingerprint } else { 0 };
        let salt = (ctx.next_salt)();
        let body = body_hash(salt, fingerprint, event.body.as_deref().unwrap_or_default());
        let chain = state.chain(log).next(&event, content.target(), body);
        let entry = Entry {
            event,
            content,
            fingerprint,
            salt,
            chain,
        };
        apply(state, &entry.event, &entry.content);
        state.set_chain(log, chain);
        if let Command::CreateUser {
            user,
            password_hash,
            kind,
            ..
        } = command
            && let Some(row) = state.users.get_mut(user)
        {
            // Secrets are in the command and the row, never in the log.
            row.password_hash.clone_from(password_hash);
            row.kind = *kind;
        }
        if let Command::SetPassword { password_hash, .. } = command
            && let Some(row) = state.users.get_mut(&actor)
        {
            row.password_hash.clone_from(password_hash);
        }
        if let Command::AddDevice {
            device, token_hash, ..
        } = command
            && let Some(row) = state.devices.get_mut(device)
        {
            row.token_hash = *token_hash;
        }
        entries.push(entry);
    }
    if let Some(txn) = txn {
        let done = Done {
            fingerprint,
            event: entries[0].event.clone(),
        };
        state.txns.insert((log, actor, txn.clone()), done);
    }
    Ok(Executed::Happened(entries))
}

/// The events that follow from a command; none when there is nothing to change.
///
/// # Errors
/// The refusal, with a stable code.
pub fn decide(state: &State, actor: UserId, command: &Command) -> Result<Vec<Known>, Refusal> {
    match command {
        Command::SendMessage { room, text } => message::send(state, actor, *room, text),
        Command::EditMessage {
            room,
            message,
            text,
        } => message::edit(state, actor, *room, *message, text),
        Command::DeleteMessage { room, message } => message::delete(state, actor, *room, *message),
        Command::AddReaction {
            room,
            message,
            emoji,
        } => reaction::add(state, actor, *room, *message, emoji),
        Command::RemoveReaction {
            room,
            message,
            emoji,
        } => reaction::remove(state, actor, *room, *message, emoji),
        Command::CreateRoom {
            room,
            kind,
            visibility,
            name,
            members,
        } => room::create(
            state,
            actor,
            *room,
            *kind,
            *visibility,
            name.as_ref(),
            members,
        ),
        Command::RenameRoom { room, name } => room::rename(state, actor, *room, name),
        Command::AddMember { room, user } => membership::add(state, actor, *room, *user),
        Command::RemoveMember { room, user } => membership::remove(state, actor, *room, *user),
        Command::SetRole { room, user, role } => {
            membership::set_role(state, actor, *room, *user, *role)
        }
        Command::MoveMarker { room, seq } => marker::move_to(state, actor, *room, *seq),
        Command::CreateUser {
            user,
            username,
            display_name,
            only_first,
            ..
        } => account::create(state, *user, username, display_name, *only_first),
        Command::AddDevice {
            device,
            name,
            checked_hash,
            ..
        } => account::add_device(state, actor, *device, name, checked_hash.as_deref()),
        Command::RemoveDevice { device, reason } => {
            account::remove_device(state, actor, *device, *reason)
        }
        Command::SetPassword {
            checked_hash, keep, ..
        } => account::set_password(state, actor, checked_hash.as_deref(), *keep),
    }
}

fn encode(content: &Known) -> String {
    serde_json::to_string(content)
        .expect("a known content has only texts and numbers, which always encode")
}

#[cfg(test)]
mod tests;
