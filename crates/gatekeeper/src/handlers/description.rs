//! The API described by itself.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

use contract::paths;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::openapi;

/// `GET /api/openapi.json`.
pub async fn read() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(openapi::text())
}

/// `GET /api/docs/`: the same for people. All of its files are part of this program.
#[must_use]
pub fn swagger_ui() -> SwaggerUi {
    let config =
        Config::from(paths::OPENAPI).try_it_out_enabled(true).persist_authorization(false).validator_url("none");
    SwaggerUi::new(format!("{}/{{_:.*}}", paths::DOCS)).config(config)
}
