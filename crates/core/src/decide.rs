//! The door's judgement: a command against exactly the state it meets.
//!
//! Owns: [`execute`], which checks for a retry, has the command decided, numbers the events and folds them into the
//! state. The rules are one file a [`subject`](crate::subject), the first to read is `message`.
//! Never: waits, writes, or knows which database the state came from.

use std::sync::Arc;

use tidings_protocol::{
    EventId, LogId, Position, Refusal, RefusalCode, ShardId, Timestamp, TxnId, UserId,
    content::Known,
};

use crate::{
    apply::apply,
    chain::{Salt, body_hash},
    command::{By, Command},
    state::{Done, State},
    stored::{Entry, StoredEvent},
    subject::account::{AddDevice, CreateUser, SetPassword},
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
    let log = command.log(actor, txn);
    let fingerprint = if txn.is_some() {
        command.fingerprint(actor)
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
    let contents = command.decide(By { actor, txn, log }, state)?;
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
        if let Command::CreateUser(CreateUser {
            user,
            password_hash,
            kind,
            ..
        }) = command
            && let Some(row) = state.users.get_mut(user)
        {
            // Secrets are in the command and the row, never in the log.
            row.password_hash.clone_from(password_hash);
            row.kind = *kind;
        }
        if let Command::SetPassword(SetPassword { password_hash, .. }) = command
            && let Some(row) = state.users.get_mut(&actor)
        {
            row.password_hash.clone_from(password_hash);
        }
        if let Command::AddDevice(AddDevice {
            device, token_hash, ..
        }) = command
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

fn encode(content: &Known) -> String {
    serde_json::to_string(content)
        .expect("a known content has only texts and numbers, which always encode")
}

#[cfg(test)]
mod tests;
