//! The end of a run: everything works again, and everybody must come level. `I9`
//!
//! Owns: healing, and saying who is not level and why. Never: helps anybody beyond what a healthy world does.

use tidings_engine::presence::NODE_SILENCE_MS;
use tidings_protocol::{ClientFrame, Follow, RoomId};

use super::World;
use crate::sim::{client::Client, node::Node};

impl World {
    /// Everything works again: all nodes up, all clients connected, everybody reads. Ends when nothing is left to do.
    ///
    /// # Errors
    /// Who is not level after all the time there is.
    pub(super) async fn heal(&mut self) -> Result<(), String> {
        while self.nodes.iter().any(Option::is_none) {
            self.restart().await;
        }
        for round in 0..self.options.heal_steps {
            self.step += 1;
            self.let_go();
            if round % 50 == 0 {
                for at in 0..self.clients.len() {
                    while self.notice_cut(at) {}
                }
                self.tick_the_idle();
                self.connect().await;
                for node in self.nodes.iter_mut().flatten() {
                    node.look().await;
                }
                self.tell_all_presence();
            }
            for at in 0..self.clients.len() {
                self.read(at, 100_000);
            }
            self.progress().await;
            if round % 200 == 199 && self.unlevel().await.is_none() {
                return Ok(());
            }
        }
        self.unlevel().await.map_or(Ok(()), Err)
    }

    /// All nodes know who is on which; those that are gone are forgotten.
    fn tell_all_presence(&self) {
        for hearer in self.nodes.iter().flatten() {
            hearer.presence.forget_silent(NODE_SILENCE_MS + 1);
            for teller in self.nodes.iter().flatten() {
                if teller.id != hearer.id {
                    hearer.presence.node(teller.id, 0, teller.presence.here());
                }
            }
        }
    }

    /// Who is not level yet, and why.
    async fn unlevel(&mut self) -> Option<String> {
        if let Some(at) = self.nodes.iter_mut().flatten().position(Node::is_busy) {
            return Some(format!("node {at} is busy"));
        }
        for (at, client) in self.clients.iter().enumerate().filter(|(_, c)| !c.forges) {
            if let Some(reason) = self.behind(client).await {
                return Some(format!("client {at} {reason}"));
            }
        }
        None
    }

    async fn behind(&self, client: &Client) -> Option<String> {
        if !client.observer.welcomed {
            return Some("is not connected".to_owned());
        }
        if client.waiting() > 0 {
            return Some(format!("waits for {} answers", client.waiting()));
        }
        if client.is_busy() {
            return Some("reads over REST".to_owned());
        }
        let says = |frame: &ClientFrame| !matches!(frame, ClientFrame::Ping {});
        if client.up.iter().any(says) {
            return Some(format!("has frames on their way: {:?}", client.up));
        }
        let unread = client
            .pipe
            .as_ref()
            .map_or(0, |pipe| pipe.borrow().bytes.len());
        if unread > 0 {
            return Some(format!("has {unread} bytes to read"));
        }
        for room in &self.rooms {
            if let Some(reason) = self.behind_in(client, *room).await {
                return Some(reason);
            }
        }
        None
    }

    async fn behind_in(&self, client: &Client, room: RoomId) -> Option<String> {
        let row = self.store.room(room).await.expect("the store is open")?;
        let member = self.store.member(room, client.user).await;
        let member = member.expect("the store is open");
        let joined = member.is_some_and(|member| member.joined);
        let Some(held) = client.fold().rooms.get(&room) else {
            return joined.then(|| format!("does not know that it is in {room}"));
        };
        if !joined {
            return Some(format!("thinks it is in {room}"));
        }
        if held.head < row.head {
            return Some(format!("was told {} of {} in {room}", held.head, row.head));
        }
        let last = held.timeline.as_ref().map(|timeline| timeline.last());
        let due = match client.follow {
            Follow::Listed => client.is_open(room),
            // Nothing may have happened since it began.
            Follow::All => last.is_some(),
        };
        if due && last != Some(row.head) {
            return Some(format!("has {room} open at {last:?} of {}", row.head));
        }
        let told = client.observer.counts.get(&room);
        if client.follow == Follow::Listed && due && told != Some(&row.members) {
            return Some(format!(
                "was told that {told:?} of {} are in {room}",
                row.members
            ));
        }
        None
    }
}
