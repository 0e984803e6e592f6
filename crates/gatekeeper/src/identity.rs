//! Who is calling, from the bearer token.

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev, web};
use chassis::ApiError;
use chassis::credential::bearer;
use chassis::token::{Identity, Role, TokenKeys};
use contract::{Code, CustomerId};

/// Whoever has a valid token.
#[derive(Debug, Clone, Copy)]
pub struct Caller(pub CustomerId);

/// Whoever may control and audit sales.
#[derive(Debug, Clone, Copy)]
pub struct Operator(Identity);

/// Whoever may make and change events.
#[derive(Debug, Clone, Copy)]
pub struct Admin(pub CustomerId);

impl Operator {
    /// The same as an administrator, or the 403 that says that it takes one.
    pub fn admin(self) -> Result<Admin, ApiError> {
        permitted(self.0, Role::Admin).map(|identity| Admin(identity.customer_id))
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(of(request).map(|identity| Self(identity.customer_id)))
    }
}

impl FromRequest for Operator {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(of(request).and_then(|identity| permitted(identity, Role::Operator)).map(Self))
    }
}

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        std::future::ready(Operator::from_request(request, payload).into_inner().and_then(Operator::admin))
    }
}

fn permitted(identity: Identity, needed: Role) -> Result<Identity, ApiError> {
    if identity.role >= needed {
        return Ok(identity);
    }
    let whose = if needed == Role::Admin { "an administrator's" } else { "an operator's" };
    Err(ApiError::new(Code::Forbidden, format!("This takes {whose} token.")))
}

/// The token is checked once a request, whoever asks first.
#[derive(Clone)]
struct Checked(Result<Identity, ApiError>);

/// Who is calling, or the 401.
pub fn of(request: &HttpRequest) -> Result<Identity, ApiError> {
    if let Some(Checked(known)) = request.extensions().get::<Checked>() {
        return known.clone();
    }
    let checked = check(request);
    request.extensions_mut().insert(Checked(checked.clone()));
    checked
}

fn check(request: &HttpRequest) -> Result<Identity, ApiError> {
    let refused = |detail| ApiError::new(Code::Unauthorized, detail);
    let token = bearer(request)
        .ok_or_else(|| refused("Send a token as Authorization: Bearer; POST /api/v1/sessions gives one."))?;
    let keys = request.app_data::<web::Data<TokenKeys>>().ok_or_else(|| refused("No tokens are accepted here."))?;
    keys.verify(token).map_err(|_| refused("The token is not valid, or not any more."))
}
