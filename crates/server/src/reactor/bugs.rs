//! Bugs: a panic ends sessions, never the core.
//!
//! Owns: what is ended. A panic outside the hub ends the one session whose bytes led to it. A panic inside the hub may
//! leave what all sessions of the core share half changed: all of them end, and the core begins as new. Their clients
//! come back with their cursors and miss nothing. `[P4]`
//! Never: lets a task that the core needs end; goes on with state that may be torn.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use tidings_engine::PeerId;
use tidings_protocol::{CloseCode, Presence};

use super::{Core, Flow, Scratch};

impl Core {
    /// Does something for no session in particular; a panic inside is over when this returns.
    pub(super) fn contain(&self, work: impl FnOnce()) {
        // What had to be ended was ended where the hub was held, and the panic's hook has logged the place.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }

    /// Does something with what one session sent; a panic inside ends that session, or what the hub had to end.
    pub fn contain_session(self: &Rc<Self>, id: PeerId, work: impl FnOnce() -> Flow) -> Flow {
        if let Ok(flow) = catch_unwind(AssertUnwindSafe(work)) {
            return flow;
        }
        // The buffers may have been in use.
        *self.scratch.borrow_mut() = Scratch::new();
        let is_here = self.hub.borrow_mut().wire(id).is_some();
        if is_here {
            self.node.metrics.bug();
            tracing::error!(
                core = self.index,
                "a bug ended a session; its client comes back"
            );
            self.act(|hub| hub.close(id, CloseCode::Internal));
        }
        Flow::End
    }

    /// A bug was met while the hub was held.
    pub(super) fn begin_anew_after_bug(self: &Rc<Self>) {
        self.node.metrics.bug();
        let sessions = self.begin_anew();
        tracing::error!(
            core = self.index,
            sessions,
            "a bug ended a core's sessions; their clients come back"
        );
    }

    /// Ends every session and begins with a fresh hub. Returns how many there were.
    pub(super) fn begin_anew(self: &Rc<Self>) -> usize {
        let gone = self.hub.borrow_mut().renew(&self.node.feed.heads());
        let sessions = gone.len();
        for (user, presence) in gone {
            self.presence_changed(user, presence, Presence::Offline);
        }
        for read in self.node.presence.core_began_anew(self.index) {
            self.read_members(read);
        }
        sessions
    }
}
