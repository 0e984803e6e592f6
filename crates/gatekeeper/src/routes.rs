//! Which path leads to which handler.

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig, delete, get, patch, post, put};
use actix_web::{Resource, Route};
use chassis::{api_error, metrics};
use contract::paths;

use crate::guard;
use crate::handlers::{
    activity, api_keys, audit_log, bookings, description, events, health, holds, live, profile, seats, sessions,
};
use crate::limits::Kind;

/// Everything the gatekeeper answers.
pub fn configure(app: &mut ServiceConfig) {
    app.service(unlimited(paths::HEALTH, get().to(health::alive)))
        .service(unlimited(paths::READY, get().to(health::ready)))
        .service(unlimited(paths::METRICS, get().to(metrics::expose)))
        .service(unlimited(paths::OPENAPI, get().to(description::read)))
        .service(web::redirect(paths::DOCS, "/api/docs/"))
        .service(description::swagger_ui())
        .service(web::scope(paths::API).configure(api))
        .default_service(web::to(api_error::no_such_path));
}

fn api(api: &mut ServiceConfig) {
    api.service(resource("/bookings", Kind::Bookings, [post().to(bookings::create), get().to(bookings::list)]))
        .service(resource("/bookings/{booking_id}", Kind::Bookings, [get().to(bookings::read)]))
        .service(resource("/bookings/{booking_id}/confirm", Kind::Bookings, [post().to(bookings::confirm)]))
        .service(resource("/bookings/{booking_id}/cancel", Kind::Bookings, [post().to(bookings::cancel)]))
        .service(resource("/events/{event_id}/holds", Kind::Holds, [post().to(holds::create)]))
        .service(resource(
            "/events/{event_id}/holds/{hold_id}",
            Kind::Holds,
            [get().to(holds::read), delete().to(holds::release)],
        ))
        .service(resource("/events/{event_id}/holds/{hold_id}/extend", Kind::Holds, [post().to(holds::extend)]))
        .service(resource("/events/{event_id}/seats/{seat}/lock", Kind::Holds, [post().to(seats::lock)]))
        .service(resource("/events/{event_id}/seats/{seat}/unlock", Kind::Holds, [post().to(seats::unlock)]))
        .service(resource("/events/{event_id}/seats", Kind::Reads, [get().to(seats::states)]))
        .service(resource("/events/{event_id}/seatmap", Kind::Reads, [get().to(seats::map)]))
        .service(resource("/events/{event_id}/tickets", Kind::Reads, [get().to(seats::available)]))
        .service(resource("/events/{event_id}/tickets/all", Kind::Reads, [get().to(seats::all)]))
        .service(resource("/events/{event_id}/live", Kind::Reads, [get().to(live::watch)]))
        .service(resource("/events/{event_id}/activity", Kind::Reads, [get().to(activity::read)]))
        .service(resource("/events/{event_id}/audit", Kind::Reads, [get().to(events::audit)]))
        .service(resource("/events/{event_id}", Kind::Bookings, [get().to(events::read), patch().to(events::change)]))
        .service(resource("/events", Kind::Bookings, [post().to(events::create), get().to(events::list)]))
        .service(resource(
            "/profile",
            Kind::Bookings,
            [get().to(profile::read), put().to(profile::write), delete().to(profile::remove)],
        ))
        .service(resource("/audit-log", Kind::Reads, [get().to(audit_log::read)]))
        .service(resource("/api-keys/{key_id}", Kind::Bookings, [delete().to(api_keys::revoke)]))
        // The answer is shown once, and kept nowhere for another time.
        .service(plain_resource("/api-keys", Kind::Bookings, [post().to(api_keys::create), get().to(api_keys::list)]))
        // It makes a new customer each time, and a key would be nobody's.
        .service(plain_resource("/sessions", Kind::Sessions, [post().to(sessions::create)]));
}

/// A path and its methods, and whose budget those that are no GET draw from; a POST may carry an Idempotency-Key.
fn resource<const METHODS: usize>(
    path: &str,
    kind: Kind,
    routes: [Route; METHODS],
) -> impl HttpServiceFactory + use<METHODS> {
    methods(path, routes).wrap(from_fn(move |request, next| guard::keyed(kind, request, next)))
}

/// The same without keys.
fn plain_resource<const METHODS: usize>(
    path: &str,
    kind: Kind,
    routes: [Route; METHODS],
) -> impl HttpServiceFactory + use<METHODS> {
    methods(path, routes).wrap(from_fn(move |request, next| guard::plain(kind, request, next)))
}

/// A path that may be read as often as anybody likes: probes, and what costs nothing.
fn unlimited(path: &str, route: Route) -> impl HttpServiceFactory + use<> {
    methods(path, [route]).wrap(from_fn(guard::unlimited))
}

/// A path's methods; any other is told so.
fn methods<const METHODS: usize>(path: &str, routes: [Route; METHODS]) -> Resource {
    let resource = web::resource(path).default_service(web::to(api_error::no_such_method));
    routes.into_iter().fold(resource, Resource::route)
}
