//! Verifying a file: SQLite's own check of its pages, then ours of what they say.
//!
//! Owns: the connection for it. Never: makes or changes a file.

use std::path::Path;

use rusqlite::Connection;

use super::{
    columns::{failed, now},
    upkeep,
};
use crate::{
    error::StoreError,
    verify::{self, DAMAGE_TOLD_MAX, Report, Snapshots, Verified, Watch},
};

impl Snapshots for Connection {
    async fn begin(&self) -> Result<(), StoreError> {
        self.execute_batch("BEGIN").map_err(failed)
    }

    async fn end(&self) -> Result<(), StoreError> {
        self.execute_batch("COMMIT").map_err(failed)
    }
}

/// See [`verify`](crate::verify::verify).
pub(crate) fn verify(path: &Path, watch: Watch) -> Result<Verified, StoreError> {
    let is_alone = upkeep::is_alone(path);
    let connection = upkeep::read_only(path)?;
    upkeep::refuse_older(&connection, path)?;
    let mut report = Report::new(watch);
    look_at(&connection, &mut report)?;
    if is_alone && !upkeep::is_alone(path) {
        return Err(StoreError::Unavailable(
            "a server was started meanwhile, and changed what was read; look again".to_owned(),
        ));
    }
    Ok(report.finish())
}

/// Looks at everything that a connection shows.
pub(super) fn look_at(connection: &Connection, report: &mut Report) -> Result<(), StoreError> {
    pages(connection, report);
    // Where pages are damaged, reading may say more, and what it says names the place.
    now(verify::run(connection, report))
}

/// Every page, every index, every row against its table's rules.
pub(super) fn pages(connection: &Connection, report: &mut Report) {
    let check = || -> rusqlite::Result<Vec<String>> {
        let mut statement =
            connection.prepare(&format!("PRAGMA integrity_check({DAMAGE_TOLD_MAX})"))?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.collect()
    };
    match check() {
        Ok(said) => {
            for line in said.into_iter().filter(|line| line != "ok") {
                report.damage(format!("SQLite's integrity check: {line}"));
            }
        }
        Err(error) => report.damage(format!("SQLite's integrity check: {error}")),
    }
}
