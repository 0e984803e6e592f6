//! Bearer tokens: signed, short-lived statements of who is calling (JWT, HS256; RFC 7519).
//!
//! Keys are replaced while the service runs: the first one signs, all are accepted, and a token's `kid` says which it is.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use contract::CustomerId;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, crypto};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::secret;

/// How our own tokens are signed, and no other way counts.
const ALGORITHM: Algorithm = Algorithm::HS256;
/// The issuer of our own tokens.
const ISSUER: &str = "onsale";
/// Whom our tokens are meant for.
const AUDIENCE: &str = "onsale-api";
/// Longer tokens are not looked at.
const TOKEN_LEN_MAX: usize = 4_096;
/// Shorter keys could be guessed; HS256 wants as many bits as its hash has.
const KEY_LEN_MIN: usize = 32;
/// How far two servers' clocks may differ, in seconds.
pub const LEEWAY_SECONDS: u32 = 5;

/// Keys at a time: the one that signs, those it replaced, and those to come.
const KEYS_MAX: usize = 8;

/// What a caller may do. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buys tickets.
    #[serde(alias = "guest")]
    Customer,
    /// Pauses and resumes sales, and audits them.
    Operator,
    /// Makes and changes events.
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

/// What counts of a token's header.
#[derive(Deserialize)]
struct Named {
    alg: Algorithm,
    kid: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: CustomerId,
    role: Role,
    iss: Cow<'static, str>,
    aud: Cow<'static, str>,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Signs and checks tokens with shared keys.
#[derive(Clone)]
pub struct TokenKeys {
    /// At least one; the first signs.
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    /// The beginning of the key's hash: says which key it is, and nothing about it.
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl std::str::FromStr for TokenKeys {
    type Err = String;

    /// Keys, separated by commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let secrets: Vec<&str> = text.split(',').map(str::trim).collect();
        if secrets.len() > KEYS_MAX {
            return Err(format!("at most {KEYS_MAX} token keys at a time"));
        }
        if secrets.iter().any(|secret| secret.len() < KEY_LEN_MIN) {
            return Err(format!("a token key needs at least {KEY_LEN_MIN} characters"));
        }
        let key = |secret: &&str| Key {
            kid: kid(secret),
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
        };
        Ok(Self { keys: secrets.iter().map(key).collect() })
    }
}

fn kid(key: &str) -> String {
    secret::digest(key.as_bytes())[..8].to_owned()
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKeys(redacted)")
    }
}

impl TokenKeys {
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
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: expires_at.as_second(),
        };
        let header = Header { kid: Some(self.keys[0].kid.clone()), ..Header::new(ALGORITHM) };
        let token = jsonwebtoken::encode(&header, &claims, &self.keys[0].encoding);
        Ok((token.map_err(|_| TokenError)?, expires_at))
    }

    /// Checks signature, algorithm, issuer, audience and times. Header and claims are read once: this is done for every
    /// request, and `jsonwebtoken::decode` reads each of them twice.
    pub fn verify(&self, token: &str) -> Result<Identity, TokenError> {
        if token.len() > TOKEN_LEN_MAX {
            return Err(TokenError);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError)?;
        let Named { alg, kid } = part(header)?;
        // The one that is named, or any, should none be.
        let mut keys = self.keys.iter().filter(|key| kid.as_ref().is_none_or(|kid| *kid == key.kid));
        let by = |key: &Key| crypto::verify(signature, signed.as_bytes(), &key.decoding, ALGORITHM).unwrap_or(false);
        if alg != ALGORITHM || !keys.any(by) {
            return Err(TokenError);
        }
        let claims: Claims = part(claims)?;
        let holds = claims.iss == ISSUER && claims.aud == AUDIENCE && claims.hold_at(Timestamp::now().as_second());
        holds.then_some(Identity { customer_id: claims.sub, role: claims.role }).ok_or(TokenError)
    }

    /// What only whoever has a key can make of a text, as 64 hexadecimal digits: by each key, the one that signs first. For
    /// each purpose it is something else.
    pub fn keyed_digests(&self, purpose: &str, text: &str) -> Result<Vec<String>, TokenError> {
        // With a space, which nothing has that a token's signature is made of.
        let text = format!("{purpose}: {text}");
        let signed = |key: &Key| crypto::sign(text.as_bytes(), &key.encoding, ALGORITHM).map_err(|_| TokenError);
        self.keys.iter().map(|key| Ok(secret::digest(signed(key)?.as_bytes()))).collect()
    }
}

impl Claims {
    fn hold_at(&self, now: i64) -> bool {
        let leeway = i64::from(LEEWAY_SECONDS);
        self.nbf <= now + leeway && self.exp >= now - leeway
    }
}

/// One of a token's parts.
fn part<T: DeserializeOwned>(text: &str) -> Result<T, TokenError> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError)?;
    serde_json::from_slice(&json).map_err(|_| TokenError)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn key(secret: &str) -> TokenKeys {
        secret.repeat(32).parse().unwrap()
    }

    fn guest() -> Identity {
        Identity { customer_id: CustomerId::fresh(), role: Role::Customer }
    }

    #[test]
    fn a_signed_token_names_its_bearer() {
        let guest = guest();
        let (token, _) = key("a").sign(guest, Timestamp::now(), HOUR).unwrap();
        assert_eq!(key("a").verify(&token), Ok(guest));
        assert_eq!(format!("{:?}", key("a")), "TokenKeys(redacted)", "and what it was signed with is shown nowhere");
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
    fn short_keys_and_too_many_are_refused() {
        let good = "k".repeat(32);
        for bad in ["short".to_owned(), format!("{good},short"), format!("{good},"), [good.as_str(); 9].join(",")] {
            assert!(bad.parse::<TokenKeys>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_is_checked_with_the_key_it_names_and_no_other() {
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        let both: TokenKeys = format!("{new},{old}").parse().unwrap();
        let named = |kid: Option<String>| {
            let header = Header { kid, ..Header::new(ALGORITHM) };
            let now = Timestamp::now().as_second();
            let claims = Claims {
                sub: CustomerId::fresh(),
                role: Role::Customer,
                iss: ISSUER.into(),
                aud: AUDIENCE.into(),
                iat: now,
                nbf: now,
                exp: now + 60,
            };
            let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(old.as_bytes())).unwrap();
            both.verify(&token).is_ok()
        };
        assert!(named(Some(kid(&old))) && named(None));
        for wrong in [kid(&new), String::new(), "../../dev/null".into(), "k".repeat(1_000)] {
            assert!(!named(Some(wrong.clone())), "{wrong:.40}");
        }
    }

    #[test]
    fn a_key_is_replaced_without_a_token_being_refused() {
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        let keys = |text: String| text.parse::<TokenKeys>().unwrap();
        // The new key becomes known everywhere, then signs everywhere, then the old one is forgotten.
        let steps = [keys(old.clone()), keys(format!("{old},{new}")), keys(format!("{new},{old}")), keys(new)];
        for pair in steps.windows(2) {
            for (signer, checker) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
                let (token, _) = signer.sign(guest(), Timestamp::now(), HOUR).unwrap();
                assert!(checker.verify(&token).is_ok());
            }
        }
        let (token, _) = steps[0].sign(guest(), Timestamp::now(), HOUR).unwrap();
        assert_eq!(steps[3].verify(&token), Err(TokenError), "once forgotten, it opens nothing");
    }
}
