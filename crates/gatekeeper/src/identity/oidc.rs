//! Tokens of other issuers: each issuer's public keys are fetched, kept and renewed in the background, and a
//! token is checked without a call.

use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chassis::retry::Backoff;
use chassis::token::{Identity, LEEWAY_SECONDS, Role};
use clap::Args;
use contract::CustomerId;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, dangerous};
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Notify;
use uuid::Uuid;

use super::Unidentified;

/// Longer tokens are not looked at: nginx lets no longer header through.
const TOKEN_LEN_MAX: usize = 8_192;
/// Larger answers of an issuer are not read.
const REPLY_BYTES_MAX: usize = 256 * 1024;
/// More keys than this no issuer has.
const KEYS_MAX: usize = 64;
/// How long an issuer may take to answer.
const REPLY_WAIT: Duration = Duration::from_secs(5);
/// Keys are not fetched more often than this, however often they are to be and whoever shows a key nobody knows.
const RENEW_APART: Duration = Duration::from_secs(10);
/// Waits after an issuer did not answer.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LONGEST: Duration = Duration::from_mins(1);
/// Keys of an issuer that is silent for longer are not believed any more.
const KEYS_KEPT: Duration = Duration::from_hours(24);
/// Who else may issue tokens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tokens of other issuers")]
pub struct OidcSettings {
    /// Issuers of other tokens (Open ID Connect), such as `https://id.example/realms/tickets`; separated by commas. Their keys are found by
    /// discovery.
    #[arg(long = "oidc-issuers", env = "ONSALE_OIDC_ISSUERS", default_value = "", hide_default_value = true)]
    pub issuers: IssuerNames,

    /// The audience their tokens must be meant for.
    #[arg(long = "oidc-audience", env = "ONSALE_OIDC_AUDIENCE", default_value = "onsale-api")]
    pub audience: String,

    /// Those of them whose word on roles counts; everybody else's customers are customers. None unless named.
    #[arg(
        long = "oidc-staff-issuers",
        env = "ONSALE_OIDC_STAFF_ISSUERS",
        default_value = "",
        hide_default_value = true
    )]
    pub staff_issuers: IssuerNames,

    /// How often their keys are fetched anew, in seconds; ten lie between two times at least. A token with a key nobody knows has them
    /// fetched sooner.
    #[arg(
        long = "oidc-renew-seconds",
        env = "ONSALE_OIDC_RENEW_SECONDS",
        default_value_t = 300,
        value_parser = clap::value_parser!(u32).range(1..=3_600)
    )]
    pub renew_seconds: u32,

    /// The claim with their roles; dots lead into it. "onsale-operator" and "onsale-admin" count.
    #[arg(long = "oidc-roles-claim", env = "ONSALE_OIDC_ROLES_CLAIM", default_value = "roles")]
    pub roles_claim: String,
}

/// Issuers as they name themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssuerNames(Vec<String>);

impl FromStr for IssuerNames {
    type Err = String;

    /// Separated by commas. Keys travel by TLS, or not at all; on one's own machine there is nobody between.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let read = |name: &str| {
            let issuer = is_safe(name).then(|| name.to_owned());
            issuer.ok_or_else(|| format!("{name:?} is not an https:// address (http:// on this machine alone)"))
        };
        names.map(read).collect::<Result<_, _>>().map(Self)
    }
}

fn is_safe(address: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(address.trim()) else { return false };
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

/// All of them. Clones share their keys.
#[derive(Clone, Default)]
pub struct Issuers(Arc<[Arc<Issuer>]>);

struct Issuer {
    name: String,
    audience: String,
    /// Where it says who is an operator or an administrator, if it may.
    roles_claim: Option<String>,
    keys: RwLock<Option<Keys>>,
    unknown_key: Notify,
}

struct Keys {
    keys: Vec<Key>,
    fetched: Instant,
}

impl Keys {
    fn are_believed(&self, now: Instant) -> bool {
        now.duration_since(self.fetched) < KEYS_KEPT
    }
}

struct Key {
    kid: Option<String>,
    decoding: DecodingKey,
    algorithms: Vec<Algorithm>,
}

#[derive(Deserialize)]
struct Named {
    iss: Option<String>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuers {
    /// Begins to fetch their keys, in the background.
    pub fn start(settings: &OidcSettings) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(REPLY_WAIT).redirect(Policy::none()).build()?;
        let issuers = settings.issuers.0.iter().map(|name| {
            Arc::new(Issuer {
                name: name.clone(),
                audience: settings.audience.clone(),
                roles_claim: settings.staff_issuers.0.contains(name).then(|| settings.roles_claim.clone()),
                keys: RwLock::default(),
                unknown_key: Notify::new(),
            })
        });
        let issuers: Arc<[_]> = issuers.collect();
        let strange = settings.staff_issuers.0.iter().find(|staff| !settings.issuers.0.contains(staff));
        ensure!(strange.is_none(), "{strange:?} is among the staff's issuers and not among the issuers");
        for issuer in issuers.iter() {
            let every = Duration::from_secs(settings.renew_seconds.into()).saturating_sub(RENEW_APART);
            tokio::spawn(issuer.clone().renew(http.clone(), every));
        }
        Ok(Self(issuers))
    }

    /// Checks a token of one of them; `None` if it names none. Unknown while the issuer's keys could not be fetched.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<Result<Identity, Unidentified>> {
        if self.0.is_empty() || token.len() > TOKEN_LEN_MAX {
            return None;
        }
        // What it says of itself only chooses by whose keys it is checked.
        let named = dangerous::insecure_decode_claims::<Named>(token).ok()?.iss?;
        let issuer = self.0.iter().find(|issuer| issuer.name == named)?;
        Some(issuer.verify(token))
    }
}

#[cfg(test)]
impl Issuers {
    /// One issuer with the keys of this document, if any can be used: what a fetch leaves.
    #[must_use]
    pub fn of(name: &str, audience: &str, document: &[u8]) -> Option<Self> {
        let keys = usable(&serde_json::from_slice(document).ok()?).ok()?;
        let keys = RwLock::new(Some(Keys { keys, fetched: Instant::now() }));
        let (name, audience, unknown_key) = (name.to_owned(), audience.to_owned(), Notify::new());
        Some(Self(
            [Arc::new(Issuer { name, audience, roles_claim: Some("roles".to_owned()), keys, unknown_key })].into(),
        ))
    }
}

impl Issuer {
    fn verify(&self, token: &str) -> Result<Identity, Unidentified> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Unidentified::Invalid)?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let keys = keys.as_ref().filter(|keys| keys.are_believed(Instant::now())).ok_or(Unidentified::Unknown)?;
        let is_named = |key: &Key| header.kid.is_none() || key.kid == header.kid;
        // Without a name there is one it could be, or none: not a try of each.
        let is_plain = header.kid.is_some() || keys.keys.len() == 1;
        let mut named = keys.keys.iter().filter(|key| is_plain && is_named(key)).peekable();
        if named.peek().is_none() {
            self.unknown_key.notify_one();
        }
        let claims = named.filter(|key| key.algorithms.contains(&header.alg)).find_map(|key| {
            let mut validation = Validation::new(header.alg);
            validation.set_issuer(&[&self.name]);
            validation.set_audience(&[&self.audience]);
            validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
            validation.validate_nbf = true;
            validation.leeway = LEEWAY_SECONDS.into();
            jsonwebtoken::decode::<Value>(token, &key.decoding, &validation).ok().map(|token| token.claims)
        });
        let claims = claims.ok_or(Unidentified::Invalid)?;
        let subject = claims["sub"].as_str().filter(|subject| !subject.is_empty()).ok_or(Unidentified::Invalid)?;
        Ok(Identity { customer_id: self.customer(subject), role: self.role(&claims) })
    }

    fn role(&self, claims: &Value) -> Role {
        self.roles_claim.as_ref().map_or(Role::Customer, |claim| role(claims, claim))
    }

    /// The same person at the same issuer is always the same customer, and nobody else is.
    fn customer(&self, subject: &str) -> CustomerId {
        let issuer = Uuid::new_v5(&Uuid::NAMESPACE_URL, self.name.as_bytes());
        CustomerId(Uuid::new_v5(&issuer, subject.as_bytes()))
    }

    /// Fetches the keys forever; `wait` is how long they may stay as they are after the time that has to lie between.
    async fn renew(self: Arc<Self>, http: reqwest::Client, wait: Duration) {
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
        loop {
            match self.fetch(&http).await {
                Ok(keys) => {
                    tracing::info!(issuer = self.name, keys = keys.len(), "an issuer's keys were fetched");
                    let keys = Keys { keys, fetched: Instant::now() };
                    *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
                    backoff = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
                    tokio::time::sleep(RENEW_APART).await;
                    let _ = tokio::time::timeout(wait, self.unknown_key.notified()).await;
                }
                Err(error) => {
                    tracing::warn!(
                        issuer = self.name,
                        error = format!("{error:#}"),
                        "an issuer's keys cannot be fetched"
                    );
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    async fn fetch(&self, http: &reqwest::Client) -> anyhow::Result<Vec<Key>> {
        let address = format!("{}/.well-known/openid-configuration", self.name.trim_end_matches('/'));
        let discovery: Discovery = get(http, &address).await?;
        ensure!(discovery.issuer == self.name, "{address} is about {:?}", discovery.issuer);
        ensure!(
            is_safe(&discovery.jwks_uri),
            "its keys are at {:?}, which is not an https:// address",
            discovery.jwks_uri
        );
        usable(&get(http, &discovery.jwks_uri).await?)
    }
}

fn usable(set: &JwkSet) -> anyhow::Result<Vec<Key>> {
    ensure!(set.keys.len() <= KEYS_MAX, "it has {} keys", set.keys.len());
    let keys: Vec<_> = set.keys.iter().filter_map(Key::of).collect();
    ensure!(!keys.is_empty(), "none of its keys can be used");
    Ok(keys)
}

/// JSON, bounded in size and time.
async fn get<T: DeserializeOwned>(http: &reqwest::Client, address: &str) -> anyhow::Result<T> {
    let mut reply = http.get(address).send().await.with_context(|| format!("{address} does not answer"))?;
    ensure!(reply.status().is_success(), "{address} answers {}", reply.status());
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await? {
        body.extend_from_slice(&chunk);
        ensure!(body.len() <= REPLY_BYTES_MAX, "{address} answers more than {REPLY_BYTES_MAX} bytes");
    }
    serde_json::from_slice(&body).with_context(|| format!("{address} answers something else"))
}

impl Key {
    /// A key tokens may be signed with, and how; none of the others. Never a shared secret: whoever can check a token by one can
    /// make it.
    fn of(jwk: &Jwk) -> Option<Self> {
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let possible: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::PS256],
            AlgorithmParameters::EllipticCurve(_) => &[Algorithm::ES256, Algorithm::ES384],
            AlgorithmParameters::OctetKeyPair(_) => &[Algorithm::EdDSA],
            _ => return None,
        };
        let meant = jwk.common.key_algorithm;
        let fits = |algorithm: &Algorithm| meant.is_none_or(|meant| meant == KeyAlgorithm::from(*algorithm));
        let algorithms: Vec<_> = possible.iter().copied().filter(fits).collect();
        let decoding = DecodingKey::from_jwk(jwk).ok().filter(|_| !algorithms.is_empty())?;
        Some(Self { kid: jwk.common.key_id.clone(), decoding, algorithms })
    }
}

/// The highest role that the claim names; a customer's, if it names none.
fn role(claims: &Value, claim: &str) -> Role {
    // The claim's name itself may have dots in it, as an address has.
    let named = claims.get(claim).or_else(|| claim.split('.').try_fold(claims, |value, name| value.get(name)));
    let has = |role: &str| match named {
        Some(Value::String(text)) => text.split(' ').any(|word| word == role),
        Some(Value::Array(roles)) => roles.iter().any(|name| name == role),
        _ => false,
    };
    match (has("onsale-admin"), has("onsale-operator")) {
        (true, _) => Role::Admin,
        (false, true) => Role::Operator,
        _ => Role::Customer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn roles_are_found_wherever_an_issuer_puts_them() {
        let found = |claims: Value, claim: &str| role(&claims, claim);
        assert_eq!(found(json!({ "roles": ["onsale-operator"] }), "roles"), Role::Operator);
        assert_eq!(found(json!({ "roles": ["onsale-operator", "onsale-admin"] }), "roles"), Role::Admin);
        assert_eq!(found(json!({ "scope": "openid onsale-admin" }), "scope"), Role::Admin);
        let address = "https://onsale.example/roles";
        assert_eq!(found(json!({ address: ["onsale-admin"] }), address), Role::Admin);
        assert_eq!(found(json!({ "realm_access": { "roles": ["onsale-admin"] } }), "realm_access.roles"), Role::Admin);
        for other in [
            json!({}),
            json!({ "roles": 7 }),
            json!({ "roles": ["admin", "onsale-administrator"] }),
            json!({ "roles": null }),
        ] {
            assert_eq!(found(other, "roles"), Role::Customer);
        }
    }

    #[test]
    fn keys_are_fetched_by_tls_or_from_this_machine() {
        for good in ["https://id.example", "http://127.0.0.1:1/x", "http://localhost:8"] {
            assert_eq!(good.parse(), Ok(IssuerNames(vec![good.to_owned()])));
        }
        assert_eq!("".parse(), Ok(IssuerNames::default()));
        for bad in
            ["id.example", "http://id.example", "ftp://id.example", "http://127.0.0.1.example", "file:///etc/passwd"]
        {
            assert!(bad.parse::<IssuerNames>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shared_secrets_and_keys_for_other_uses_are_no_keys() {
        let of = |jwk: Value| Key::of(&serde_json::from_value(jwk).unwrap()).map(|key| key.algorithms);
        let point = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        assert_eq!(of(json!({ "kty": "OKP", "crv": "Ed25519", "x": point })), Some(vec![Algorithm::EdDSA]));
        assert_eq!(of(json!({ "kty": "OKP", "crv": "Ed25519", "x": point, "use": "enc" })), None);
        assert_eq!(of(json!({ "kty": "OKP", "crv": "Ed25519", "x": point, "alg": "RS256" })), None);
        assert_eq!(of(json!({ "kty": "oct", "k": "c2VjcmV0" })), None);
        assert_eq!(of(json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" })), None);
        let rsa = |alg: Value| of(json!({ "kty": "RSA", "n": "u1SU1LfVLPHCozMxH2Mo", "e": "AQAB", "alg": alg }));
        assert_eq!(rsa(Value::Null), Some(vec![Algorithm::RS256, Algorithm::PS256]));
        assert_eq!(rsa(json!("RS256")), Some(vec![Algorithm::RS256]));
        assert_eq!(rsa(json!("PS256")), Some(vec![Algorithm::PS256]));
        assert_eq!((rsa(json!("RS512")), rsa(json!("ES256"))), (None, None));
    }

    #[test]
    fn keys_of_an_issuer_that_is_silent_for_a_day_are_not_believed() {
        let keys = Keys { keys: Vec::new(), fetched: Instant::now() };
        assert!(keys.are_believed(keys.fetched + Duration::from_hours(23)));
        assert!(!keys.are_believed(keys.fetched + Duration::from_hours(24)));
    }
}
