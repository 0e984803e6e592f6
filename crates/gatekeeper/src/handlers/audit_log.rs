//! Who changed what.

use actix_web::web;
use chassis::ApiError;
use contract::EventId;
use contract::api::{Action, LogFilter, LogPage};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::GateData;
use crate::identity::Operator;
use crate::service::audit_log;

/// `?event_id=…&actor=…&subject=…&action=booked&before=4711-1&limit=50`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// About this event.
    event_id: Option<EventId>,
    /// By this customer, operator, administrator or key.
    actor: Option<Uuid>,
    /// About this hold, booking, event, key or customer.
    subject: Option<Uuid>,
    /// Of this kind.
    action: Option<Action>,
    /// Older than this entry: the `next` of the page before.
    #[param(example = "4711-1", pattern = "^[0-9]{1,18}-[0-9]{1,18}$")]
    before: Option<String>,
    /// At most 200; 50 unless asked otherwise.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// `GET /audit-log`.
#[utoipa::path(
    get,
    path = "/audit-log",
    tag = "audit_log",
    params(Filter),
    responses((status = 200, description = "Entries that fit, newest first", body = LogPage)),
    security(("bearer" = []))
)]
pub async fn read(_: Operator, gate: GateData, filter: web::Query<Filter>) -> Result<web::Json<LogPage>, ApiError> {
    let Filter { event_id, actor, subject, action, before, limit } = filter.into_inner();
    let filter = LogFilter { event_id, actor, subject, action, before, limit };
    Ok(web::Json(audit_log::page(&gate, &filter).await?))
}
