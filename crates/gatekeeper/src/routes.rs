//! Which path leads to which handler.

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Resource, Responder, Route};
use chassis::{api_error, metrics};
use contract::paths;

use crate::guard;
use crate::handlers::{
    activity, api_keys, audit_log, bookings, description, events, health, holds, live, profile, seats, sessions,
};
use crate::limits::Kind;

/// Everything the gatekeeper answers.
pub fn configure(app: &mut ServiceConfig) {
    // In front, since those after it are looked at in turn, and some by a regex.
    app.service(web::scope(paths::API).configure(api))
        .service(unlimited(paths::HEALTH, get(health::alive)))
        .service(unlimited(paths::READY, get(health::ready)))
        .service(unlimited(paths::METRICS, get(metrics::expose)))
        .service(unlimited(paths::OPENAPI, get(description::read)))
        .service(web::redirect(paths::DOCS, "/api/docs/"))
        .service(description::swagger_ui())
        .default_service(web::to(api_error::no_such_path));
}

fn api(api: &mut ServiceConfig) {
    api.service(resource("/bookings", Kind::Bookings, [post(bookings::create), get(bookings::list)]))
        .service(resource("/bookings/{booking_id}", Kind::Bookings, [get(bookings::read)]))
        .service(resource("/bookings/{booking_id}/confirm", Kind::Bookings, [post(bookings::confirm)]))
        .service(resource("/bookings/{booking_id}/cancel", Kind::Bookings, [post(bookings::cancel)]))
        .service(resource("/events/{event_id}/holds", Kind::Holds, [post(holds::create)]))
        .service(resource(
            "/events/{event_id}/holds/{hold_id}",
            Kind::Holds,
            [get(holds::read), delete(holds::release)],
        ))
        .service(resource("/events/{event_id}/holds/{hold_id}/extend", Kind::Holds, [post(holds::extend)]))
        .service(resource("/events/{event_id}/seats/{seat}/lock", Kind::Holds, [post(seats::lock)]))
        .service(resource("/events/{event_id}/seats/{seat}/unlock", Kind::Holds, [post(seats::unlock)]))
        .service(resource("/events/{event_id}/seats", Kind::Reads, [get(seats::states)]))
        .service(resource("/events/{event_id}/seatmap", Kind::Reads, [get(seats::map)]))
        .service(resource("/events/{event_id}/tickets", Kind::Reads, [get(seats::available)]))
        .service(resource("/events/{event_id}/tickets/all", Kind::Reads, [get(seats::all)]))
        .service(resource("/events/{event_id}/live", Kind::Reads, [get(live::watch)]))
        .service(resource("/events/{event_id}/activity", Kind::Reads, [get(activity::read)]))
        .service(resource("/events/{event_id}/audit", Kind::Reads, [get(events::audit)]))
        .service(resource("/events/{event_id}", Kind::Bookings, [get(events::read), patch(events::change)]))
        .service(resource("/events", Kind::Bookings, [post(events::create), get(events::list)]))
        .service(resource(
            "/profile",
            Kind::Bookings,
            [get(profile::read), put(profile::write), delete(profile::remove)],
        ))
        .service(resource("/audit-log", Kind::Reads, [get(audit_log::read)]))
        .service(resource("/api-keys/{key_id}", Kind::Bookings, [delete(api_keys::revoke)]))
        .service(secret_resource("/api-keys", Kind::Bookings, [post(api_keys::create), get(api_keys::list)]))
        // It makes a new customer each time, and a key would be nobody's.
        .service(plain_resource("/sessions", Kind::Sessions, [post(sessions::create)]));
}

/// A method and its handler.
type Way = (Method, Route);

/// A path and its methods, and whose budget those that are no GET draw from; a POST may carry an Idempotency-Key.
fn resource<const WAYS: usize>(path: &str, kind: Kind, ways: [Way; WAYS]) -> impl HttpServiceFactory + use<WAYS> {
    methods(path, ways).wrap(from_fn(move |request, next| guard::keyed(kind, request, next)))
}

/// The same where answers have an API key in them: it is put in by an outer layer, so that none that is kept has it.
fn secret_resource<const WAYS: usize>(
    path: &str,
    kind: Kind,
    ways: [Way; WAYS],
) -> impl HttpServiceFactory + use<WAYS> {
    let keyed = methods(path, ways).wrap(from_fn(move |request, next| guard::keyed(kind, request, next)));
    keyed.wrap(from_fn(api_keys::show_secret))
}

/// The same without keys.
fn plain_resource<const WAYS: usize>(path: &str, kind: Kind, ways: [Way; WAYS]) -> impl HttpServiceFactory + use<WAYS> {
    methods(path, ways).wrap(from_fn(move |request, next| guard::plain(kind, request, next)))
}

/// A path that may be read as often as anybody likes: probes, and what costs nothing.
fn unlimited(path: &str, way: Way) -> impl HttpServiceFactory + use<> {
    methods(path, [way]).wrap(from_fn(guard::unlimited))
}

/// A path's methods; any other is told which there are.
fn methods<const WAYS: usize>(path: &str, ways: [Way; WAYS]) -> Resource {
    let allowed: Vec<_> = ways.iter().map(|(method, _)| method.as_str()).collect();
    let allowed = allowed.join(", ");
    let refuse = move |method: Method| std::future::ready(api_error::no_such_method(&method, &allowed));
    let resource = web::resource(path).default_service(web::to(refuse));
    ways.into_iter().fold(resource, |resource, (_, route)| resource.route(route))
}

fn get<F: Handler<Args, Output: Responder + 'static>, Args: FromRequest + 'static>(handler: F) -> Way {
    (Method::GET, web::get().to(handler))
}

fn post<F: Handler<Args, Output: Responder + 'static>, Args: FromRequest + 'static>(handler: F) -> Way {
    (Method::POST, web::post().to(handler))
}

fn put<F: Handler<Args, Output: Responder + 'static>, Args: FromRequest + 'static>(handler: F) -> Way {
    (Method::PUT, web::put().to(handler))
}

fn patch<F: Handler<Args, Output: Responder + 'static>, Args: FromRequest + 'static>(handler: F) -> Way {
    (Method::PATCH, web::patch().to(handler))
}

fn delete<F: Handler<Args, Output: Responder + 'static>, Args: FromRequest + 'static>(handler: F) -> Way {
    (Method::DELETE, web::delete().to(handler))
}
