//! One state and what commands did to it, for tests that look at deciding from outside.

use tidings_core::{Command, Ctx, Executed, Salt, State, execute};
use tidings_protocol::{EventId, Position, Refusal, ShardId, Timestamp, TxnId, UserId};

/// Everything there is, in one state; ids are counted.
#[derive(Default)]
pub(crate) struct Door {
    pub(crate) state: State,
    pub(crate) next_id: u128,
    position: Position,
}

impl Door {
    /// Gives one command.
    pub(crate) fn give(
        &mut self,
        actor: UserId,
        txn: Option<&TxnId>,
        command: &Command,
    ) -> Result<Executed, Refusal> {
        let next_id = &mut self.next_id;
        let mut ctx = Ctx {
            now: Timestamp(1),
            shard: ShardId(0),
            position: &mut self.position,
            next_id: &mut || {
                *next_id += 1;
                EventId::from_bits(*next_id)
            },
            next_salt: &mut || Salt([0; 16]),
        };
        execute(&mut self.state, actor, txn, command, &mut ctx)
    }
}
