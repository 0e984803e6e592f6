//! Which path leads to which handler.

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig, delete, get, patch, post};
use actix_web::{Resource, Route};
use chassis::{api_error, deadline, metrics};
use contract::paths;

use crate::handlers::{activity, bookings, description, events, health, holds, live, seats, sessions};
use crate::idempotency;

/// Everything the gatekeeper answers.
pub fn configure(app: &mut ServiceConfig) {
    app.service(resource(paths::HEALTH, [get().to(health::alive)]))
        .service(resource(paths::READY, [get().to(health::ready)]))
        .service(resource(paths::METRICS, [get().to(metrics::expose)]))
        .service(resource(paths::OPENAPI, [get().to(description::read)]))
        .service(web::redirect(paths::DOCS, "/api/docs/"))
        .service(description::swagger_ui())
        .service(web::scope(paths::API).configure(api))
        .default_service(web::to(api_error::no_such_path));
}

fn api(api: &mut ServiceConfig) {
    api.service(resource("/bookings", [post().to(bookings::create), get().to(bookings::list)]))
        .service(resource("/bookings/{booking_id}", [get().to(bookings::read)]))
        .service(resource("/bookings/{booking_id}/confirm", [post().to(bookings::confirm)]))
        .service(resource("/bookings/{booking_id}/cancel", [post().to(bookings::cancel)]))
        .service(resource("/events/{event_id}/holds", [post().to(holds::create)]))
        .service(resource("/events/{event_id}/holds/{hold_id}", [get().to(holds::read), delete().to(holds::release)]))
        .service(resource("/events/{event_id}/holds/{hold_id}/extend", [post().to(holds::extend)]))
        .service(resource("/events/{event_id}/seats/{seat}/lock", [post().to(seats::lock)]))
        .service(resource("/events/{event_id}/seats/{seat}/unlock", [post().to(seats::unlock)]))
        .service(resource("/events/{event_id}/seats", [get().to(seats::states)]))
        .service(resource("/events/{event_id}/seatmap", [get().to(seats::map)]))
        .service(resource("/events/{event_id}/tickets", [get().to(seats::available)]))
        .service(resource("/events/{event_id}/tickets/all", [get().to(seats::all)]))
        .service(resource("/events/{event_id}/live", [get().to(live::watch)]))
        .service(resource("/events/{event_id}/activity", [get().to(activity::read)]))
        .service(resource("/events/{event_id}/audit", [get().to(events::audit)]))
        .service(resource("/events/{event_id}", [get().to(events::read), patch().to(events::change)]))
        .service(resource("/events", [post().to(events::create), get().to(events::list)]))
        // It makes a new customer each time, and a key would be nobody's.
        .service(plain_resource("/sessions", [post().to(sessions::create)]));
}

/// A path and its methods; a POST may carry an Idempotency-Key.
fn resource<const METHODS: usize>(path: &str, routes: [Route; METHODS]) -> impl HttpServiceFactory + use<METHODS> {
    methods(path, routes).wrap(from_fn(idempotency::keep)).wrap(from_fn(deadline::keep))
}

/// A path and its methods.
fn plain_resource<const METHODS: usize>(
    path: &str,
    routes: [Route; METHODS],
) -> impl HttpServiceFactory + use<METHODS> {
    methods(path, routes).wrap(from_fn(deadline::keep))
}

/// A path's methods; any other is told so.
fn methods<const METHODS: usize>(path: &str, routes: [Route; METHODS]) -> Resource {
    let resource = web::resource(path).default_service(web::to(api_error::no_such_method));
    routes.into_iter().fold(resource, Resource::route)
}
