//! Following: what the welcome, events and pages mean for what is held.
//!
//! Owns: the rules by which an event is applied, kept back or passed over. Never: knows about sending.

use tidings_protocol::{
    ClientFrame, Event, Follow, LeftRoom, LogId, Refusal, RoomId, Seq, frame::Welcome,
    limits::OPEN_REPLAY_EVENTS_MAX,
};

use super::{
    ClientSession,
    effects::{Output, Page},
    place::{FETCH_AGAIN_MS, Place},
};
use crate::{backoff::Millis, outbox::is_passing};

/// The place in the own user log. It has no pages to fetch: a new connection brings what is missing. `[HS4]`
#[derive(Debug, Default)]
pub(super) struct UserPlace {
    pub(super) held: Option<Seq>,
    /// The next event may stand anywhere.
    pub(super) jump: bool,
}

impl ClientSession {
    pub(super) fn welcome(
        &mut self,
        now: Millis,
        reset: bool,
        welcome: Box<Welcome>,
        out: &mut Vec<Output>,
    ) {
        if !self.link.is_greeting() {
            return;
        }
        self.link.welcomed(now);
        self.outbox
            .limit_in_flight(welcome.limits.commands_in_flight_max);
        let signals = [&self.presence, &self.watch].into_iter().flatten();
        out.extend(signals.cloned().map(Output::Send));
        if self.paused {
            return;
        }
        self.welcome_places(reset, &welcome);
        // With `follow: all` the own user log is part of the stream, which begins at the cursor.
        let replayed = self.follow == Follow::All && !reset && self.reach.cursor().is_some();
        self.user.welcome(reset, replayed, welcome.user_seq);
        self.reach.welcome(reset, &welcome.cursor);
        self.reach.note_moved();
        out.push(Output::Welcome { reset, welcome });
        self.ask(out);
    }

    fn welcome_places(&mut self, reset: bool, welcome: &Welcome) {
        for LeftRoom { room, .. } in &welcome.left {
            self.places.remove(*room);
        }
        if self.follow == Follow::All {
            if reset {
                self.places.clear();
            }
        } else if reset {
            self.places.each(|place| {
                let asked = place.asked;
                *place = Place::default();
                place.asked = asked;
            });
        }
    }

    /// A room is open from `from` on. `[SB3]` `[SB4]` `[SB5]`
    pub(super) fn opened(&mut self, room: RoomId, from: Seq, out: &mut Vec<Output>) {
        let all = self.follow == Follow::All;
        if !all && self.places.get(room).is_none() {
            // It was left since it was asked for, and joined again before the server came to that. `[SB6]`
            out.push(Output::Send(ClientFrame::Close { room }));
        }
        let dropped = self.places.with(room, |place| match place.held() {
            Some(held) if from <= held => false,
            // What is held came from the log, and the log has the rest.
            Some(_) if all => {
                place.miss(from);
                false
            }
            None if all => {
                place.level(from, &mut Vec::new());
                false
            }
            _ => {
                place.drop_held(from);
                true
            }
        });
        if dropped == Some(true) {
            out.push(Output::Dropped(room));
        }
    }

    pub(super) fn event(&mut self, now: Millis, event: Event, out: &mut Vec<Output>) {
        self.settle(&event, out);
        // What answers out of its place comes again in its place, if the log is followed.
        if self.paused || event.answer {
            return;
        }
        let mut ready = Vec::new();
        match event.log {
            LogId::User(_) => self.user_event(now, event, out),
            LogId::Room(room) if self.follow == Follow::All => {
                self.reach.came(&event);
                let space = self.places.has_space();
                self.places.with_new(room, |place| {
                    place.begin_before(event.seq);
                    place.offer(event, space, &mut ready);
                });
            }
            LogId::Room(room) => {
                self.places.offer(room, event, &mut ready);
            }
        }
        out.extend(ready.into_iter().map(apply));
    }

    fn user_event(&mut self, now: Millis, event: Event, out: &mut Vec<Output>) {
        let held = self.user.held.unwrap_or_default();
        if event.seq <= held {
            return;
        }
        if event.seq > held.next() && !self.user.jump {
            self.link.give_up(now, out);
            self.lost();
            self.user.jump = true;
            return;
        }
        self.user.jump = false;
        self.user.held = Some(event.seq);
        self.reach.note_moved();
        out.push(Output::Apply(Box::new(event)));
    }

    pub(super) fn page(&mut self, now: Millis, fetch: u64, page: Page, out: &mut Vec<Output>) {
        let Some(room) = self.places.awaiting(fetch).filter(|_| !self.paused) else {
            return;
        };
        let mut ready = Vec::new();
        match page {
            Page::Range(page) => {
                let before = self.held(room);
                for event in page.events {
                    if event.log == LogId::Room(room) {
                        self.settle(&event, out);
                        self.places.offer(room, event, &mut ready);
                    }
                }
                let wait = if self.held(room) > before {
                    0
                } else {
                    FETCH_AGAIN_MS
                };
                self.places.with(room, |place| place.fetched(now, wait));
            }
            Page::Latest(page) => {
                let head = page.head;
                out.push(Output::History {
                    room,
                    page: Box::new(page),
                });
                self.places.with(room, |place| {
                    place.fetched(now, 0);
                    place.level(head, &mut ready);
                });
            }
        }
        out.extend(
            ready
                .into_iter()
                .map(|event| Output::Apply(Box::new(event))),
        );
    }

    pub(super) fn fetch_failed(
        &mut self,
        now: Millis,
        fetch: u64,
        refusal: Option<Refusal>,
        out: &mut Vec<Output>,
    ) {
        let Some(room) = self.places.awaiting(fetch) else {
            return;
        };
        match refusal {
            Some(refusal) if !is_passing(refusal.code) => {
                let all = self.follow == Follow::All;
                let mut ready = Vec::new();
                let skip = |place: &mut Place| all && place.skip_gap(&mut ready);
                if self.places.with(room, skip) == Some(true) {
                    // What is missing may not be read any more, after leaving for one. What came since tells how it
                    // went on.
                    out.push(Output::Dropped(room));
                    out.extend(ready.into_iter().map(apply));
                    return;
                }
                self.close(room, out);
                self.places.remove(room);
                out.push(Output::OpenRefused { room, refusal });
            }
            refusal => {
                let asked = refusal.and_then(|refusal| refusal.retry_after_ms);
                let wait = asked.unwrap_or_default().max(FETCH_AGAIN_MS);
                self.places.with(room, |place| place.fetched(now, wait));
            }
        }
    }
}

impl UserPlace {
    fn welcome(&mut self, reset: bool, replayed: bool, head: Seq) {
        match self.held {
            Some(held) if !reset => {
                self.jump |= head.0.saturating_sub(held.0) > OPEN_REPLAY_EVENTS_MAX;
            }
            None if replayed => self.jump = true,
            _ => {
                self.held = Some(head);
                self.jump = false;
            }
        }
    }
}

fn apply(event: Event) -> Output {
    Output::Apply(Box::new(event))
}
