//! What goes on by itself: frames up, bytes down, reads over REST, commits, the steps of cores, clocks.
//!
//! Owns: one small step of each. Never: loses anything; what is lost is lost in `faults`.

use tidings_sync::client::Input;

use super::World;
use crate::sim::{node::Seat, rest};

/// Messages between nodes that a listener keeps, to say them again.
const OVERHEARD_MAX: usize = 64;

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
                node.welcomed(&mut link.seat, client.user, client.device);
            }
        }
        let (empty, closed) = {
            let pipe = pipe.borrow();
            (pipe.bytes.is_empty(), pipe.closed)
        };
        if empty && closed.is_some() {
            self.sever(at, closed);
        }
    }

    /// Time goes on for a device.
    pub(super) fn tick(&mut self) {
        let at = self.random.below(self.clients.len());
        self.clients[at].tick();
    }

    /// Time goes on for those who have nothing under way: in a healthy world answers come before anybody gives up.
    pub(super) fn tick_the_idle(&mut self) {
        for client in &mut self.clients {
            let pipe = client.pipe.as_ref();
            let idle = client.up.is_empty() && pipe.is_none_or(|p| p.borrow().bytes.is_empty());
            let greets = pipe.is_some() && !client.observer.welcomed;
            if idle && !greets && !client.is_busy() {
                client.tick();
            }
        }
    }

    /// A device's read over REST is answered, or an answer reaches it; now and then it fails.
    pub(super) async fn rest(&mut self, at: usize) {
        let Some(mind) = self.clients[at].mind() else {
            return;
        };
        if !mind.pages.is_empty() && (mind.fetches.is_empty() || self.random.percent(50)) {
            let page = mind.pages.swap_remove(self.random.below(mind.pages.len()));
            self.clients[at].page(page);
            return;
        }
        if mind.fetches.is_empty() {
            return;
        }
        let fetch = mind
            .fetches
            .swap_remove(self.random.below(mind.fetches.len()));
        let user = self.clients[at].user;
        let answer = if self.random.percent(10) {
            Input::FetchFailed {
                fetch: fetch.id,
                refusal: None,
            }
        } else {
            rest::answer(&self.store, user, fetch).await
        };
        if let Some(mind) = self.clients[at].mind() {
            mind.pages.push(answer);
        }
    }

    /// A node commits what waits in one of its shards, and hints at it.
    pub(super) async fn commit(&mut self) {
        let Some(at) = self.alive() else { return };
        let n = 1 + self.random.below(8);
        let Some(node) = &mut self.nodes[at] else {
            return;
        };
        node.commit(n, &mut self.random).await;
        self.note_commits().await;
        let nodes = self.nodes.len();
        let Some(node) = &mut self.nodes[at] else {
            return;
        };
        while let Some(said) = node.says(&mut self.random) {
            let others = (0..nodes).filter(|to| *to != at);
            self.hints.extend(others.map(|to| (to, said.clone())));
            if self.overheard.len() == OVERHEARD_MAX {
                self.overheard.remove(0);
            }
            self.overheard.push(said);
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
