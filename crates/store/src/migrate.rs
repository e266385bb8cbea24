//! Migrations: ordered files, embedded, each with a checksum that is recorded when it runs.
//!
//! Owns: which files there are, which are still to run, and refusing a database of a newer version, a foreign one,
//! or one whose shipped files were changed. Never: talks to a database; each database runs what [`pending`] says,
//! under its own lock and in one transaction.

use sha2::{Digest, Sha256};

use crate::error::StoreError;

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// From 1, growing; numbers may be missing.
    pub(crate) version: i64,
    /// The file's name.
    pub(crate) name: &'static str,
    /// Its statements.
    pub(crate) text: &'static str,
}

/// The migration that brings the chain: so many have run where there is one.
pub(crate) const CHAIN: usize = 4;

/// After the migration of this version the words of the accounts that are there are written, and the names of the public
/// channels as they are compared: how a name is folded is not said in SQL.
pub(crate) const FOUND_BY: i64 = 5;

pub(crate) const SQLITE: &[Migration] = &[
    Migration {
        version: 1,
        name: "0001_first.sql",
        text: include_str!("../migrations/sqlite/0001_first.sql"),
    },
    Migration {
        version: 2,
        name: "0002_earlier_stays.sql",
        text: include_str!("../migrations/sqlite/0002_earlier_stays.sql"),
    },
    Migration {
        version: 3,
        name: "0003_members_by_room.sql",
        text: include_str!("../migrations/sqlite/0003_members_by_room.sql"),
    },
    Migration {
        version: 4,
        name: "0004_chain.sql",
        text: include_str!("../migrations/sqlite/0004_chain.sql"),
    },
    Migration {
        version: 5,
        name: "0005_found_by.sql",
        text: include_str!("../migrations/sqlite/0005_found_by.sql"),
    },
    Migration {
        version: 6,
        name: "0006_gone.sql",
        text: include_str!("../migrations/sqlite/0006_gone.sql"),
    },
    Migration {
        version: 7,
        name: "0007_txn_first.sql",
        text: include_str!("../migrations/sqlite/0007_txn_first.sql"),
    },
];

pub(crate) const POSTGRES: &[Migration] = &[
    Migration {
        version: 1,
        name: "0001_first.sql",
        text: include_str!("../migrations/postgres/0001_first.sql"),
    },
    Migration {
        version: 2,
        name: "0002_earlier_stays.sql",
        text: include_str!("../migrations/postgres/0002_earlier_stays.sql"),
    },
    Migration {
        version: 3,
        name: "0003_members_by_room.sql",
        text: include_str!("../migrations/postgres/0003_members_by_room.sql"),
    },
    Migration {
        version: 4,
        name: "0004_chain.sql",
        text: include_str!("../migrations/postgres/0004_chain.sql"),
    },
    Migration {
        version: 5,
        name: "0005_found_by.sql",
        text: include_str!("../migrations/postgres/0005_found_by.sql"),
    },
    Migration {
        version: 6,
        name: "0006_gone.sql",
        text: include_str!("../migrations/postgres/0006_gone.sql"),
    },
    Migration {
        version: 7,
        name: "0007_txn_first.sql",
        text: include_str!("../migrations/postgres/0007_txn_first.sql"),
    },
];

/// A migration as the database remembers it.
#[derive(Debug, Clone)]
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) checksum: String,
}

impl Migration {
    /// SHA-256 of the file, in hexadecimal.
    pub(crate) fn checksum(&self) -> String {
        let digest = Sha256::digest(self.text.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What is still to run.
///
/// # Errors
/// `Refused`, with a sentence for the operator.
pub(crate) fn pending<'a>(
    known: &'a [Migration],
    applied: &[Applied],
) -> Result<&'a [Migration], StoreError> {
    for (index, row) in applied.iter().enumerate() {
        let Some(migration) = known.get(index).filter(|m| m.version == row.version) else {
            return Err(StoreError::Refused(format!(
                "This database is of a newer version of Tidings: it has migration {} ({}), and this program knows \
                 {}. Start the newer program, or restore a backup made before the upgrade.",
                row.version,
                row.name,
                known.len(),
            )));
        };
        if migration.checksum() != row.checksum {
            return Err(StoreError::Refused(format!(
                "Migration {} ({}) is not the one that made this database. A shipped migration must never be \
                 changed; start the program that made the database.",
                row.version, row.name,
            )));
        }
    }
    Ok(&known[applied.len()..])
}

/// Tells the operator that a database with something in it is brought to this version. Whether there is anything to do.
pub(crate) fn tell(pending: &[Migration], applied: &[Applied]) -> bool {
    let (Some(first), false) = (pending.first(), applied.is_empty()) else {
        return false;
    };
    tracing::info!(
        first = first.name,
        count = pending.len(),
        "bringing the database to this version; with many messages that takes minutes"
    );
    true
}

/// Refuses a database that something is still to run on, where nothing may be changed.
pub(crate) fn refuse_older(pending: &[Migration]) -> Result<(), StoreError> {
    match pending {
        [] => Ok(()),
        [..] => Err(StoreError::Refused(
            "This database is of an older version. The next start, or `tidings migrate`, brings it to this one."
                .to_owned(),
        )),
    }
}

/// The refusal of a database with tables that are not ours.
pub(crate) fn foreign(what: &str) -> StoreError {
    StoreError::Refused(format!(
        "{what} holds tables that Tidings did not make. Give Tidings a database of its own."
    ))
}

/// A random incarnation of the logs, below 2^53.
pub(crate) fn new_epoch() -> Result<u64, StoreError> {
    let random = getrandom::u64().map_err(|e| StoreError::trouble("drawing the epoch", e))?;
    Ok((random >> 11).max(1))
}

/// What tests of an upgrade share: a second migration, as a later version could bring it, and one that fails halfway.
#[cfg(test)]
pub(crate) mod fixture {
    use super::Migration;

    /// A new column, filled from what is there, and a table beside it.
    const SECOND: Migration = Migration {
        version: 2,
        name: "0002_colours.sql",
        text: "ALTER TABLE users ADD COLUMN colour TEXT;
               UPDATE users SET colour = 'of ' || username;
               CREATE TABLE colours (name TEXT PRIMARY KEY NOT NULL);
               INSERT INTO colours (name) SELECT colour FROM users;",
    };
    const BROKEN: Migration = Migration {
        version: 2,
        name: "0002_broken.sql",
        text: "ALTER TABLE users ADD COLUMN colour TEXT;
               UPDATE users SET colour = 'lost';
               INSERT INTO nowhere (name) VALUES ('x');",
    };

    /// The shipped migrations and one more.
    pub(crate) fn upgrade(shipped: &[Migration]) -> Vec<Migration> {
        [&shipped[..1], &[SECOND]].concat()
    }

    /// The same, where the last one fails after it changed something.
    pub(crate) fn broken(shipped: &[Migration]) -> Vec<Migration> {
        [&shipped[..1], &[BROKEN]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(known: &[Migration]) -> Vec<Applied> {
        let row = |m: &Migration| Applied {
            version: m.version,
            name: m.name.into(),
            checksum: m.checksum(),
        };
        known.iter().map(row).collect()
    }

    #[test]
    fn versions_grow_from_one_on_both() {
        for known in [SQLITE, POSTGRES] {
            assert_eq!(known[0].version, 1);
            assert!(known.is_sorted_by(|a, b| a.version < b.version));
            for migration in known {
                assert!(
                    migration
                        .name
                        .starts_with(&format!("{:04}_", migration.version))
                );
            }
        }
        assert_eq!(SQLITE.len(), POSTGRES.len());
    }

    #[test]
    fn only_what_is_missing_runs() {
        assert_eq!(pending(SQLITE, &[]).unwrap().len(), SQLITE.len());
        assert!(pending(SQLITE, &applied(SQLITE)).unwrap().is_empty());
    }

    #[test]
    fn newer_and_changed_are_refused() {
        let mut newer = applied(SQLITE);
        newer.push(Applied {
            version: 999,
            name: "0999_later.sql".into(),
            checksum: "x".into(),
        });
        let error = pending(SQLITE, &newer).unwrap_err().to_string();
        assert!(error.contains("newer version"), "{error}");
        let mut changed = applied(SQLITE);
        changed[0].checksum = "0".repeat(64);
        let error = pending(SQLITE, &changed).unwrap_err().to_string();
        assert!(error.contains("must never be"), "{error}");
    }
}
