//! Values in and out of PostgreSQL, and its errors.
//!
//! Owns: binding [`Param`]s, reading [`Columns`], what an error means to the caller.
//! Never: guesses that a commit happened; an answer that did not come is `Unavailable`.

use std::error::Error as _;

use tokio_postgres::{
    Error, Row,
    error::SqlState,
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};
use uuid::Uuid;

use crate::{
    error::{SHARED_BETWEEN_SHARDS, StoreError},
    value::{Columns, Param},
};

impl ToSql for Param {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Param::Id(id) => Uuid::from_bytes(*id).to_sql_checked(ty, out),
            Param::Int(n) => n.to_sql_checked(ty, out),
            Param::Text(text) => text.to_sql_checked(ty, out),
            Param::Bytes(bytes) => bytes.to_sql_checked(ty, out),
            Param::Ids(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| Uuid::from_bytes(*id)).collect();
                ids.to_sql_checked(ty, out)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        // Each arm checks its own.
        true
    }

    to_sql_checked!();
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index)
        .map_err(|e| StoreError::trouble("a stored row is damaged", e))
}

impl Columns for Row {
    fn id(&self, index: usize) -> Result<[u8; 16], StoreError> {
        get::<Uuid>(self, index).map(Uuid::into_bytes)
    }

    fn id_or_none(&self, index: usize) -> Result<Option<[u8; 16]>, StoreError> {
        Ok(get::<Option<Uuid>>(self, index)?.map(Uuid::into_bytes))
    }

    fn int(&self, index: usize) -> Result<i64, StoreError> {
        get(self, index)
    }

    fn int_or_none(&self, index: usize) -> Result<Option<i64>, StoreError> {
        get(self, index)
    }

    fn text(&self, index: usize) -> Result<&str, StoreError> {
        get(self, index)
    }

    fn text_or_none(&self, index: usize) -> Result<Option<&str>, StoreError> {
        get(self, index)
    }

    fn flag_or_none(&self, index: usize) -> Result<Option<bool>, StoreError> {
        get(self, index)
    }

    fn bytes(&self, index: usize) -> Result<&[u8], StoreError> {
        get(self, index)
    }

    fn bytes_or_none(&self, index: usize) -> Result<Option<&[u8]>, StoreError> {
        get(self, index)
    }
}

/// What an error of PostgreSQL means to the caller.
pub(super) fn failed(error: Error) -> StoreError {
    let Some(db) = error.as_db_error() else {
        let lost = error.is_closed() || error.source().is_some_and(|s| s.is::<std::io::Error>());
        let what = match error.source() {
            Some(source) => format!("PostgreSQL: {error}: {source}"),
            None => format!("PostgreSQL: {error}"),
        };
        return if lost {
            StoreError::Unavailable(what)
        } else {
            StoreError::Trouble(what)
        };
    };
    let code = db.code();
    let what = format!("PostgreSQL: {} ({})", db.message(), code.code());
    if *code == SqlState::UNIQUE_VIOLATION {
        return match db.table() {
            Some(table) if SHARED_BETWEEN_SHARDS.contains(&table) => StoreError::Conflict,
            _ => StoreError::Trouble(what),
        };
    }
    // Two shards that wait for each other's names: one of them is told, and decides again.
    if *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE {
        return StoreError::Conflict;
    }
    let class = &code.code()[..2];
    let busy = *code == SqlState::LOCK_NOT_AVAILABLE
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION;
    match class {
        // Connection, resources, operator, system.
        "08" | "53" | "57" | "58" => StoreError::Unavailable(what),
        _ if busy => StoreError::Unavailable(what),
        // Sign-in, no such database.
        "28" | "3D" => StoreError::Refused(format!("{what}. Check the address of the database.")),
        _ => StoreError::Trouble(what),
    }
}
