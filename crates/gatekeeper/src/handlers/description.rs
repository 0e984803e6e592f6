//! The API described by itself.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

use crate::openapi;

/// `GET /api/openapi.json`.
pub async fn read() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(openapi::text())
}
