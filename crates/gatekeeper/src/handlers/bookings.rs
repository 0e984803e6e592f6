//! Bookings.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use chassis::json::OptionalJson;
use chassis::{ApiError, Json};
use contract::api::{BookingView, Confirmation, NewBooking, Page};
use contract::{ReservationId, paths};

use super::{GateData, IdempotencyKey, Paging, not_made};
use crate::attempt::Attempt;
use crate::identity::Caller;
use crate::service::bookings;

/// `POST /bookings`.
#[utoipa::path(
    post,
    path = "/bookings",
    tag = "bookings",
    params(IdempotencyKey),
    request_body = NewBooking,
    responses((status = 201, description = "The booking, committed", body = BookingView)),
    security(("bearer" = []))
)]
pub async fn create(
    caller: Caller,
    gate: GateData,
    attempt: Attempt,
    Json(new): Json<NewBooking>,
) -> Result<HttpResponse, ApiError> {
    let booking = match bookings::create(&gate, &caller, attempt, new).await {
        Ok(booking) => booking,
        Err(error) => return not_made(error),
    };
    let location = (header::LOCATION, paths::booking(booking.booking_id));
    Ok(HttpResponse::Created().insert_header(location).json(booking))
}

/// `GET /bookings`.
#[utoipa::path(
    get,
    path = "/bookings",
    tag = "bookings",
    params(Paging),
    responses((status = 200, description = "A page of the caller's bookings, newest first", body = Page<BookingView>)),
    security(("bearer" = []))
)]
pub async fn list(
    caller: Caller,
    gate: GateData,
    paging: web::Query<Paging>,
) -> Result<web::Json<Page<BookingView>>, ApiError> {
    let (page, limit) = paging.checked()?;
    Ok(web::Json(bookings::list(&gate, caller.customer, page, limit).await?))
}

/// `GET /bookings/{booking_id}`.
#[utoipa::path(
    get,
    path = "/bookings/{booking_id}",
    tag = "bookings",
    params(("booking_id" = ReservationId, Path, description = "The booking")),
    responses((status = 200, description = "The booking", body = BookingView)),
    security(("bearer" = []))
)]
pub async fn read(
    caller: Caller,
    gate: GateData,
    id: web::Path<ReservationId>,
) -> Result<web::Json<BookingView>, ApiError> {
    Ok(web::Json(bookings::read(&gate, caller.customer, *id).await?))
}

/// `POST /bookings/{booking_id}/confirm`.
#[utoipa::path(
    post,
    path = "/bookings/{booking_id}/confirm",
    tag = "bookings",
    params(IdempotencyKey, ("booking_id" = ReservationId, Path, description = "The booking")),
    request_body = Option<Confirmation>,
    responses((status = 200, description = "The booking, paid", body = BookingView)),
    security(("bearer" = []))
)]
pub async fn confirm(
    caller: Caller,
    gate: GateData,
    id: web::Path<ReservationId>,
    OptionalJson(confirmation): OptionalJson<Confirmation>,
) -> Result<web::Json<BookingView>, ApiError> {
    Ok(web::Json(bookings::confirm(&gate, &caller, *id, &confirmation).await?))
}

/// `POST /bookings/{booking_id}/cancel`.
#[utoipa::path(
    post,
    path = "/bookings/{booking_id}/cancel",
    tag = "bookings",
    params(IdempotencyKey, ("booking_id" = ReservationId, Path, description = "The booking")),
    responses((status = 200, description = "The booking, cancelled", body = BookingView)),
    security(("bearer" = []))
)]
pub async fn cancel(
    caller: Caller,
    gate: GateData,
    id: web::Path<ReservationId>,
) -> Result<web::Json<BookingView>, ApiError> {
    Ok(web::Json(bookings::cancel(&gate, &caller, *id).await?))
}
