//! Pages of other origins that may use the API: those that are named, and no cookie with them. Tokens are sent by header, so a
//! page that has none gets nowhere.

use actix_cors::Cors;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, RETRY_AFTER};
use chassis::telemetry::REQUEST_ID;

use crate::idempotency::{IDEMPOTENCY_KEY, REPLAYED};
use crate::limits::{RATE_LIMIT, RATE_LIMIT_POLICY};

/// How long a browser may remember that it was allowed.
const REMEMBERED_SECONDS: usize = 3_600;

/// What these origins' pages may send and read.
pub fn of(origins: &[String]) -> Cors {
    let cors = origins.iter().fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
    cors.allowed_methods(["GET", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([&AUTHORIZATION, &CONTENT_TYPE, &IF_NONE_MATCH, &IDEMPOTENCY_KEY, &REQUEST_ID])
        .expose_headers([&LOCATION, &RETRY_AFTER, &ETAG, &REPLAYED, &REQUEST_ID, &RATE_LIMIT, &RATE_LIMIT_POLICY])
        .max_age(REMEMBERED_SECONDS)
}
