//! Which content coding a client wants (RFC 9110 §12.5.3).
//!
//! Owns: weights, `*`, and the choice among what there is. Never: packs anything.

use http::{HeaderMap, header};

/// The one of these codings, given in our order of preference, that the client wants most; none when it wants the bytes
/// as they are, or none of these.
pub(super) fn choose(headers: &HeaderMap, offered: &[&'static str]) -> Option<&'static str> {
    let asked = asked(headers);
    // Unless it is named, everybody takes what is not packed, and nobody prefers it.
    let plain = weight(&asked, "identity", false).unwrap_or(1);
    let mut best: Option<(&'static str, u16)> = None;
    for coding in offered {
        let weight = weight(&asked, coding, true).unwrap_or(0);
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((coding, weight));
        }
    }
    best.filter(|(_, weight)| *weight >= plain)
        .map(|(coding, _)| coding)
}

/// Codings and their weights in thousandths.
fn asked(headers: &HeaderMap) -> Vec<(String, u16)> {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|part| {
            let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
            let q = parameters
                .trim()
                .strip_prefix("q=")
                .or(parameters.trim().strip_prefix("Q="));
            let weight = q
                .map_or(Some(1.0), |q| q.trim().parse::<f32>().ok())
                .unwrap_or(0.0);
            let thousandths = (weight.clamp(0.0, 1.0) * 1_000.0) as u16;
            (name.trim().to_ascii_lowercase(), thousandths)
        })
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

fn weight(asked: &[(String, u16)], coding: &str, by_star: bool) -> Option<u16> {
    let of = |wanted: &str| asked.iter().find(|(name, _)| name == wanted);
    let found = of(coding).or_else(|| of("*").filter(|_| by_star));
    found.map(|(_, weight)| *weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_weighs_and_we_break_ties() {
        for (asked, chosen) in [
            ("br, gzip, zstd", Some("br")),
            ("gzip, br", Some("br")),
            ("gzip", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("br;q=0.5, gzip;q=0.8", Some("gzip")),
            ("br;q=0, gzip", Some("gzip")),
            ("br; q=0.001", Some("br")),
            ("*", Some("br")),
            ("*;q=0.5, br;q=0", Some("gzip")),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0, gzip", Some("gzip")),
            ("br;q=x", None),
            ("gzip;q=0", None),
            ("deflate, zstd", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, asked.parse().unwrap());
            assert_eq!(choose(&headers, &["br", "gzip"]), chosen, "{asked}");
        }
        assert_eq!(choose(&HeaderMap::new(), &["br", "gzip"]), None);
    }
}
