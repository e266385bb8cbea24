//! What goes on by itself: frames up, bytes down, commits, the steps of cores.
//!
//! Owns: one small step of each. Never: loses anything; what is lost is lost in `faults`.

use super::World;
use crate::sim::node::Seat;

impl World {
    /// A node looks at the heads.
    pub(super) async fn look(&mut self) {
        if let Some(at) = self.alive()
            && let Some(node) = &mut self.nodes[at]
        {
            node.look().await;
        }
    }

    /// A frame of a client reaches its node.
    pub(super) fn up(&mut self) {
        let at = self.random.below(self.clients.len());
        let client = &mut self.clients[at];
        let Some(link) = self.links[at].iter_mut().find(|link| !link.cut) else {
            return;
        };
        let Some(node) = &mut self.nodes[link.node] else {
            return;
        };
        if let Some(frame) = client.next_up(self.step) {
            node.frame(&mut link.seat, client.user, client.device, frame);
        }
    }

    /// A client reads a little.
    pub(super) fn down(&mut self) {
        let at = self.random.below(self.clients.len());
        let n = [7, 100, 4_000][self.random.below(3)];
        self.read(at, n);
    }

    /// A client reads up to `n` bytes.
    pub(super) fn read(&mut self, at: usize, n: usize) {
        let client = &mut self.clients[at];
        client.read(n, self.step);
        let Some(pipe) = client.pipe.clone() else {
            return;
        };
        let welcomed = client.observer.welcomed;
        let link = self.links[at].iter_mut().find(|link| !link.cut);
        if let Some(link) = link
            && let Some(node) = &mut self.nodes[link.node]
        {
            let hub = &mut node.cores[link.seat.core].hub;
            // The transport answers pings by itself.
            hub.heard(link.seat.peer);
            let drained = {
                let mut pipe = pipe.borrow_mut();
                pipe.bytes.is_empty() && std::mem::take(&mut pipe.waits)
            };
            if drained {
                hub.drained(link.seat.peer);
            }
            // Before hello was answered a session may have read the gate as greeted.
            if welcomed && !link.seat.gate.is_welcomed() {
                link.seat.gate.welcomed();
            }
        }
        let ended = {
            let pipe = pipe.borrow();
            pipe.closed.is_some() && pipe.bytes.is_empty()
        };
        if ended {
            self.sever(at);
        }
    }

    /// A node commits what waits in one of its shards, and hints at it.
    pub(super) async fn commit(&mut self) {
        let Some(at) = self.alive() else { return };
        let n = 1 + self.random.below(8);
        let Some(node) = &mut self.nodes[at] else {
            return;
        };
        let Some(mut hint) = node.commit(n, &mut self.random).await else {
            return;
        };
        for to in (0..self.nodes.len()).filter(|to| *to != at) {
            hint.full = self.random.percent(60);
            self.hints.push((to, hint.clone()));
        }
    }

    /// A core of a node does one small thing.
    pub(super) async fn core_step(&mut self) {
        let Some(at) = self.alive() else { return };
        let Some(node) = &mut self.nodes[at] else {
            return;
        };
        let core = self.random.below(node.cores.len());
        let mut gates: Vec<&mut Seat> = self
            .links
            .iter_mut()
            .flatten()
            .filter(|link| link.node == at)
            .map(|link| &mut link.seat)
            .collect();
        node.step(core, &mut self.random, &mut gates).await;
    }
}
