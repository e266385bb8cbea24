//! Values on their way into and out of either database.
//!
//! Owns: [`Param`] (in), [`Columns`] (out), [`Snapshot`] (something that answers queries).
//! Never: knows what a column means; that is `decode`.

use std::future::Future;

use crate::{error::StoreError, query::Query};

/// One parameter of a query.
#[derive(Debug, Clone)]
pub(crate) enum Param {
    /// A 128-bit id.
    Id([u8; 16]),
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes that are no id.
    Bytes(Vec<u8>),
    /// A list of ids, for `= ANY($n)`.
    Ids(Vec<[u8; 16]>),
}

impl From<u64> for Param {
    /// Numbers of the protocol stay below 2^53; one from outside that does not is past every row anyway.
    fn from(value: u64) -> Param {
        Param::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Param {
    fn from(value: u32) -> Param {
        Param::Int(i64::from(value))
    }
}

impl From<[u8; 16]> for Param {
    fn from(value: [u8; 16]) -> Param {
        Param::Id(value)
    }
}

/// Reads the columns of one row by their place, from 0.
pub(crate) trait Columns {
    fn id(&self, index: usize) -> Result<[u8; 16], StoreError>;
    fn id_or_none(&self, index: usize) -> Result<Option<[u8; 16]>, StoreError>;
    fn int(&self, index: usize) -> Result<i64, StoreError>;
    fn int_or_none(&self, index: usize) -> Result<Option<i64>, StoreError>;
    fn text(&self, index: usize) -> Result<&str, StoreError>;
    fn text_or_none(&self, index: usize) -> Result<Option<&str>, StoreError>;
    fn flag_or_none(&self, index: usize) -> Result<Option<bool>, StoreError>;
    fn bytes(&self, index: usize) -> Result<&[u8], StoreError>;
    fn bytes_or_none(&self, index: usize) -> Result<Option<&[u8]>, StoreError>;
}

/// How a row becomes a value.
pub(crate) type Decode<T> = fn(&dyn Columns) -> Result<T, StoreError>;

/// Something that answers queries: one connection of either database. Reads are written once, against this; on
/// SQLite each answer is ready at once, so the same code runs there without waiting.
pub(crate) trait Snapshot {
    fn rows<T: Send + 'static>(
        &self,
        query: &'static Query,
        params: Vec<Param>,
        decode: Decode<T>,
    ) -> impl Future<Output = Result<Vec<T>, StoreError>>;
}

/// The first row of an answer that has one at most.
pub(crate) async fn row<S: Snapshot, T: Send + 'static>(
    snapshot: &S,
    query: &'static Query,
    params: Vec<Param>,
    decode: Decode<T>,
) -> Result<Option<T>, StoreError> {
    Ok(snapshot.rows(query, params, decode).await?.pop())
}
