//! Usernames that nobody may have. `[LI2]`
//!
//! Owns: the list, with the reason for each group. Never: keeps a name that merely is a good one; people want those.

/// Each group with its reason. Sorted by nothing; the test keeps it free of repeats.
const RESERVED: &[(&str, &[&str])] = &[
    (
        "Addresses: `/members/me`, `/devices/current`; a page's paths could name a person one day.",
        &[
            "me", "current", "new", "self", "users", "user", "rooms", "room", "devices", "device",
            "events", "event", "messages", "message", "members", "member", "search", "settings",
            "socket", "api", "docs", "assets", "static", "healthz", "readyz", "metrics", "login",
            "logout", "signin", "signout", "signup", "sign-in", "sign-out", "sign-up", "register",
            "password", "account", "invite", "join",
        ],
    ),
    (
        "Mentions: `@everyone` addresses a room, not a person.",
        &[
            "all",
            "everyone",
            "everybody",
            "here",
            "channel",
            "group",
            "team",
            "online",
            "nobody",
            "noone",
            "anyone",
            "someone",
        ],
    ),
    (
        "Whom people would believe: one so called seems to speak for the server.",
        &[
            "admin",
            "admins",
            "administrator",
            "owner",
            "owners",
            "root",
            "sysadmin",
            "system",
            "server",
            "operator",
            "moderator",
            "moderators",
            "mod",
            "mods",
            "staff",
            "official",
            "support",
            "help",
            "helpdesk",
            "security",
            "abuse",
            "tidings",
            "notifications",
            "bot",
            "robot",
        ],
    ),
    (
        "Mail: certificates and complaints go to these (RFC 2142, CA/Browser Forum 3.2.2.4.4).",
        &[
            "postmaster",
            "hostmaster",
            "webmaster",
            "mailer-daemon",
            "noreply",
            "no-reply",
            "info",
            "sales",
            "billing",
            "legal",
        ],
    ),
    (
        "What programs write where there is nobody.",
        &[
            "null",
            "none",
            "nil",
            "undefined",
            "unknown",
            "anonymous",
            "deleted",
            "guest",
            "guests",
            "true",
            "false",
        ],
    ),
];

/// Whether nobody may have this name, which is folded already. Dots, hyphens and underscores do not make another one.
pub(super) fn is_reserved(name: &str) -> bool {
    let bare = |text: &str| text.replace(['.', '-', '_'], "");
    let name = bare(name);
    RESERVED
        .iter()
        .flat_map(|(_, names)| *names)
        .any(|reserved| bare(reserved) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_name_stays_so_with_other_marks() {
        // [LI2]
        for name in [
            "me", "admin", "ad.min", "system", "sys_tem", "everyone", "here", "room", "no-reply",
            "a.l.l",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["ada", "adam", "meg", "rooms2", "the-admin", "heres", "bots"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn each_is_a_username_and_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (reason, names) in RESERVED {
            assert!(!reason.is_empty());
            for name in *names {
                assert!(name.parse::<crate::Username>().is_ok(), "{name}");
                assert!(seen.insert(*name), "{name} stands twice");
            }
        }
    }
}
