//! Idempotency keys.

use actix_web::web;
use chassis::credential::ServiceCaller;
use chassis::{ApiError, Json};
use contract::idempotency::{KEY_COMMANDS_MAX, KeyCommand, KeyReply};
use contract::internal::Batch;

use super::check_len;
use crate::idempotency::KeyKeeper;

/// `POST /internal/idempotency`: a reply to each, in order, once it is durable.
pub async fn decide(
    _: ServiceCaller,
    keeper: web::Data<KeyKeeper>,
    Json(batch): Json<Batch<KeyCommand>>,
) -> Result<web::Json<Batch<KeyReply>>, ApiError> {
    check_len(batch.items.len(), KEY_COMMANDS_MAX)?;
    Ok(web::Json(Batch { items: keeper.ask(batch.items).await }))
}
