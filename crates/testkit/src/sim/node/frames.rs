//! What a node does with a client's frame: as the server's reactor does it, without the socket.
//!
//! Owns: the gate before the door and the hub. Never: waits; commands go into the queue of their shard.

use tidings_engine::{Hello, Item, Reply, Submission, Work};
use tidings_protocol::{ClientFrame, CloseCode, DeviceId, ServerFrame, UserId};
use tidings_sync::Verdict;

use super::{Node, Seat};

impl Node {
    /// A frame of a client arrives.
    pub fn frame(&mut self, seat: &mut Seat, user: UserId, device: DeviceId, frame: ClientFrame) {
        let hub = &mut self.cores[seat.core].hub;
        match seat.gate.frame(&frame) {
            Verdict::Hello => {
                if let ClientFrame::Hello {
                    since,
                    follow,
                    open,
                    user_seq,
                    ..
                } = frame
                {
                    hub.greet(
                        seat.peer,
                        user,
                        device,
                        Hello {
                            since,
                            follow,
                            open,
                            user_seq,
                        },
                    );
                }
            }
            Verdict::Command => {
                if let ClientFrame::Give { txn, command } = frame {
                    let work = Work {
                        actor: user,
                        txn: Some(txn),
                        command: command.into(),
                    };
                    let reply = Reply::Peer {
                        core: seat.core as u16,
                        peer: seat.peer,
                    };
                    let shard = work.log().shard(self.store.shards());
                    let queue = &mut self.queues[usize::from(shard.0)];
                    queue.push_back(Submission { work, reply });
                }
            }
            Verdict::Other => match frame {
                ClientFrame::Open { room, after } => {
                    if let Err(refusal) = hub.open(seat.peer, room, after) {
                        hub.refuse(seat.peer, None, Some(room), refusal);
                    }
                }
                ClientFrame::Close { room } => hub.close_room(seat.peer, room),
                ClientFrame::Typing { room, on } if hub.follows(seat.peer, room) => {
                    for inbox in self.feed.cores() {
                        inbox.signal(Item::Typing { room, user, on });
                    }
                }
                ClientFrame::Ping {} => hub.send(seat.peer, &ServerFrame::Pong {}),
                _ => {}
            },
            Verdict::Wait => {
                let bytes = serde_json::to_vec(&frame).map_or(0, |bytes| bytes.len());
                if !seat.early.keep(frame, bytes) {
                    hub.close(seat.peer, CloseCode::RateLimited);
                }
            }
            Verdict::Refuse(refusal) => {
                let txn = frame.txn().cloned();
                hub.refuse(seat.peer, txn, None, refusal);
            }
            Verdict::Close(code) => hub.close(seat.peer, code),
        }
        self.gather(seat.core);
    }

    /// `hello` was answered: what waited for that has its turn. `[HS5]`
    pub fn welcomed(&mut self, seat: &mut Seat, user: UserId, device: DeviceId) {
        seat.gate.welcomed();
        for frame in std::mem::take(&mut seat.early) {
            self.frame(seat, user, device, frame);
        }
    }
}
