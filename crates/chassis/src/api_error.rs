//! A [`Problem`] as actix sends it. Each service maps its own errors to this, once, at its edge.

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use contract::{Code, Problem, problem};

use crate::telemetry;

/// What a handler returns instead of a reply.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {}", .0.code.as_str(), .0.detail)]
pub struct ApiError(pub Box<Problem>);

impl ApiError {
    /// An error of this code with a sentence of its own.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(code, detail)))
    }

    /// 400 with what is wrong.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Code::Malformed, detail)
    }

    /// 503 for a dependency that does not answer. The cause is logged; the client learns no more than that.
    #[must_use]
    pub fn unavailable(cause: &dyn std::error::Error) -> Self {
        tracing::warn!(cause = %cause, "a dependency does not answer");
        Self::new(
            Code::Unavailable,
            "A part of the service does not answer. The request may or may not have been carried out.",
        )
    }

    /// 404 that does not say whether the thing exists.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}."))
    }
}

impl ApiError {
    /// The problem as JSON, with the id of the request that is being answered. Nearly every answer of an on-sale night is one:
    /// the id, which is letters, digits and hyphens, is put at the end rather than into a copy of the problem.
    fn told(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(&self.0).unwrap_or_default();
        if let Some(id) = telemetry::current_request_id()
            && self.0.request_id.is_none()
            && text.pop() == Some(b'}')
        {
            text.extend_from_slice(b",\"request_id\":\"");
            text.extend_from_slice(id.as_bytes());
            text.extend_from_slice(b"\"}");
        }
        text
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE)));
        response.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
        if let Some(seconds) = self.0.retry_after_seconds {
            response.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        if self.0.code == Code::Unauthorized {
            response.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        response.body(self.told())
    }
}

/// The default service: whatever no route matched.
pub async fn no_such_path(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(ApiError::new(Code::NotFound, format!("Nothing is at {}.", request.path())))
}

/// The default service of a resource: the path is right and the method is not.
#[must_use]
pub fn no_such_method(method: &Method, allowed: &str) -> HttpResponse {
    let error = ApiError::new(Code::MethodNotAllowed, format!("{method} is not possible here; {allowed} is."));
    let mut response = error.error_response();
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// Turns a path segment that does not parse into a 404: no such thing can exist.
#[must_use]
pub fn path_error(_: actix_web::error::PathError, _: &HttpRequest) -> actix_web::Error {
    ApiError::not_found("thing").into()
}

/// Turns a query string that does not parse into a 400 that says why.
#[must_use]
pub fn query_error(error: actix_web::error::QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    ApiError::malformed(error.to_string()).into()
}
