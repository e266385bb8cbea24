//! Values in and out of SQLite, and its errors.
//!
//! Owns: binding [`Param`]s, reading [`Columns`], running queries of the registry on a connection.
//! Never: keeps a row beyond its statement.

use std::{future::Future, rc::Rc};

use futures_util::FutureExt;
use rusqlite::{
    Connection, Error, ErrorCode, Row, ToSql, ffi,
    types::{ToSqlOutput, Value, ValueRef},
};

use crate::{
    error::{SHARED_BETWEEN_SHARDS, StoreError},
    query::Query,
    value::{Columns, Decode, Param, Snapshot},
};

impl Snapshot for Connection {
    async fn rows<T: Send + 'static>(
        &self,
        query: &'static Query,
        params: Vec<Param>,
        decode: Decode<T>,
    ) -> Result<Vec<T>, StoreError> {
        rows(self, &query.sqlite, &params, decode)
    }
}

/// The answer of a read on a [`Connection`]: each of its steps is ready at once, so it never waits.
pub(crate) fn now<T>(read: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    read.now_or_never()
        .expect("a read waits for nothing but rows, and SQLite's are ready")
}

/// Runs a statement that answers rows.
pub(super) fn rows<T>(
    connection: &Connection,
    text: &str,
    params: &[Param],
    decode: Decode<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(text).map_err(failed)?;
    let mut rows = statement
        .query(rusqlite::params_from_iter(params))
        .map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        found.push(decode(row)?);
    }
    Ok(found)
}

impl ToSql for Param {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Param::Id(id) => ToSqlOutput::Borrowed(ValueRef::Blob(id)),
            Param::Int(n) => ToSqlOutput::Borrowed(ValueRef::Integer(*n)),
            Param::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Param::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Param::Ids(ids) => {
                let values: Vec<_> = ids.iter().map(|id| Value::Blob(id.to_vec())).collect();
                // The statement holds its own reference, so the list may end here.
                array(&Rc::new(values))
            }
        })
    }
}

fn array(values: &Rc<Vec<Value>>) -> ToSqlOutput<'static> {
    ToSqlOutput::from_rc(values.clone(), c"rarray")
}

impl Columns for Row<'_> {
    fn id(&self, index: usize) -> Result<[u8; 16], StoreError> {
        self.id_or_none(index)?
            .ok_or_else(|| StoreError::damaged("an id"))
    }

    fn id_or_none(&self, index: usize) -> Result<Option<[u8; 16]>, StoreError> {
        let bytes = self.get_ref(index).map_err(failed)?;
        let bytes = bytes.as_blob_or_null().map_err(wrong)?;
        bytes
            .map(|bytes| bytes.try_into().map_err(|_| StoreError::damaged("an id")))
            .transpose()
    }

    fn int(&self, index: usize) -> Result<i64, StoreError> {
        self.get_ref(index).map_err(failed)?.as_i64().map_err(wrong)
    }

    fn int_or_none(&self, index: usize) -> Result<Option<i64>, StoreError> {
        let value = self.get_ref(index).map_err(failed)?;
        value.as_i64_or_null().map_err(wrong)
    }

    fn text(&self, index: usize) -> Result<&str, StoreError> {
        self.get_ref(index).map_err(failed)?.as_str().map_err(wrong)
    }

    fn text_or_none(&self, index: usize) -> Result<Option<&str>, StoreError> {
        let value = self.get_ref(index).map_err(failed)?;
        value.as_str_or_null().map_err(wrong)
    }

    fn flag_or_none(&self, index: usize) -> Result<Option<bool>, StoreError> {
        Ok(self.int_or_none(index)?.map(|n| n != 0))
    }

    fn bytes(&self, index: usize) -> Result<&[u8], StoreError> {
        let value = self.get_ref(index).map_err(failed)?;
        value.as_blob().map_err(wrong)
    }

    fn bytes_or_none(&self, index: usize) -> Result<Option<&[u8]>, StoreError> {
        let value = self.get_ref(index).map_err(failed)?;
        value.as_blob_or_null().map_err(wrong)
    }
}

fn wrong(cause: rusqlite::types::FromSqlError) -> StoreError {
    StoreError::trouble("a stored row is damaged", cause)
}

/// What an error of SQLite means to the caller.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "codes of SQLite: all the others are trouble"
)]
pub(crate) fn failed(error: Error) -> StoreError {
    let Error::SqliteFailure(code, message) = &error else {
        return StoreError::trouble("SQLite", error);
    };
    match code.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            StoreError::Unavailable("another process holds the SQLite file".to_owned())
        }
        // The disk may have room, or come back; a retry is safe.
        ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => {
            StoreError::Unavailable(format!("SQLite: {error}"))
        }
        ErrorCode::NotADatabase => {
            StoreError::Refused(format!("The file is no SQLite database: {error}"))
        }
        ErrorCode::ConstraintViolation if is_unique(code) && is_shared(message.as_deref()) => {
            StoreError::Conflict
        }
        _ => StoreError::trouble("SQLite", error),
    }
}

fn is_unique(code: &ffi::Error) -> bool {
    [
        ffi::SQLITE_CONSTRAINT_UNIQUE,
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
        ffi::SQLITE_CONSTRAINT_ROWID,
    ]
    .contains(&code.extended_code)
}

/// Whether the message (`UNIQUE constraint failed: users.username`) names a table that shards share.
fn is_shared(message: Option<&str>) -> bool {
    let table = message
        .and_then(|m| m.rsplit_once(": "))
        .and_then(|(_, columns)| columns.split('.').next());
    table.is_some_and(|table| SHARED_BETWEEN_SHARDS.contains(&table))
}
