//! API keys of box offices and programs.

use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::ReqData;
use actix_web::{Error, FromRequest as _, HttpMessage as _, HttpResponse, ResponseError as _, web};
use chassis::token::TokenKeys;
use chassis::{ApiError, Json};
use contract::api::{ApiKeys, FreshApiKey, NewApiKey};
use contract::internal::KeptKey;
use contract::{ApiKeyId, Code};

use super::{GateData, IdempotencyKey};
use crate::attempt::Attempt;
use crate::idempotency::IDEMPOTENCY_KEY;
use crate::identity::api_keys::{Seed, make, make_again};
use crate::identity::{Admin, Credentials};
use crate::service::api_keys;

/// `POST /api-keys`.
// Its answer says no more of the key than is kept of it; `show_secret` sees to the rest.
#[utoipa::path(
    post,
    path = "/api-keys",
    tag = "api_keys",
    params(IdempotencyKey),
    request_body = NewApiKey,
    responses((status = 201, description = "The key, shown to this request and its repetitions alone; within two seconds it works at every replica", body = FreshApiKey)),
    security(("bearer" = []))
)]
pub async fn create(
    admin: Admin,
    gate: GateData,
    credentials: web::Data<Credentials>,
    attempt: Attempt,
    seed: ReqData<Seed>,
    Json(new): Json<NewApiKey>,
) -> Result<HttpResponse, ApiError> {
    let id = ApiKeyId(attempt.rid.0);
    let text = make(&credentials.token_keys, id, &seed).map_err(|_| cannot_make())?;
    let kept = api_keys::create(&gate, &credentials.api_keys, &admin.origin, new, id, &text).await?;
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store"))).json(kept))
}

/// Puts the key into the answer of [`create`], be it the first or one that was kept: made again of what the request brings. A
/// repetition does not come to the handler, so who asks is looked at here.
pub async fn show_secret(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.method() != Method::POST {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let seed = Seed::of(request.headers().get(&IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok()));
    request.extensions_mut().insert(seed.clone());
    let response = next.call(request).await?.map_into_boxed_body();
    if response.status() != StatusCode::CREATED {
        return Ok(response);
    }
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let body = to_bytes(body).await.unwrap_or_default();
    let shown = Admin::extract(&request).await.and_then(|_| {
        let credentials = request.app_data::<web::Data<Credentials>>().ok_or_else(cannot_make)?;
        with_secret(&credentials.token_keys, &seed, &body)
    });
    let reply = match shown {
        Ok(body) => head.set_body(body).map_into_boxed_body(),
        Err(error) => {
            let mut reply = error.error_response();
            let kept = head.headers().iter().filter(|(name, _)| *name != CONTENT_TYPE);
            for (name, value) in kept {
                reply.headers_mut().insert(name.clone(), value.clone());
            }
            reply
        }
    };
    Ok(ServiceResponse::new(request, reply))
}

fn with_secret(token_keys: &TokenKeys, seed: &Seed, answer: &[u8]) -> Result<String, ApiError> {
    let KeptKey { key, secret_digest } = serde_json::from_slice(answer).map_err(|_| cannot_make())?;
    let text = make_again(token_keys, key.key_id, seed, &secret_digest).map_err(|_| cannot_make())?;
    let Some(api_key) = text else {
        let detail = "was made by a token key that is gone, and cannot be shown again. Revoke it, and make another with \
                      another Idempotency-Key.";
        return Err(ApiError::new(Code::Gone, format!("The key {} {detail}", key.key_id)));
    };
    serde_json::to_string(&FreshApiKey { key, api_key }).map_err(|_| cannot_make())
}

fn cannot_make() -> ApiError {
    ApiError::new(Code::Internal, "No key could be made.")
}

/// `GET /api-keys`.
#[utoipa::path(
    get,
    path = "/api-keys",
    tag = "api_keys",
    responses((status = 200, description = "All keys without their secrets, the newest first", body = ApiKeys)),
    security(("bearer" = []))
)]
pub async fn list(_: Admin, gate: GateData) -> Result<web::Json<ApiKeys>, ApiError> {
    Ok(web::Json(ApiKeys { items: api_keys::list(&gate).await? }))
}

/// `DELETE /api-keys/{key_id}`.
#[utoipa::path(
    delete,
    path = "/api-keys/{key_id}",
    tag = "api_keys",
    params(("key_id" = ApiKeyId, Path, description = "The key")),
    responses((status = 204, description = "Revoked; within two seconds it works nowhere")),
    security(("bearer" = []))
)]
pub async fn revoke(
    admin: Admin,
    gate: GateData,
    credentials: web::Data<Credentials>,
    id: web::Path<ApiKeyId>,
) -> Result<HttpResponse, ApiError> {
    api_keys::revoke(&gate, &credentials.api_keys, &admin.origin, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use chassis::secret::digest;
    use contract::api::{ApiKeyView, KeyRole};
    use jiff::Timestamp;

    use super::*;

    fn kept(token_keys: &TokenKeys, seed: &Seed) -> (String, Vec<u8>) {
        let id = ApiKeyId::fresh();
        let text = make(token_keys, id, seed).unwrap();
        let (name, created_at) = ("Box office".into(), Timestamp::UNIX_EPOCH);
        let key = ApiKeyView { key_id: id, name, role: KeyRole::BoxOffice, created_at, revoked_at: None };
        let answer = KeptKey { key, secret_digest: digest(text.as_bytes()) };
        (text, serde_json::to_vec(&answer).unwrap())
    }

    #[test]
    fn a_key_is_shown_until_its_token_key_is_forgotten_and_then_it_is_named() {
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        let both = format!("{new},{old}");
        let [old, new, both]: [TokenKeys; 3] = [old, new, both].map(|text| text.parse().unwrap());
        let seed = Seed::of(Some("once"));
        let (text, answer) = kept(&old, &seed);
        for known in [&old, &both] {
            let fresh: FreshApiKey = serde_json::from_str(&with_secret(known, &seed, &answer).unwrap()).unwrap();
            assert_eq!(fresh.api_key, text);
        }
        let id = serde_json::from_slice::<KeptKey>(&answer).unwrap().key.key_id.to_string();
        for (known, seed) in [(&new, &seed), (&old, &Seed::of(Some("twice"))), (&old, &Seed::of(None))] {
            let problem = with_secret(known, seed, &answer).unwrap_err().0;
            assert!(problem.code == Code::Gone && problem.detail.contains(&id), "{problem:?}");
        }
        assert_eq!(with_secret(&old, &seed, b"{}").unwrap_err().0.code, Code::Internal);
    }
}
