//! The live feed's door.

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::{CloseCode, CloseReason};
use chassis::ApiError;
use chassis::credential::bearer;
use contract::live::close;
use contract::{Code, EventId};

use super::GateData;
use crate::cors::AllowedOrigins;
use crate::feed::watcher::{self, Outgoing, Rejoining};
use crate::feed::{Feed, NoRoom};
use crate::identity::{Credentials, Unidentified};

/// The protocol a browser asks for when it offers a token beside it, as `bearer.<token>`: it can send no other header.
const PROTOCOL: &str = "onsale.live";
const TOKEN_PREFIX: &str = "bearer.";

/// `GET /events/{event_id}/live`.
#[utoipa::path(
    get,
    path = "/events/{event_id}/live",
    tag = "live",
    params(("event_id" = EventId, Path, description = "The event")),
    responses((status = 101, description = "A WebSocket of LiveMessage; takes LiveRequest"))
)]
pub async fn watch(
    gate: GateData,
    feed: web::Data<Feed>,
    id: web::Path<EventId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let event = gate.event(*id).await?;
    let place = feed.take_place().map_err(no_room)?;
    let (response, session, stream) = actix_ws::handle_with_protocols(&request, payload, &[PROTOCOL])
        .map_err(|_| ApiError::malformed("Open this as a WebSocket (RFC 6455)."))?;
    if let Some((code, reason, label)) = refusal(&request) {
        feed.metrics.closed.with_label_values(&[label]).inc();
        // Told by a code, which a page can read; the answer to an upgrade it cannot.
        let reason = CloseReason { code: CloseCode::Other(code), description: Some(reason.to_owned()) };
        rt::spawn(session.close(Some(reason)));
        return Ok(response);
    }
    let joined = feed.join(&event).await.map_err(no_room)?;
    let rejoining = Rejoining::default();
    let metrics = feed.metrics.clone();
    rt::spawn(watcher::attend(feed.as_ref().clone(), event, session, stream, rejoining.clone()));
    Ok(response.map_body(|_, answers| Outgoing::new(answers, joined, rejoining, place, metrics)).map_into_boxed_body())
}

fn no_room(_: NoRoom) -> ApiError {
    ApiError::new(Code::Unavailable, "This replica has no room for another watcher. Connect again.")
}

/// The close code, its reason and the metric's label for whoever may not watch.
fn refusal(request: &HttpRequest) -> Option<(u16, &'static str, &'static str)> {
    if !is_allowed_origin(request) {
        return Some((close::WRONG_ORIGIN, "not from this origin", "wrong_origin"));
    }
    let offered = offered_token(request.headers()).or_else(|| bearer(request));
    let credentials = request.app_data::<web::Data<Credentials>>()?;
    match credentials.check(offered?) {
        Ok(()) => None,
        Err(Unidentified::Invalid) => Some((close::UNAUTHORIZED, "the token is not valid", "unauthorized")),
        // It may well be good: to come back is what this code asks for.
        Err(Unidentified::Unknown) => Some((close::TRY_AGAIN, "the token cannot be checked now", "unchecked")),
    }
}

fn offered_token(headers: &HeaderMap) -> Option<&str> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).find_map(|protocol| protocol.trim().strip_prefix(TOKEN_PREFIX))
}

/// A browser names the page's origin, and nobody can make it lie; whoever names none is no browser.
fn is_allowed_origin(request: &HttpRequest) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let is_own = origin.split_once("://").is_some_and(|(_, named)| Some(named) == host);
    let allowed = request.app_data::<web::Data<AllowedOrigins>>();
    is_own || allowed.is_some_and(|allowed| allowed.includes(origin))
}
