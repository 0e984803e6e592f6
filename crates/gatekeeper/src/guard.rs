//! What stands in front of the handlers: a deadline, then the limits, then the Idempotency-Key. One middleware for the three,
//! since each that actix has to box costs as much as the checks themselves. Where an answer has a new API key in it, what puts it
//! there (`handlers/api_keys.rs`) stands in front of them.

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use chassis::deadline;

use crate::limits::Kind;
use crate::{idempotency, limits};

type Reply = Result<ServiceResponse<BoxBody>, Error>;

/// In time, within the limits, and once a key.
pub async fn keyed(kind: Kind, request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Reply {
    let once = async |request| idempotency::keep(request, next).await;
    deadline::keep(request, async |request| limits::keep(kind, request, once).await).await
}

/// In time and within the limits.
pub async fn plain(kind: Kind, request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Reply {
    let call = async |request| boxed(next.call(request).await);
    deadline::keep(request, async |request| limits::keep(kind, request, call).await).await
}

/// In time.
pub async fn unlimited(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Reply {
    deadline::keep(request, async |request| boxed(next.call(request).await)).await
}

fn boxed(response: Result<ServiceResponse<impl MessageBody + 'static>, Error>) -> Reply {
    Ok(response?.map_into_boxed_body())
}
