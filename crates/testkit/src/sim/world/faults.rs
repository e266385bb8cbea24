//! What breaks: connections, nodes, and the news between nodes.
//!
//! Owns: connecting, cutting, crashing, starting again. Never: touches what is committed.

use std::{cell::RefCell, rc::Rc};

use tidings_engine::{
    Format,
    hints::news::{HintEvent, News},
};
use tidings_protocol::{CloseCode, Cursor, OpenRoom, Position, Seq};

use super::{Link, World};
use crate::sim::{
    client::Forged,
    node::foreign_key,
    wire::{Pipe, SimWire},
};

impl World {
    /// A device that is away gets a connection to some core of some node.
    pub(super) async fn connect(&mut self) {
        // What a device has just ended is cut before it gets another.
        self.let_go();
        let away: Vec<usize> = (0..self.clients.len())
            .filter(|c| self.clients[*c].wants_connection())
            .collect();
        let (Some(&at), Some(node)) = (self.random.pick(&away), self.alive()) else {
            return;
        };
        let capacity = [200, 2_000, 50_000][self.random.below(3)];
        let format = [Format::Json, Format::Msgpack][self.random.below(2)];
        let pipe = Pipe::new(format, capacity, self.options.fault);
        let pipe = Rc::new(RefCell::new(pipe));
        let Some(home) = &mut self.nodes[node] else {
            return;
        };
        let core = self.random.below(home.cores.len());
        let seat = home.connect(core, SimWire(Rc::clone(&pipe)));
        self.links[at].push(Link {
            node,
            seat,
            cut: false,
        });
        let forged = if self.clients[at].forges {
            Some(self.forged().await)
        } else {
            None
        };
        self.clients[at].connected(pipe, self.step, forged);
    }

    /// A cursor that nobody was told, or not this one, and rooms to open from anywhere.
    async fn forged(&mut self) -> Forged {
        let heads = self.store.heads().await.expect("the store is open");
        let kind = self.random.below(6);
        let positions = heads.iter().map(|head| match kind {
            0 => 0,
            1 => head.0,
            2 => head.0 + self.random.below(3) as u64,
            // Older and newer ones, each shard for itself.
            _ => self.random.below(head.0 as usize + 1) as u64,
        });
        let mut positions: Vec<Position> = positions.map(Position).collect();
        if kind == 5 {
            positions.rotate_left(1);
        }
        let epoch = self.store.epoch();
        let mut since = Cursor { epoch, positions }.to_string();
        if self.random.percent(10) {
            since.truncate(self.random.below(since.len()));
        }
        let rooms = self.rooms.clone();
        let open = rooms.into_iter().map(|room| OpenRoom {
            room,
            after: Some(Seq(self.random.below(60) as u64)),
        });
        Forged {
            since,
            open: open.collect(),
        }
    }

    /// A connection is cut.
    pub(super) fn cut(&mut self) {
        let here: Vec<usize> = (0..self.clients.len())
            .filter(|c| self.clients[*c].pipe.is_some())
            .collect();
        let Some(&at) = self.random.pick(&here) else {
            return;
        };
        self.sever(at, None);
    }

    pub(super) fn sever(&mut self, at: usize, code: Option<CloseCode>) {
        self.clients[at].disconnected(code);
        self.links[at].iter_mut().for_each(|link| link.cut = true);
    }

    /// A device's process ends, and another begins from its disk.
    pub(super) fn crash_client(&mut self) {
        let at = self.random.below(self.clients.len());
        self.clients[at].crash();
    }

    /// Connections that their clients ended are cut.
    pub(super) fn let_go(&mut self) {
        for (client, links) in self.clients.iter_mut().zip(&mut self.links) {
            if client.takes_leave() {
                links.iter_mut().for_each(|link| link.cut = true);
            }
        }
    }

    /// A node notices that a connection is gone.
    pub(super) fn notice(&mut self) {
        let at = self.random.below(self.clients.len());
        self.notice_cut(at);
    }

    /// True when there was one to notice.
    pub(super) fn notice_cut(&mut self, at: usize) -> bool {
        let Some(index) = self.links[at].iter().position(|link| link.cut) else {
            return false;
        };
        let link = self.links[at].remove(index);
        if let Some(node) = &mut self.nodes[link.node] {
            node.disconnect(&link.seat);
        }
        true
    }

    /// A node dies, and with it everything that was under way on it.
    pub(super) async fn crash(&mut self) {
        let Some(at) = self.alive() else { return };
        if self.random.percent(50)
            && let Some(node) = &mut self.nodes[at]
        {
            // Died between the commit and telling anybody.
            let n = 1 + self.random.below(5);
            node.commit_unseen(n, &mut self.random).await;
            self.note_commits().await;
        }
        self.nodes[at] = None;
        for client in 0..self.clients.len() {
            let current = self.links[client]
                .iter()
                .any(|link| link.node == at && !link.cut);
            self.links[client].retain(|link| link.node != at);
            if current {
                self.clients[client].disconnected(None);
            }
        }
    }

    /// A dead node starts again.
    pub(super) async fn restart(&mut self) {
        let dead: Vec<usize> = (0..self.nodes.len())
            .filter(|n| self.nodes[*n].is_none())
            .collect();
        if let Some(&at) = self.random.pick(&dead) {
            self.nodes[at] = Some(self.node(at).await);
        }
    }

    /// A node tells another who is on it.
    pub(super) fn tell_presence(&mut self) {
        let (Some(from), Some(to)) = (self.alive(), self.alive()) else {
            return;
        };
        if let Some(teller) = &self.nodes[from]
            && let Some(hearer) = &self.nodes[to]
            && from != to
        {
            hearer.presence.node(teller.id, 0, teller.presence.here());
        }
    }

    /// News from one node reaches another: late, twice, or never; or somebody else says something instead.
    pub(super) async fn hint(&mut self) {
        if self.random.percent(20) {
            return self.forge().await;
        }
        if self.hints.is_empty() {
            return;
        }
        let at = self.random.below(self.hints.len());
        let (to, hint) = if self.random.percent(10) {
            self.hints[at].clone()
        } else {
            self.hints.swap_remove(at)
        };
        if self.random.percent(20) {
            return; // lost
        }
        if let Some(node) = &mut self.nodes[to] {
            node.hear(&hint).await;
        }
    }

    /// Somebody who is no node of this database speaks on the channel: a stranger who has listened, another server, a
    /// copy of this one.
    async fn forge(&mut self) {
        let Some(to) = self.alive() else { return };
        let bytes: Vec<u8> = match self.random.below(4) {
            0 => (0..self.random.below(80))
                .map(|_| self.random.draw() as u8)
                .collect(),
            1 => {
                let Some(mut said) = self.random.pick(&self.overheard).cloned() else {
                    return;
                };
                let bit = self.random.below(said.len() * 8);
                said[bit / 8] ^= 1 << (bit % 8);
                said
            }
            2 => {
                let Some(said) = self.random.pick(&self.overheard).cloned() else {
                    return;
                };
                said
            }
            _ => {
                let Some(said) = self.another_story(to) else {
                    return;
                };
                said
            }
        };
        if let Some(node) = &mut self.nodes[to] {
            node.hear(&bytes).await;
        }
    }

    /// What a node is about to hear, with other words in it, under another key.
    fn another_story(&self, to: usize) -> Option<Vec<u8>> {
        let node = self.nodes[to].as_ref()?;
        let mut due = self.hints.iter().filter(|(hearer, _)| *hearer == to);
        let mut news = due.find_map(|(_, said)| node.opened(said))?;
        if let News::Batch { shard, events, .. } = &mut news {
            for event in events.as_mut()? {
                let mut stored = event.clone().stored(*shard);
                let body = stored.body.as_deref().unwrap_or_default();
                stored.body = Some(body.replace("\"message ", "\"mes5age ").into());
                *event = HintEvent::of(&stored);
            }
        }
        let text = rmp_serde::to_vec(&news).ok()?;
        // Counts grow, whoever counts.
        Some(foreign_key().seal(u128::MAX, self.step, &text))
    }
}
