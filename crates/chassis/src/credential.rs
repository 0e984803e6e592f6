//! The service credential: what one service shows another. Compared without telling how much of it was right.

use std::fmt;

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, dev, web};
use contract::Code;

use crate::{ApiError, secret};

/// A shared secret of at least [`Credential::LEN_MIN`] characters.
#[derive(Clone)]
pub struct Credential(String);

impl Credential {
    /// Shorter secrets are refused at start.
    pub const LEN_MIN: usize = 32;

    /// What goes into the `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    fn admits(&self, shown: &str) -> bool {
        secret::is_same(&self.0, shown)
    }
}

impl std::str::FromStr for Credential {
    type Err = String;

    fn from_str(secret: &str) -> Result<Self, Self::Err> {
        if secret.len() < Self::LEN_MIN {
            return Err(format!("a secret needs at least {} characters", Self::LEN_MIN));
        }
        Ok(Self(secret.to_owned()))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(redacted)")
    }
}

/// Extracted by handlers that only another service may call.
pub struct ServiceCaller;

impl FromRequest for ServiceCaller {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let shown = bearer(request).unwrap_or_default();
        let admitted = request.app_data::<web::Data<Credential>>().is_some_and(|own| own.admits(shown));
        std::future::ready(if admitted {
            Ok(Self)
        } else {
            Err(ApiError::new(Code::Unauthorized, "The service credential is missing or wrong."))
        })
    }
}

/// The token of an `Authorization: Bearer` header.
#[must_use]
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_same_secret_is_admitted() {
        let own: Credential = "0123456789abcdef0123456789abcdef".parse().unwrap();
        assert!(own.admits("0123456789abcdef0123456789abcdef"));
        for wrong in ["", "0", "0123456789abcdef0123456789abcdeF", "0123456789abcdef0123456789abcdef0"] {
            assert!(!own.admits(wrong), "{wrong}");
        }
        assert!("short".parse::<Credential>().is_err());
        assert_eq!(format!("{own:?}"), "Credential(redacted)");
    }
}
