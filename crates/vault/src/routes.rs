//! Which path leads to which handler.

use actix_web::web;
use chassis::{api_error, metrics};
use contract::paths;

use crate::handlers::{api_keys, audit_log, bookings, commits, events, health, idempotency, journal, profiles};

/// Everything the vault answers.
pub fn configure(app: &mut web::ServiceConfig) {
    app.route(paths::HEALTH, web::get().to(health::alive))
        .route(paths::READY, web::get().to(health::ready))
        .route(paths::METRICS, web::get().to(metrics::expose))
        .service(web::scope(paths::INTERNAL).configure(internal))
        .default_service(web::to(api_error::no_such_path));
}

fn internal(app: &mut web::ServiceConfig) {
    app.route("/commits", web::post().to(commits::commit))
        .route("/resolve", web::post().to(commits::resolve))
        .route("/idempotency", web::post().to(idempotency::decide))
        .route("/events", web::post().to(events::create))
        .route("/events", web::get().to(events::list))
        .route("/events/{event_id}", web::get().to(events::read))
        .route("/events/{event_id}", web::patch().to(events::change))
        .route("/events/{event_id}/epoch", web::post().to(events::issue_epoch))
        .route("/events/{event_id}/audit", web::get().to(events::audit))
        .route("/events/{event_id}/journal", web::get().to(journal::read))
        .route("/events/{event_id}/changes", web::post().to(audit_log::enter))
        .route("/journal/behind", web::post().to(journal::behind))
        .route("/journal/wakes", web::get().to(journal::wakes))
        .route("/audit-log", web::post().to(audit_log::page))
        .route("/api-keys", web::post().to(api_keys::create))
        .route("/api-keys", web::get().to(api_keys::list))
        .route("/api-keys/working", web::get().to(api_keys::list_working))
        .route("/api-keys/{key_id}", web::delete().to(api_keys::revoke))
        .route("/customers/{customer_id}/profile", web::get().to(profiles::read))
        .route("/customers/{customer_id}/profile", web::put().to(profiles::write))
        .route("/customers/{customer_id}/profile", web::delete().to(profiles::remove))
        .route("/customers/{customer_id}/bookings", web::get().to(bookings::list))
        .route("/customers/{customer_id}/bookings/{booking_id}", web::get().to(bookings::read))
        .route("/customers/{customer_id}/bookings/{booking_id}/confirm", web::post().to(bookings::confirm))
        .route("/customers/{customer_id}/bookings/{booking_id}/cancel", web::post().to(bookings::cancel));
}
