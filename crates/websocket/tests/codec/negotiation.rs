//! Tables of permessage-deflate negotiation, for both ends. FR3: never with context takeover.

use tidings_websocket::handshake::{
    DEFLATE_OFFER, HandshakeError, confirm_deflate, negotiate_deflate,
};

const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const AGREED_15: &str = "permessage-deflate; server_no_context_takeover; \
                         client_no_context_takeover; server_max_window_bits=15";

fn answer(values: &[&str]) -> Result<Option<String>, HandshakeError> {
    let values = values.iter().map(|value| value.as_bytes());
    Ok(negotiate_deflate(values)?.map(|deflate| deflate.response()))
}

#[test]
fn offers_that_are_taken() {
    for offer in [
        "permessage-deflate",
        "Permessage-Deflate",
        "  permessage-deflate  ;  client_max_window_bits  ",
        "\tpermessage-deflate\t;\tclient_max_window_bits = 10",
        // What Chrome, Firefox and Safari send.
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=8",
        "permessage-deflate; client_max_window_bits=15",
        "permessage-deflate; client_max_window_bits=\"12\"",
        "permessage-deflate; client_max_window_bits=\"1\\2\"",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover; \
         client_max_window_bits=9",
        ", ,permessage-deflate,,",
        "x-webkit-deflate-frame, permessage-deflate",
        "unknown; a=b; c=\"d\"; e, permessage-deflate",
    ] {
        assert_eq!(answer(&[offer]), Ok(Some(AGREED.to_owned())), "{offer}");
    }
    for offer in [
        "permessage-deflate; server_max_window_bits=15",
        "permessage-deflate; server_max_window_bits=\"15\"; client_max_window_bits",
    ] {
        assert_eq!(answer(&[offer]), Ok(Some(AGREED_15.to_owned())), "{offer}");
    }
}

#[test]
fn a_smaller_window_is_kept_to() {
    for bits in 9..=15 {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        let agreed = negotiate_deflate([offer.as_bytes()]).unwrap().unwrap();
        assert_eq!(agreed.window_bits(), bits);
        assert_eq!(
            agreed.response(),
            format!("{AGREED}; server_max_window_bits={bits}")
        );
        assert_eq!(confirm_deflate([agreed.response().as_bytes()]), Ok(true));
    }
    assert_eq!(
        negotiate_deflate([AGREED.as_bytes()])
            .unwrap()
            .unwrap()
            .window_bits(),
        15
    );
}

#[test]
fn offers_that_are_declined() {
    for offer in [
        "",
        "x-webkit-deflate-frame",
        "permessage-deflate2",
        "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover; mystery=1",
        "permessage-deflate; server_no_context_takeover=true",
        "permessage-deflate; client_no_context_takeover=\"1\"",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=015",
        "permessage-deflate; server_max_window_bits=+15",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=08",
        "permessage-deflate; client_max_window_bits=ten",
        // Sound, but no zlib keeps to it.
        "permessage-deflate; server_max_window_bits=8",
    ] {
        assert_eq!(answer(&[offer]), Ok(None), "{offer}");
    }
    assert_eq!(answer(&[]), Ok(None));
}

#[test]
fn the_first_offer_that_fits_is_taken() {
    let table: [(&[&str], &str); 4] = [
        (
            &["permessage-deflate; server_max_window_bits=8, permessage-deflate"],
            AGREED,
        ),
        (
            &[
                "permessage-deflate; server_max_window_bits=8",
                "permessage-deflate; server_max_window_bits=15",
            ],
            AGREED_15,
        ),
        (
            &["permessage-deflate, permessage-deflate; server_max_window_bits=15"],
            AGREED,
        ),
        (
            &[
                "permessage-deflate; a, permessage-deflate; b",
                "permessage-deflate",
            ],
            AGREED,
        ),
    ];
    for (values, want) in table {
        assert_eq!(answer(values), Ok(Some(want.to_owned())), "{values:?}");
    }
}

#[test]
fn malformed_headers_fail_the_handshake() {
    for value in [
        ";",
        "=",
        "permessage-deflate;",
        "permessage-deflate;;client_max_window_bits",
        "permessage-deflate; =10",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; client_max_window_bits=\"",
        "permessage-deflate; client_max_window_bits=\"10",
        "permessage-deflate; client_max_window_bits=\"\"",
        "permessage-deflate; client_max_window_bits=\"10\\",
        "permessage-deflate; client_max_window_bits=\"1 0\"",
        "permessage-deflate; client_max_window_bits=\"1é\"",
        "permessage-deflate; client_max_window_bits=10 11",
        "permessage-deflate client_max_window_bits",
        "permessage-deflate, \u{1}",
        "permessage-deflaté",
        "(comment)",
    ] {
        assert_eq!(answer(&[value]), Err(HandshakeError::Extensions), "{value}");
        // It does not matter that a choice was made before.
        let both = answer(&["permessage-deflate", value]);
        assert_eq!(both, Err(HandshakeError::Extensions), "{value}");
    }
    let bytes: &[u8] = b"permessage-deflate; \xff";
    assert_eq!(negotiate_deflate([bytes]), Err(HandshakeError::Extensions));
    assert_eq!(HandshakeError::Extensions.status(), 400);
}

#[test]
fn our_client_and_our_server_agree() {
    let agreed = answer(&[DEFLATE_OFFER])
        .expect("well formed")
        .expect("taken");
    assert_eq!(confirm_deflate([agreed.as_bytes()]), Ok(true));
}

#[test]
fn answers_that_a_client_takes() {
    let table: [(&[&str], Result<bool, HandshakeError>); 11] = [
        (&[], Ok(false)),
        (&[""], Ok(false)),
        (
            &["permessage-deflate; server_no_context_takeover"],
            Ok(true),
        ),
        (&[AGREED], Ok(true)),
        (&[AGREED_15], Ok(true)),
        // Our inflater starts anew for each message, so the server must have promised it.
        (&["permessage-deflate"], Err(HandshakeError::NotOffered)),
        (
            &["permessage-deflate; server_no_context_takeover; client_max_window_bits=10"],
            Err(HandshakeError::NotOffered),
        ),
        (
            &["permessage-deflate; server_no_context_takeover; what"],
            Err(HandshakeError::NotOffered),
        ),
        (&["x-webkit-deflate-frame"], Err(HandshakeError::NotOffered)),
        (&[AGREED, AGREED], Err(HandshakeError::NotOffered)),
        (&["permessage-deflate; ;"], Err(HandshakeError::Extensions)),
    ];
    for (values, want) in table {
        let got = confirm_deflate(values.iter().map(|value| value.as_bytes()));
        assert_eq!(got, want, "{values:?}");
    }
}
