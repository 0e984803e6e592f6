//! Who changed what.

use contract::api::{LogFilter, LogPage};

use super::{Gate, ServiceError};

/// A page of entries, newest first.
pub async fn page(gate: &Gate, filter: &LogFilter) -> Result<LogPage, ServiceError> {
    Ok(gate.vault.audit_log(filter).await?)
}
