//! One middleware around every request: its id, its time, and one line when it went wrong.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};

use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::{span, trace};

/// Taken from the proxy when it looks like an id, else made here; returned to the client and logged.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a request is called, for handlers; in its extensions.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Letters, digits and hyphens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

tokio::task_local! {
    /// The request that is being answered, for whoever makes its problem.
    static CURRENT: HeaderValue;
}

/// What the request that is being answered is called.
#[must_use]
pub fn current_request_id() -> Option<HeaderValue> {
    CURRENT.try_with(HeaderValue::clone).ok()
}

const REQUEST_ID_LEN_MAX: usize = 64;

/// For `actix_web::middleware::from_fn`.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let request_id = request_id(&request);
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let span = span_of(&request, &request_id);
    let answered = CURRENT.scope(request_id.clone(), next.call(request));
    let mut response = answered.instrument(span.clone()).await?;

    let (status, took) = (response.status().as_u16(), started.elapsed());
    let request = response.request();
    let route = request.match_pattern();
    let route = route.as_deref().unwrap_or("none");
    if let Some(metrics) = request.app_data::<web::Data<Metrics>>() {
        metrics.observe_request(route, request.method().as_str(), status, took);
    }
    span.record("http.route", route).record("http.response.status_code", status);
    let name = request_id.to_str().unwrap_or_default();
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
        let cause = response.response().error().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(
            route,
            status,
            cause,
            request_id = name,
            trace_id = trace::id(request.headers()),
            "request failed"
        );
    } else {
        tracing::debug!(
            route,
            status,
            took_us = took.as_micros(),
            request_id = name,
            trace_id = trace::id(request.headers()),
            "request served"
        );
    }
    let is_last = request.app_data::<web::Data<Shutdown>>().is_some_and(|shutdown| shutdown.is_begun());
    response.headers_mut().insert(REQUEST_ID.clone(), request_id);
    if is_last && status != 101 {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// The request as a part of its trace. It says what was asked and how it ended, never by whom.
fn span_of(request: &ServiceRequest, request_id: &HeaderValue) -> Span {
    let span = span!(
        "request",
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        http.route = Empty,
        http.response.status_code = Empty,
        request_id = request_id.to_str().unwrap_or_default(),
    );
    trace::continue_from(&span, request.headers());
    span
}

fn request_id(request: &ServiceRequest) -> HeaderValue {
    let given = request.headers().get(&REQUEST_ID);
    let plain = |value: &&HeaderValue| {
        (1..=REQUEST_ID_LEN_MAX).contains(&value.len())
            && value.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    given.filter(plain).cloned().unwrap_or_else(|| {
        let mut text = [0; uuid::fmt::Simple::LENGTH];
        HeaderValue::from_str(uuid::Uuid::new_v4().simple().encode_lower(&mut text))
            .unwrap_or_else(|_| HeaderValue::from_static("-"))
    })
}
