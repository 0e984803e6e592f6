//! Which path leads to which handler.

use actix_web::web;
use chassis::{api_error, metrics};
use contract::paths;

use crate::handlers::{bookings, commits, events, health, idempotency, journal, trust};

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
        .route("/journal/behind", web::post().to(journal::behind))
        .route("/journal/wakes", web::get().to(journal::wakes))
        .route("/audit-log", web::post().to(trust::audit_log))
        .route("/api-keys", web::post().to(trust::create_key))
        .route("/api-keys", web::get().to(trust::keys))
        .route("/api-keys/working", web::get().to(trust::working_keys))
        .route("/api-keys/{key_id}", web::delete().to(trust::revoke_key))
        .route("/customers/{customer_id}/profile", web::get().to(trust::profile))
        .route("/customers/{customer_id}/profile", web::put().to(trust::put_profile))
        .route("/customers/{customer_id}/profile", web::delete().to(trust::remove_profile))
        .route("/customers/{customer_id}/bookings", web::get().to(bookings::list))
        .route("/customers/{customer_id}/bookings/{booking_id}", web::get().to(bookings::read))
        .route("/customers/{customer_id}/bookings/{booking_id}/confirm", web::post().to(bookings::confirm))
        .route("/customers/{customer_id}/bookings/{booking_id}/cancel", web::post().to(bookings::cancel));
}
