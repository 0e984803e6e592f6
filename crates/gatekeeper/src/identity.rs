//! Who is calling, from the bearer token.

use actix_web::{FromRequest, HttpRequest, dev, web};
use chassis::ApiError;
use chassis::credential::bearer;
use chassis::token::{Identity, Role, TokenKey};
use contract::{Code, CustomerId};

/// Whoever has a valid token.
#[derive(Debug, Clone, Copy)]
pub struct Caller(pub CustomerId);

/// Whoever has an administrator's token.
#[derive(Debug, Clone, Copy)]
pub struct Admin(pub CustomerId);

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(identity(request).map(|identity| Self(identity.customer_id)))
    }
}

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(identity(request).and_then(|identity| match identity.role {
            Role::Admin => Ok(Self(identity.customer_id)),
            Role::Guest => Err(ApiError::new(Code::Forbidden, "This takes an administrator's token.")),
        }))
    }
}

fn identity(request: &HttpRequest) -> Result<Identity, ApiError> {
    let refused = |detail| ApiError::new(Code::Unauthorized, detail);
    let token = bearer(request)
        .ok_or_else(|| refused("Send a token as Authorization: Bearer; POST /api/v1/sessions gives one."))?;
    let key = request.app_data::<web::Data<TokenKey>>().ok_or_else(|| refused("No tokens are accepted here."))?;
    key.verify(token).map_err(|_| refused("The token is not valid, or not any more."))
}
