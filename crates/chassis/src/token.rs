//! Bearer tokens: signed, short-lived statements of who is calling (JWT, HS256; RFC 7519).

use std::fmt;

use contract::CustomerId;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// The issuer of our own tokens.
const ISSUER: &str = "onsale";
/// Whom our tokens are meant for.
const AUDIENCE: &str = "onsale-api";
/// Longer tokens are not looked at.
const TOKEN_LEN_MAX: usize = 4_096;
/// Shorter keys could be guessed; HS256 wants as many bits as its hash has.
const KEY_LEN_MIN: usize = 32;
/// How far two servers' clocks may differ, in seconds.
const LEEWAY_SECONDS: u64 = 5;

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buys tickets.
    Guest,
    /// Makes, changes and audits events.
    Admin,
}

/// Who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The token's subject.
    pub customer_id: CustomerId,
    /// The token's role.
    pub role: Role,
}

/// Why a token was not accepted. Deliberately says no more than this to anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid")]
pub struct TokenError;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: CustomerId,
    role: Role,
    iss: String,
    aud: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Signs and checks tokens with one shared key.
#[derive(Clone)]
pub struct TokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl std::str::FromStr for TokenKey {
    type Err = String;

    fn from_str(secret: &str) -> Result<Self, Self::Err> {
        if secret.len() < KEY_LEN_MIN {
            return Err(format!("the token key needs at least {KEY_LEN_MIN} characters"));
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        Ok(Self {
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            validation,
        })
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(redacted)")
    }
}

impl TokenKey {
    /// Signs a token that works from `now` for `lifetime`; also says when it ends.
    pub fn sign(
        &self,
        identity: Identity,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Result<(String, Timestamp), TokenError> {
        let expires_at = now.checked_add(lifetime).map_err(|_| TokenError)?;
        let claims = Claims {
            sub: identity.customer_id,
            role: identity.role,
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: expires_at.as_second(),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding);
        Ok((token.map_err(|_| TokenError)?, expires_at))
    }

    /// Checks signature, algorithm, issuer, audience and times.
    pub fn verify(&self, token: &str) -> Result<Identity, TokenError> {
        if token.len() > TOKEN_LEN_MAX {
            return Err(TokenError);
        }
        let claims =
            jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).map_err(|_| TokenError)?.claims;
        Ok(Identity { customer_id: claims.sub, role: claims.role })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn key(secret: &str) -> TokenKey {
        secret.repeat(32).parse().unwrap()
    }

    fn guest() -> Identity {
        Identity { customer_id: CustomerId::fresh(), role: Role::Guest }
    }

    #[test]
    fn a_signed_token_names_its_bearer() {
        let guest = guest();
        let (token, _) = key("a").sign(guest, Timestamp::now(), HOUR).unwrap();
        assert_eq!(key("a").verify(&token), Ok(guest));
    }

    #[test]
    fn a_token_of_another_key_time_or_shape_is_refused() {
        let now = Timestamp::now();
        let (good, _) = key("a").sign(guest(), now, HOUR).unwrap();
        let (foreign, _) = key("b").sign(guest(), now, HOUR).unwrap();
        let (expired, _) = key("a").sign(guest(), now - HOUR * 2, HOUR).unwrap();
        let (early, _) = key("a").sign(guest(), now + HOUR, HOUR).unwrap();
        let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
        let tail_cut = &good[..good.len() - 2];
        let huge = "a".repeat(1 << 20);
        for token in [&foreign, &expired, &early, &unsigned, tail_cut, &huge, "", "..", "a.b.c"] {
            assert_eq!(key("a").verify(token), Err(TokenError), "{token:.80}");
        }
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!("short".parse::<TokenKey>().is_err());
    }
}
