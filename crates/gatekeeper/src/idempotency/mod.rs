//! Idempotency-Key: a POST that carries one is carried out once, and every repetition gets the first answer. See
//! docs/TRUST.md.

mod queue;

use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _, web,
};
use chassis::secret::digest;
use chassis::{ApiError, json};
use contract::idempotency::{KeptAnswer, KeyCommand, KeyReply, KeyScope};
use contract::{Code, CustomerId, ReservationId, problem};

pub use queue::{KeyQueue, KeysUnavailable};

use crate::attempt::Attempt;
use crate::identity::Caller;

/// The request's header.
pub static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The reply's, on an answer that was given before.
pub static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The longest key, in bytes.
const KEY_LEN_MAX: usize = 255;
/// How long a keyed request is worked on, from before it is claimed: shorter than the vault's claim, after which another
/// may continue it.
const RUN_MAX: Duration = Duration::from_secs(10);
/// Tries to have an answer kept, and the wait between them.
const KEEP_TRIES_MAX: u32 = 3;
const KEEP_WAIT: Duration = Duration::from_millis(100);

impl FromRequest for Attempt {
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let chosen = request.extensions().get::<Self>().copied();
        std::future::ready(Ok(chosen.unwrap_or_else(Self::fresh)))
    }
}

/// Put into a reply's extensions: the attempt can never succeed, and whoever tries again needs another.
#[derive(Debug, Clone, Copy)]
pub struct Voided;

/// A key that was claimed, for one turn.
struct Claim {
    keys: web::Data<KeyQueue>,
    scope: KeyScope,
    attempt: Attempt,
    turn: i64,
}

/// Goes on with the request, unless its key has an answer already.
pub async fn keep(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // Whoever has no valid token is told so by the handler.
    let caller = if request.headers().contains_key(&IDEMPOTENCY_KEY) && request.method() == Method::POST {
        request.extract::<Caller>().await.ok()
    } else {
        None
    };
    let keys = request.app_data::<web::Data<KeyQueue>>().cloned();
    let (Some(Caller { customer, .. }), Some(keys)) = (caller, keys) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    // Boxed, or every request would be moved about at the size of one with a key.
    Box::pin(answer_once(keys, customer, request, next)).await
}

async fn answer_once(
    keys: web::Data<KeyQueue>,
    customer: CustomerId,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (scope, body_digest) = match read(&mut request, customer).await {
        Ok(read) => read,
        Err(error) => return Ok(request.error_response(error)),
    };
    let until = Instant::now() + RUN_MAX;
    let claim = KeyCommand::Claim { scope: scope.clone(), body_digest, rid: ReservationId::fresh() };
    match keys.ask(claim).await {
        Ok(KeyReply::Claimed { rid, turn, is_repeat }) => {
            let attempt = Attempt { rid: rid_as_built(rid), is_keyed: true, is_repeat, until: Some(until) };
            carry_out(Claim { keys, scope, attempt, turn }, request, next).await
        }
        Ok(KeyReply::Answered(answer)) => Ok(request.into_response(replay(answer))),
        Ok(KeyReply::Reused) => {
            let detail = "This Idempotency-Key was used before, with another body. Nothing was done.";
            Ok(request.error_response(ApiError::new(Code::KeyReused, detail)))
        }
        Ok(KeyReply::InProgress) => {
            let detail =
                "The first request with this Idempotency-Key is still being carried out. Ask again for its answer.";
            Ok(request.error_response(ApiError::new(Code::InProgress, detail)))
        }
        Ok(_) | Err(KeysUnavailable) => Ok(request.error_response(unavailable())),
    }
}

/// The key's scope and the body's digest. The body is put back for the handler.
async fn read(request: &mut ServiceRequest, customer_id: CustomerId) -> Result<(KeyScope, String), ApiError> {
    let mut given = request.headers().get_all(&IDEMPOTENCY_KEY);
    let key = given.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_good = (1..=KEY_LEN_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_good || given.next().is_some() {
        return Err(ApiError::malformed(format!(
            "Idempotency-Key is sent once and has 1 to {KEY_LEN_MAX} visible ASCII characters."
        )));
    }
    let text = format!("{} {}\n{key}", request.method(), request.path());
    let scope = KeyScope { customer_id: customer_as_built(customer_id), digest: digest(text.as_bytes()) };
    let body = json::read(request.take_payload(), json::body_limit(request.request())).await?.freeze();
    let body_digest = digest(&body);
    request.set_payload(Payload::from(body));
    Ok((scope, body_digest))
}

/// Carries the request out within its time, and tells only what was kept or need not be.
async fn carry_out(
    claim: Claim,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    request.extensions_mut().insert(claim.attempt);
    let asked = request.request().clone();
    let until = claim.attempt.until.unwrap_or_else(Instant::now).into();
    let Ok(response) = tokio::time::timeout_at(until, next.call(request)).await else {
        // The claim ends by itself: something of the request may be under way until then.
        let error = ApiError::new(
            Code::Unavailable,
            "The request took too long. Send it again with the same Idempotency-Key to learn what became of it.",
        );
        return Ok(ServiceResponse::new(asked, error.error_response()));
    };
    let response = response?.map_into_boxed_body();
    if is_for_good(&response) {
        return Ok(claim.keep(response).await);
    }
    let is_void = response.response().extensions().get::<Voided>().is_some();
    claim.free(is_void).await;
    Ok(response)
}

/// Whether it was decided, even if it would be decided otherwise at another time. What failed, what passes by itself and
/// what was not even looked at was not.
fn is_for_good<B>(response: &ServiceResponse<B>) -> bool {
    let status = response.status();
    let is_definite = status.is_success() || matches!(status.as_u16(), 403 | 404 | 409 | 410 | 422);
    is_definite && !response.headers().contains_key(RETRY_AFTER)
}

impl Claim {
    async fn keep(self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let (request, response) = response.into_parts();
        let (response, body) = response.into_parts();
        let Ok(body) = to_bytes(body).await else {
            return ServiceResponse::from_err(ApiError::new(Code::Internal, "The gatekeeper failed."), request);
        };
        chassis::faults::crash_point("gatekeeper-before-keep");
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = String::from_utf8_lossy(&body).into_owned();
        let answer = KeptAnswer { status: response.status().as_u16(), body: text, location };
        // Test builds can be made to fail at this.
        let tries = if chassis::faults::is_on("answers-not-kept") { 0 } else { KEEP_TRIES_MAX };
        for _ in 0..tries {
            let keep = KeyCommand::Keep { scope: self.scope.clone(), turn: self.turn, answer: answer.clone() };
            match self.keys.ask(keep).await {
                Ok(KeyReply::Done) => {
                    return ServiceResponse::new(request, response.set_body(body).map_into_boxed_body());
                }
                // Kept by the try before this, or by another turn; this is what everybody is told.
                Ok(KeyReply::Answered(stands)) => return ServiceResponse::new(request, replay(stands)),
                _ => tokio::time::sleep(KEEP_WAIT).await,
            }
        }
        // What a repetition would be told otherwise is not told at all.
        ServiceResponse::from_err(unavailable(), request)
    }

    async fn free(self, is_void: bool) {
        let next = if is_void { ReservationId::fresh() } else { self.attempt.rid };
        // Should this fail, the key is free again when its claim is over.
        let _ = self.keys.ask(KeyCommand::Free { scope: self.scope, turn: self.turn, next }).await;
    }
}

/// An answer that was given before.
fn replay(answer: KeptAnswer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponseBuilder::new(status);
    response.insert_header((REPLAYED.clone(), HeaderValue::from_static("true")));
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    if let Some(location) = answer.location {
        response.insert_header((LOCATION, location));
    }
    if status == StatusCode::NO_CONTENT {
        return response.finish();
    }
    let kind = if status.is_success() { "application/json" } else { problem::CONTENT_TYPE };
    response.insert_header((CONTENT_TYPE, kind));
    response.body(Bytes::from(answer.body))
}

fn unavailable() -> ApiError {
    ApiError::new(
        Code::Unavailable,
        "What belongs to the Idempotency-Key cannot be looked up or kept now. Send the request again with the same key.",
    )
}

/// Test builds can be made to give everybody's keys to everybody.
fn customer_as_built(customer: CustomerId) -> CustomerId {
    if chassis::faults::is_on("keys-of-everyone") { CustomerId(uuid::Uuid::nil()) } else { customer }
}

/// Test builds can be made to forget under which id a request was begun.
fn rid_as_built(rid: ReservationId) -> ReservationId {
    if chassis::faults::is_on("fresh-rid-each-time") { ReservationId::fresh() } else { rid }
}
