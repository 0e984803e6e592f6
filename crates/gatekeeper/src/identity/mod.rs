//! Who is calling: by a token of our own, by one of an issuer we were told of, or by an API key. Checked here alone, without a
//! call.

pub mod api_keys;
pub mod oidc;

use std::sync::Arc;

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev, web};
use chassis::ApiError;
use chassis::credential::bearer;
use chassis::telemetry::RequestId;
use chassis::token::{Identity, Role, TokenKeys};
use contract::api::KeyRole;
use contract::origin::ActorKind;
use contract::{ApiKeyId, Code, CustomerId, Origin};
use uuid::Uuid;

use api_keys::KeyRing;
use oidc::Issuers;

/// Names the visitor that a box office acts for.
pub const VISITOR_HEADER: &str = "onsale-visitor";
/// Longest name of a visitor, in characters.
const VISITOR_LEN_MAX: usize = 200;

/// Every way to show who one is. Clones share what they know.
#[derive(Clone)]
pub struct Credentials {
    /// Of our own tokens.
    pub token_keys: TokenKeys,
    /// Whose tokens count besides.
    pub issuers: Issuers,
    /// Keys of box offices and programs.
    pub api_keys: KeyRing,
}

/// Whose a token or a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Token(Identity),
    Key(ApiKeyId, KeyRole),
}

/// Why nobody is known by a token or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unidentified {
    /// It is not valid, or not any more.
    Invalid,
    /// Nobody can tell now.
    Unknown,
}

impl Credentials {
    /// Whether it is somebody's, or why not.
    pub fn check(&self, text: &str) -> Result<(), Unidentified> {
        self.identify(text).map(|_| ())
    }

    fn identify(&self, text: &str) -> Result<Shown, Unidentified> {
        if let Some(key) = self.api_keys.verify(text) {
            let (key, role) = key?;
            return Ok(Shown::Key(key, role));
        }
        let identity = match self.issuers.verify(text) {
            Some(identity) => identity?,
            None => self.token_keys.verify(text).map_err(|_| Unidentified::Invalid)?,
        };
        Ok(Shown::Token(identity))
    }
}

/// Somebody with a valid token or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Whose holds and bookings these are.
    pub customer_id: CustomerId,
    /// What they may do.
    pub role: Role,
    /// The key they have shown.
    pub key: Option<ApiKeyId>,
}

/// Whoever has a valid token or key, and may buy.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose holds and bookings these are.
    pub customer: CustomerId,
    /// For the audit log.
    pub origin: Origin,
}

/// Whoever may control and audit sales.
#[derive(Debug, Clone)]
pub struct Operator {
    /// For the audit log.
    pub origin: Origin,
    known: Known,
}

/// Whoever may make and change events.
#[derive(Debug, Clone)]
pub struct Admin {
    /// For the audit log.
    pub origin: Origin,
}

impl Operator {
    /// The same as an administrator, or the 403 that says that it takes one.
    pub fn admin(&self) -> Result<Admin, ApiError> {
        permitted(self.known, Role::Admin).map(|_| Admin { origin: self.origin.clone() })
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let caller = |known: Known| Self { customer: known.customer_id, origin: origin(request, known) };
        std::future::ready(of(request).map(caller))
    }
}

impl FromRequest for Operator {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let operator = |known| Self { origin: origin(request, known), known };
        std::future::ready(of(request).and_then(|known| permitted(known, Role::Operator)).map(operator))
    }
}

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let admin = |known| Self { origin: origin(request, known) };
        std::future::ready(of(request).and_then(|known| permitted(known, Role::Admin)).map(admin))
    }
}

fn permitted(known: Known, needed: Role) -> Result<Known, ApiError> {
    if known.role >= needed {
        return Ok(known);
    }
    let whose = if needed == Role::Admin { "an administrator's" } else { "an operator's" };
    Err(ApiError::new(Code::Forbidden, format!("This takes {whose} token.")))
}

fn origin(request: &HttpRequest, known: Known) -> Origin {
    let (kind, actor) = match (known.key, known.role) {
        (Some(key), _) => (ActorKind::ApiKey, key.0),
        (None, Role::Customer) => (ActorKind::Customer, known.customer_id.0),
        (None, Role::Operator) => (ActorKind::Operator, known.customer_id.0),
        (None, Role::Admin) => (ActorKind::Admin, known.customer_id.0),
    };
    let request_id = request.extensions().get::<RequestId>().map(|id| id.as_str().to_owned()).unwrap_or_default();
    Origin { kind, actor: Some(actor), request_id }
}

/// A token is checked once a request, whoever asks first.
#[derive(Clone)]
struct Checked(Result<Known, Arc<ApiError>>);

/// Who is calling; or the 401, or the 503 if nobody can tell.
pub fn of(request: &HttpRequest) -> Result<Known, ApiError> {
    if let Some(Checked(known)) = request.extensions().get::<Checked>() {
        return known.clone().map_err(|error| (*error).clone());
    }
    let checked = check(request);
    request.extensions_mut().insert(Checked(checked.clone().map_err(Arc::new)));
    checked
}

fn check(request: &HttpRequest) -> Result<Known, ApiError> {
    let refused = |detail| ApiError::new(Code::Unauthorized, detail);
    let token = bearer(request)
        .ok_or_else(|| refused("Send a token as Authorization: Bearer; POST /api/v1/sessions gives one."))?;
    let credentials = request.app_data::<web::Data<Credentials>>();
    let credentials = credentials.ok_or_else(|| refused("No tokens are accepted here."))?;
    let visitor = visitor(request)?;
    match credentials.identify(token) {
        Ok(Shown::Token(Identity { customer_id, role })) => Ok(Known { customer_id, role, key: None }),
        Ok(Shown::Key(key, role)) => Ok(key_holder(key, role, visitor)),
        Err(Unidentified::Invalid) => Err(refused("The token is not valid, or not any more.")),
        // No refusal: it may well be good.
        Err(Unidentified::Unknown) => {
            Err(ApiError::new(Code::Unavailable, "Tokens of this kind cannot be checked now. Nothing was done."))
        }
    }
}

/// A box office acts for the visitor it names, who is a customer of its own: no key reaches another's customers, nor those
/// who buy for themselves.
fn key_holder(key: ApiKeyId, role: KeyRole, visitor: Option<&str>) -> Known {
    let role = match role {
        KeyRole::BoxOffice => Role::Customer,
        KeyRole::Operator => Role::Operator,
    };
    let customer = visitor.map_or(key.0, |name| Uuid::new_v5(&key.0, name.as_bytes()));
    Known { customer_id: CustomerId(customer), role, key: Some(key) }
}

/// The visitor that is named. Only a key's holder is heard about it, but what is no name is one from nobody.
fn visitor(request: &HttpRequest) -> Result<Option<&str>, ApiError> {
    let mut named = request.headers().get_all(VISITOR_HEADER);
    let Some(name) = named.next() else { return Ok(None) };
    let is_plain = |name: &&str| {
        (1..=VISITOR_LEN_MAX).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    };
    let name = name.to_str().ok().filter(is_plain).filter(|_| named.next().is_none());
    name.map(Some).ok_or_else(|| {
        ApiError::malformed(format!(
            "Onsale-Visitor is sent once and has 1 to {VISITOR_LEN_MAX} visible ASCII characters."
        ))
    })
}
