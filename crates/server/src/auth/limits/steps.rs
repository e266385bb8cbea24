//! The networks that an address stands in, from itself to the widest that one party may hold.
//!
//! Owns: the prefixes, and how many times the budget of one address each has.
//! Never: knows what is counted.
//!
//! One who has a prefix has every address in it: counted by address alone, a budget is as large as the prefix. A wider
//! step has more, since more people stand behind it, and far less than its addresses would have together.

use std::net::IpAddr;

/// The times of the widest.
pub(super) const WIDEST_TIMES: u32 = 16;
/// IPv4: an address (a household, an office), a block of a provider, a provider's pool.
const V4: [(u8, u32); 3] = [(32, 1), (24, 4), (16, WIDEST_TIMES)];
/// IPv6: a link, a household, a site, a provider.
const V6: [(u8, u32); 4] = [(64, 1), (56, 2), (48, 4), (32, WIDEST_TIMES)];

/// One step: a prefix, and how many times the budget of one address it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Step {
    bits: u128,
    length: u8,
    /// How many times the budget of one address it has.
    pub(super) times: u32,
}

impl Step {
    /// The prefix as a key.
    #[must_use]
    pub(super) const fn key(self) -> (u128, u8) {
        (self.bits, self.length)
    }
}

/// The steps of an address, the narrowest first. Requests without an address (tests, a socket of the machine) have one
/// step of their own.
#[must_use]
pub(super) fn steps(address: Option<IpAddr>) -> Vec<Step> {
    let of = |bits: u128, width: u8, family: u8, lengths: &[(u8, u32)]| -> Vec<Step> {
        let step = |(length, times): &(u8, u32)| Step {
            bits: bits >> (width - length) << (width - length),
            length: family + length,
            times: *times,
        };
        lengths.iter().map(step).collect()
    };
    match address.map(|address| address.to_canonical()) {
        // The families' lengths are kept apart by an offset: 192.0.2.1 is no prefix of an IPv6 network.
        Some(IpAddr::V4(address)) => of(u128::from(address.to_bits()), 32, 128, &V4),
        Some(IpAddr::V6(address)) => of(address.to_bits(), 128, 0, &V6),
        None => vec![Step {
            bits: 0,
            length: u8::MAX,
            times: 1,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(one: &str, other: &str) -> usize {
        let of = |text: &str| steps(Some(text.parse().unwrap()));
        let other = of(other);
        of(one).iter().filter(|step| other.contains(step)).count()
    }

    #[test]
    fn neighbours_share_the_wider_steps() {
        assert_eq!(shared("192.0.2.1", "::ffff:192.0.2.1"), 3);
        assert_eq!(shared("192.0.2.1", "192.0.2.2"), 2);
        assert_eq!(shared("192.0.2.1", "192.0.3.1"), 1);
        assert_eq!(shared("192.0.2.1", "192.1.2.1"), 0);
        assert_eq!(shared("2001:db8:1:2::1", "2001:db8:1:2:ffff::1"), 4);
        assert_eq!(shared("2001:db8:1:2::1", "2001:db8:1:3::1"), 3);
        assert_eq!(shared("2001:db8:1:2::1", "2001:db8:1:ff02::1"), 2);
        assert_eq!(shared("2001:db8:1:2::1", "2001:db8:2:2::1"), 1);
        assert_eq!(shared("2001:db8:1:2::1", "2001:db9:1:2::1"), 0);
        assert_eq!(shared("0.0.0.0", "::"), 0);
        assert_eq!(steps(None).len(), 1);
    }

    #[test]
    fn a_wider_step_has_more_and_far_less_than_its_addresses_together() {
        for address in ["192.0.2.1", "2001:db8::1"] {
            let steps = steps(Some(address.parse().unwrap()));
            for pair in steps.windows(2) {
                assert!(pair[0].length > pair[1].length && pair[0].times < pair[1].times);
                let wider = pair[0].length - pair[1].length;
                assert!(pair[1].times / pair[0].times < 1 << wider.min(20));
            }
        }
    }
}
