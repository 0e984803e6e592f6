//! A customer's bookings.

use actix_web::web;
use chassis::ApiError;
use chassis::credential::ServiceCaller;
use chassis::json::OptionalJson;
use contract::api::{Confirmation, Page};
use contract::internal::{Booking, BookingAnswer};
use contract::{CustomerId, ReservationId};

use super::Cause;
use super::events::Paging;
use crate::committer::{Answer, Command, Committer};
use crate::store::Store;

type Id = web::Path<(CustomerId, ReservationId)>;

/// `GET /internal/customers/{customer_id}/bookings`.
pub async fn list(
    _: ServiceCaller,
    store: web::Data<Store>,
    customer: web::Path<CustomerId>,
    paging: web::Query<Paging>,
) -> Result<web::Json<Page<Booking>>, ApiError> {
    Ok(web::Json(store.bookings(*customer, paging.page.max(1), paging.limit).await?))
}

/// `GET /internal/customers/{customer_id}/bookings/{booking_id}`.
pub async fn read(_: ServiceCaller, store: web::Data<Store>, id: Id) -> Result<web::Json<Booking>, ApiError> {
    let (customer_id, booking_id) = id.into_inner();
    store.booking(customer_id, booking_id).await?.map(web::Json).ok_or_else(|| ApiError::not_found("booking"))
}

/// `POST …/confirm`.
pub async fn confirm(
    _: ServiceCaller,
    store: web::Data<Store>,
    committer: web::Data<Committer>,
    cause: Cause,
    id: Id,
    OptionalJson(confirmation): OptionalJson<Confirmation>,
) -> Result<web::Json<BookingAnswer>, ApiError> {
    let (customer_id, booking_id) = id.into_inner();
    let payment_reference = confirmation.payment_reference;
    let command = Command::Confirm { customer_id, booking_id, payment_reference, origin: cause.0 };
    change(&store, &committer, customer_id, booking_id, command).await
}

/// `POST …/cancel`.
pub async fn cancel(
    _: ServiceCaller,
    store: web::Data<Store>,
    committer: web::Data<Committer>,
    cause: Cause,
    id: Id,
) -> Result<web::Json<BookingAnswer>, ApiError> {
    let (customer_id, booking_id) = id.into_inner();
    let command = Command::Cancel { customer_id, booking_id, origin: cause.0 };
    change(&store, &committer, customer_id, booking_id, command).await
}

/// Finds the booking's event and asks its lane.
async fn change(
    store: &Store,
    committer: &Committer,
    customer_id: CustomerId,
    booking_id: ReservationId,
    command: Command,
) -> Result<web::Json<BookingAnswer>, ApiError> {
    let Some(booking) = store.booking(customer_id, booking_id).await? else {
        return Ok(web::Json(BookingAnswer::NotFound));
    };
    Ok(web::Json(match committer.ask(booking.event_id, command).await {
        Ok(Answer::Booking(answer)) => *answer,
        _ => BookingAnswer::Unknown,
    }))
}
