//! A JSON body, bounded and with every mistake answered as a problem.

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, dev, web};
use contract::Code;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use crate::ApiError;

/// How large a body may be, in bytes; put into the app's data to change it.
#[derive(Clone, Copy)]
pub struct BodyLimit(pub usize);

impl Default for BodyLimit {
    fn default() -> Self {
        Self(64 * 1024)
    }
}

/// How much is said of a mistake, in characters.
const ERROR_CHARS_MAX: usize = 300;

/// Extracts a body of type `T`. 415 for another content type, 413 above [`BodyLimit`], 400 for what does not parse.
pub struct Json<T>(pub T);

/// Like [`Json`], but a request without a body, or with `null`, gives `T::default()`.
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let ready = check_head(request);
        let payload = payload.take();
        Box::pin(async move {
            let limit = ready?;
            parse(&read(payload, limit).await?).map(Self)
        })
    }
}

impl<T: DeserializeOwned + Default + 'static> FromRequest for OptionalJson<T> {
    type Error = ApiError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let limit = body_limit(request);
        let head = check_head(request);
        let payload = payload.take();
        Box::pin(async move {
            let body = read(payload, limit).await?;
            if body.is_empty() {
                return Ok(Self(T::default()));
            }
            head?;
            if body.trim_ascii() == b"null" {
                return Ok(Self(T::default()));
            }
            parse(&body).map(Self)
        })
    }
}

/// How large this request's body may be, in bytes.
#[must_use]
pub fn body_limit(request: &HttpRequest) -> usize {
    request.app_data::<BodyLimit>().copied().unwrap_or_default().0
}

fn check_head(request: &HttpRequest) -> Result<usize, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let detail =
            format!("Send the body as application/json, not {:?}.", essence.chars().take(64).collect::<String>());
        return Err(ApiError::new(Code::UnsupportedMediaType, detail));
    }
    Ok(body_limit(request))
}

/// The whole body; 413 above the limit.
pub async fn read(mut payload: dev::Payload, limit: usize) -> Result<web::BytesMut, ApiError> {
    let mut body = web::BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::malformed("The body ended early."))?;
        if body.len() + chunk.len() > limit {
            return Err(ApiError::new(Code::PayloadTooLarge, format!("A body may have at most {limit} bytes.")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A body's object, or the 400 that says what is wrong with it.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // serde would take a list of a struct's fields for the struct.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(ApiError::malformed("The body is not what was expected: a JSON object."));
    }
    serde_json::from_slice(body).map_err(|error| {
        // It quotes what was sent, which may be long.
        let error: String = error.to_string().chars().take(ERROR_CHARS_MAX).collect();
        ApiError::malformed(format!("The body is not what was expected: {error}."))
    })
}
