//! Events to many sockets: sent, and seen to arrive everywhere.
//!
//! Owns: how many are under way, when the next goes out, the time of each delivery.
//! Never: knows whether a server or a bare loop sends them; both are driven by the same code.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};

use crate::{conn::Happening, figures::Latencies, frames, machine, pool::Pool};

/// How long to wait for a delivery before giving up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) events: usize,
    /// Events under way at once.
    pub(crate) in_flight: usize,
    /// Events a second at most.
    pub(crate) rate: Option<f64>,
    /// Look again at once instead of sleeping until there is something: then nobody pays for waking the reader, as
    /// nobody would if it were another machine.
    pub(crate) spin: bool,
}

impl Plan {
    /// The same for a bare loop, with as many frames in one write as there were in that round: a loop that writes all
    /// that is under way at once gets so many together.
    pub(crate) fn coalesced_as(self, round: &Round) -> Plan {
        let together = round.frames_per_write().round().max(1.0) as usize;
        Plan {
            in_flight: together.min(self.in_flight),
            ..self
        }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) events: usize,
    pub(crate) elapsed: Duration,
    /// From sending to each delivery.
    pub(crate) latencies: Latencies,
    /// Segments that left meanwhile, on the whole machine: as many as there were writes, and a few more.
    pub(crate) writes: u64,
}

impl Round {
    pub(crate) fn plus(&mut self, other: Round) {
        self.events += other.events;
        self.elapsed += other.elapsed;
        self.latencies.extend(other.latencies);
        self.writes += other.writes;
    }

    pub(crate) fn deliveries(&self) -> usize {
        self.latencies.len()
    }

    pub(crate) fn per_second(&self, count: usize) -> f64 {
        count as f64 / self.elapsed.as_secs_f64()
    }

    /// About how many frames left together.
    pub(crate) fn frames_per_write(&self) -> f64 {
        self.deliveries() as f64 / self.writes.max(1) as f64
    }
}

/// Sends events by `send` (from which, how many) and waits until all `receivers` have all of them.
pub(crate) fn drive(
    pool: &mut Pool,
    receivers: Range<usize>,
    plan: Plan,
    mut send: impl FnMut(&mut Pool, usize, usize) -> anyhow::Result<()>,
) -> anyhow::Result<Round> {
    let mut got = vec![0usize; receivers.len()];
    let mut left = vec![receivers.len(); plan.events];
    let mut sent: Vec<Instant> = Vec::with_capacity(plan.events);
    let mut round = Round {
        events: plan.events,
        ..Round::default()
    };
    let mut done = 0;
    let mut trouble = None;
    let segments = machine::segments()?;
    let began = Instant::now();
    while done < plan.events {
        let due = match plan.rate {
            None => plan.events,
            Some(rate) => (began.elapsed().as_secs_f64() * rate) as usize + 1,
        };
        let upto = (done + plan.in_flight).min(due).min(plan.events);
        if sent.len() < upto {
            let from = sent.len();
            sent.resize(upto, Instant::now());
            send(pool, from, upto - from)?;
        }
        let timeout = match plan.rate {
            Some(rate) if sent.len() < done + plan.in_flight && sent.len() < plan.events => {
                let next = Duration::from_secs_f64(sent.len() as f64 / rate);
                next.saturating_sub(began.elapsed())
            }
            _ => PATIENCE,
        };
        let timeout = if plan.spin { Duration::ZERO } else { timeout };
        let before = round.deliveries();
        pool.turn(Some(timeout), &mut |id, _, what| match what {
            Happening::Text(text) if frames::is_event(text) => {
                let Some(index) = id.checked_sub(receivers.start).filter(|i| *i < got.len()) else {
                    return;
                };
                let event = got[index];
                got[index] += 1;
                match (left.get_mut(event), sent.get(event)) {
                    (Some(left), Some(at)) => {
                        *left -= 1;
                        round.latencies.add(at.elapsed());
                    }
                    _ => trouble = Some("an event that was not sent".to_owned()),
                }
            }
            Happening::Text(text) if frames::is_refused(text) => {
                trouble = Some(String::from_utf8_lossy(text).into_owned());
            }
            Happening::Closed(why) => trouble = Some(format!("a connection ended: {why}")),
            Happening::Text(_) => {}
        })?;
        if let Some(trouble) = trouble {
            bail!(trouble);
        }
        while done < sent.len() && left[done] == 0 {
            done += 1;
        }
        let waited = sent.last().is_some_and(|at| at.elapsed() > PATIENCE);
        ensure!(
            !waited || round.deliveries() > before || sent.len() == done,
            "event {done} did not arrive everywhere"
        );
    }
    round.elapsed = began.elapsed();
    round.writes = machine::segments()? - segments;
    Ok(round)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Opening;
    use std::io::Write;

    #[test]
    fn every_event_is_seen_on_every_socket() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut pool = Pool::new(listener.local_addr().unwrap()).unwrap();
        let mut far: Vec<_> = (0..3)
            .map(|_| {
                pool.connect(Opening::Bare).unwrap();
                listener.accept().unwrap().0
            })
            .collect();
        let plan = Plan {
            events: 10,
            in_flight: 4,
            rate: None,
            spin: false,
        };
        let mut most = 0;
        let frame = tidings_websocket::text(r#"{"type":"event"}"#);
        let round = drive(&mut pool, 0..3, plan, |_, _, count| {
            most = most.max(count);
            for stream in &mut far {
                stream.write_all(&frame.repeat(count))?;
            }
            Ok(())
        })
        .unwrap();
        assert_eq!((round.events, round.deliveries()), (10, 30));
        assert!(most <= 4);
        assert!(round.writes > 0);
        let round = Round {
            writes: 10,
            ..round
        };
        assert_eq!(plan.coalesced_as(&round).in_flight, 3);
    }

    #[test]
    fn an_end_in_between_is_an_error() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut pool = Pool::new(listener.local_addr().unwrap()).unwrap();
        pool.connect(Opening::Bare).unwrap();
        let mut far = Some(listener.accept().unwrap().0);
        let plan = Plan {
            events: 1,
            in_flight: 1,
            rate: None,
            spin: false,
        };
        let ended = drive(&mut pool, 0..1, plan, |_, _, _| {
            drop(far.take());
            Ok(())
        });
        assert!(ended.unwrap_err().to_string().contains("ended"));
    }
}
