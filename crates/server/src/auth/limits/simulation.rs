//! Attackers of several kinds against the owner of a name, in virtual time: how long the owner takes to get in. `[LI5]`
//!
//! Owns: a pool of two threads that take 50 ms a hash, and callers who try as fast as they are let.
//! Never: asserts on the time of the wall.

use std::{net::IpAddr, time::Duration};

use super::{sign_ins::SignIns, turns::TURNS_MAX};
use crate::auth::passwords::{Queue, RETRY_MS};

/// The default of `sign_ins_per_minute`.
const PER_MINUTE: u32 = 30;
const HASH: Duration = Duration::from_millis(50);
const THREADS: usize = 2;
const TICK: Duration = Duration::from_millis(50);

/// Who attacks, for as long as the simulation runs.
#[derive(Debug, Clone, Copy)]
struct Attack {
    /// The addresses, by number.
    address: fn(u32) -> String,
    /// How many there are.
    addresses: u32,
    /// Tries of all of them together in each tick.
    tries: u32,
    /// Whether at the owner's name, or each at another.
    at_owner: bool,
}

const SITE: Attack = Attack {
    address: |n| format!("2001:db8:0:{n:x}::1"),
    addresses: 100,
    tries: 4,
    at_owner: false,
};
const MANY_FOR_ONE_NAME: Attack = Attack {
    address: |n| format!("{}.{}.{}.7", 1 + n % 200, n / 200, n % 7),
    addresses: 369,
    tries: 4,
    at_owner: true,
};
const ONE_ADDRESS: Attack = Attack {
    address: |_| "192.0.2.66".to_owned(),
    addresses: 1,
    tries: 10,
    at_owner: true,
};
const PROVIDER: Attack = Attack {
    address: |n| format!("2001:db9:{n:x}::1"),
    addresses: 20_000,
    tries: 3,
    at_owner: true,
};
const BOTNET: Attack = Attack {
    address: |n| format!("{}.{}.{}.1", 1 + n % 220, n / 220 % 250, n % 13),
    addresses: 10_000,
    tries: 3,
    at_owner: true,
};

/// How the owner comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// From a network that they signed in from before.
    AtHome,
    /// From anywhere, with the device's cookie.
    WithDevice,
    /// From anywhere, with nothing but the password.
    Away,
    /// With nothing but the password, from the attackers' own site.
    AmongThem,
}

/// Who waits in the pool.
enum Caller {
    Owner,
    Attacker,
}

/// How long the owner takes, when the attack has run for a minute before.
fn time_to_get_in(attack: Attack, owner: Owner) -> Duration {
    let sign_ins = SignIns::new(PER_MINUTE);
    let mut queue = Queue::new(THREADS);
    let mut busy = [Duration::ZERO; THREADS];
    let home: IpAddr = "198.51.100.7".parse().unwrap();
    let met = sign_ins
        .sign_in(Duration::ZERO, "ada", Some(home), None)
        .unwrap();
    sign_ins.was_right(Duration::ZERO, &met);
    let from: IpAddr = match owner {
        Owner::AtHome => home,
        Owner::WithDevice | Owner::Away => "203.0.113.9".parse().unwrap(),
        Owner::AmongThem => "2001:db8:0:ff00::1".parse().unwrap(),
    };
    let device = (owner == Owner::WithDevice).then_some(7);
    let begins = Duration::from_secs(60);
    let (mut now, mut next_try, mut next_attacker) = (Duration::ZERO, begins, 0);
    loop {
        now += TICK;
        assert!(
            now < Duration::from_secs(3 * 3_600),
            "never: {attack:?} {owner:?}"
        );
        for _ in 0..attack.tries {
            next_attacker = (next_attacker + 1) % attack.addresses;
            let address = (attack.address)(next_attacker).parse().unwrap();
            let name = if attack.at_owner {
                "Ada".to_owned()
            } else {
                format!("name{next_attacker}")
            };
            if let Ok(tried) = sign_ins.sign_in(now, &name, Some(address), None) {
                let _ = queue.put(tried.lane, Caller::Attacker);
            }
        }
        if now >= next_try {
            next_try = match sign_ins.sign_in(now, "ada", Some(from), device) {
                Err(wait) => now + wait.time(),
                Ok(tried) => match queue.put(tried.lane, Caller::Owner) {
                    Ok(()) => Duration::MAX,
                    Err(_) => now + Duration::from_millis(RETRY_MS),
                },
            };
        }
        for thread in &mut busy {
            if *thread <= now
                && let Some(caller) = queue.take()
            {
                *thread = now + HASH;
                if matches!(caller, Caller::Owner) {
                    return now + HASH - begins;
                }
            }
        }
    }
}

#[test]
fn the_owner_gets_in() {
    // [LI5]
    let (soon, bounded) = (Duration::from_millis(200), Duration::from_secs(10 * 60 + 5));
    for (attack, owner, within) in [
        (ONE_ADDRESS, Owner::AtHome, soon),
        (ONE_ADDRESS, Owner::WithDevice, soon),
        (ONE_ADDRESS, Owner::Away, soon),
        (SITE, Owner::AtHome, soon),
        (SITE, Owner::WithDevice, soon),
        (SITE, Owner::Away, Duration::from_secs(1)),
        (MANY_FOR_ONE_NAME, Owner::AtHome, soon),
        (MANY_FOR_ONE_NAME, Owner::WithDevice, soon),
        (MANY_FOR_ONE_NAME, Owner::Away, Duration::from_secs(200)),
        (PROVIDER, Owner::AtHome, soon),
        (PROVIDER, Owner::WithDevice, soon),
        (PROVIDER, Owner::Away, bounded),
        (BOTNET, Owner::AtHome, soon),
        (BOTNET, Owner::WithDevice, soon),
        (BOTNET, Owner::Away, bounded),
        (SITE, Owner::AmongThem, Duration::from_secs(60)),
    ] {
        let took = time_to_get_in(attack, owner);
        assert!(took <= within, "{attack:?} {owner:?}: {took:?}");
    }
}

#[test]
fn one_network_never_holds_all_the_turns() {
    // [LI5] [P5] A provider's network at one name, each time from a site and an address that never come again, for longer
    // than a turn lasts; then a stranger from elsewhere, who comes when told. Whatever the setting.
    for (per_minute, per_second) in [(PER_MINUTE, 80), (10 * PER_MINUTE, 200)] {
        let sign_ins = SignIns::new(per_minute);
        let elsewhere = "203.0.113.9".parse().unwrap();
        let (begins, mut waits) = (1_200, Vec::new());
        for second in 0..begins + 2 * 601u64 {
            let now = Duration::from_secs(second);
            for n in 0..per_second {
                let n = second * per_second + n;
                let from = format!("2001:db8:{:x}:{:x}::1", n % 65_536, n / 65_536);
                let _ = sign_ins.sign_in(now, "ada", Some(from.parse().unwrap()), None);
            }
            if second % 60 == 0 {
                let held = sign_ins.turns_held(now);
                assert!(held <= TURNS_MAX / 8, "{held}");
            }
            if second >= begins && waits.iter().sum::<u64>() + begins <= second {
                match sign_ins.sign_in(now, "ada", Some(elsewhere), None) {
                    Ok(_) => break,
                    Err(wait) => waits.push(wait.time().as_secs() + 1),
                }
            }
        }
        // Told once, let in then.
        assert!(waits.len() == 1 && waits[0] <= 601, "{waits:?}");
    }
}

#[test]
fn an_office_behind_one_address_signs_in() {
    // [LI5] Two thousand people, one a second, each with a right password.
    let sign_ins = SignIns::new(PER_MINUTE);
    let office = Some("192.0.2.1".parse().unwrap());
    for person in 0..2_000u64 {
        let now = Duration::from_secs(person);
        let name = format!("person{person}");
        let tried = sign_ins.sign_in(now, &name, office, None).unwrap();
        sign_ins.was_right(now, &tried);
    }
}

#[test]
fn one_party_guesses_no_faster_than_its_widest_step() {
    // [LI5] Whoever has the prefix, a minute of guessing at many names.
    let guesses = |address: &dyn Fn(u32) -> String| {
        let sign_ins = SignIns::new(PER_MINUTE);
        let tries = (0..60_000u32).filter(|n| {
            let now = Duration::from_millis(u64::from(*n));
            let from = address(*n).parse().unwrap();
            let name = format!("name{n}");
            sign_ins.sign_in(now, &name, Some(from), None).is_ok()
        });
        u32::try_from(tries.count()).unwrap()
    };
    // What may be spent at once, and what comes back in the minute.
    let twice = |times: u32| 2 * PER_MINUTE * times;
    assert!(guesses(&|_| "192.0.2.1".to_owned()) <= twice(1));
    assert!(guesses(&|n| format!("192.0.2.{}", n % 256)) <= twice(4));
    assert!(guesses(&|n| format!("192.0.{}.{}", n / 256 % 256, n % 256)) <= twice(16));
    assert!(guesses(&|n| format!("2001:db8:1:2::{n:x}")) <= twice(1));
    assert!(guesses(&|n| format!("2001:db8:1:{:x}::1", n % 256)) <= twice(2));
    assert!(guesses(&|n| format!("2001:db8:1:{n:x}::1")) <= twice(4));
    assert!(guesses(&|n| format!("2001:db8:{n:x}::1")) <= twice(16));
}

#[test]
fn one_party_guesses_no_faster_for_an_hour() {
    // [LI5] Turns add nothing to what a network's budget gives back, at one name or at many, however often one asks.
    let minutes = 60;
    let guesses = |address: &dyn Fn(u64) -> String, one_name: bool| {
        let sign_ins = SignIns::new(PER_MINUTE);
        let tries = (0..minutes * 60 * 20).filter(|n| {
            let now = Duration::from_millis(n * 50);
            let from = address(*n).parse().unwrap();
            let name = if one_name {
                "ada".to_owned()
            } else {
                format!("name{n}")
            };
            sign_ins.sign_in(now, &name, Some(from), None).is_ok()
        });
        tries.count() as u64
    };
    // What may be spent at once, and what comes back.
    let within = |times: u64| u64::from(PER_MINUTE) * times * (1 + minutes) + 1;
    for one_name in [false, true] {
        assert!(guesses(&|n| format!("192.0.2.{}", n % 256), one_name) <= within(4));
        let pool = |n: u64| format!("192.0.{}.{}", n / 256 % 256, n % 256);
        assert!(guesses(&pool, one_name) <= within(16));
        let site = guesses(&|n| format!("2001:db8:1:{:x}::1", n % 65_536), one_name);
        assert!(site <= within(4), "{site}");
        let provider = |n: u64| format!("2001:db8:{:x}:1::1", n % 65_536);
        assert!(guesses(&provider, one_name) <= within(16));
    }
}

#[test]
fn a_stolen_device_guesses_no_faster_than_a_person() {
    // [LI5]
    let sign_ins = SignIns::new(PER_MINUTE);
    let mut known = 0;
    for n in 0..60_000u64 {
        let from = format!("198.18.{}.{}", n / 256 % 256, n % 256)
            .parse()
            .unwrap();
        let now = Duration::from_millis(n);
        if let Ok(tried) = sign_ins.sign_in(now, "ada", Some(from), Some(7)) {
            known += u32::from(tried.lane == crate::auth::passwords::Lane::Known);
        }
    }
    assert!(known <= 20, "{known}");
}
