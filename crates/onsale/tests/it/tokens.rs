//! Tokens that are none: whatever is wrong with one, its bearer is nobody, and nothing is done for them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use chassis::token::{Identity, Role, TokenKeys};
use contract::CustomerId;
use contract::api::{EventChange, SaleState};
use contract::origin::ActorKind;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use reqwest::Method;
use serde_json::{Value, json};
use stack::secrets::Secrets;
use stack::{Client, client};

use crate::bad_input::traces;
use crate::support::{Private, log_page, private, private_with};

/// Attacks there must be at least.
const ATTACKS_MIN: usize = 60;

/// What the system's gatekeepers sign by.
pub fn secret(system: &Private) -> String {
    let secrets = std::fs::read(system.stack.data().join("secrets.json")).unwrap();
    serde_json::from_slice::<Secrets>(&secrets).unwrap().token_key
}

fn signed(secret: &str, role: Role) -> String {
    signed_for(CustomerId::fresh(), secret, role)
}

pub fn signed_for(customer_id: CustomerId, secret: &str, role: Role) -> String {
    let keys: TokenKeys = secret.parse().unwrap();
    let identity = Identity { customer_id, role };
    keys.sign(identity, Timestamp::now(), SignedDuration::from_hours(1)).unwrap().0
}

fn part(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Header and claims as they are, signed with HS256 whatever the header says.
fn raw(header: &str, claims: &str, secret: &str) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn good_claims() -> Value {
    let now = Timestamp::now().as_second();
    json!({ "sub": CustomerId::fresh(), "role": "admin", "iss": "onsale", "aud": "onsale-api", "iat": now, "nbf": now,
        "exp": now + 3_600 })
}

/// Headers that lie about how the token is signed.
fn of_headers(secret: &str) -> Vec<(String, String)> {
    let claims = good_claims().to_string();
    let mut attacks = Vec::new();
    for algorithm in ["none", "None", "NONE", "nOnE", "", "RS256", "ES256", "PS256", "EdDSA", "HS384", "HS512", "hs256"]
    {
        let token = raw(&json!({ "typ": "JWT", "alg": algorithm }).to_string(), &claims, secret);
        let unsigned = token.rsplit_once('.').unwrap().0.to_owned();
        attacks.push((format!("alg {algorithm:?}, signed"), token));
        attacks.push((format!("alg {algorithm:?}, unsigned"), format!("{unsigned}.")));
    }
    for header in ["{}", "[]", "null", "{", "", r#"{"alg":null}"#, r#"{"alg":["HS256"]}"#, r#"{"alg":{"HS256":1}}"#] {
        attacks.push((format!("header {header}"), raw(header, &claims, secret)));
    }
    for (algorithm, name) in [(Algorithm::HS384, "HS384"), (Algorithm::HS512, "HS512")] {
        let message = format!("{}.{}", part(&json!({ "typ": "JWT", "alg": name }).to_string()), part(&claims));
        let signature =
            crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret.as_bytes()), algorithm).unwrap();
        attacks.push((format!("{name} with our key"), format!("{message}.{signature}")));
    }
    attacks
}

/// Keys that are not ours, and headers that ask to be checked with them.
fn of_keys() -> Vec<(String, String)> {
    let claims = good_claims().to_string();
    let extras = [
        json!({ "kid": "../../../../dev/null" }),
        json!({ "kid": "' UNION SELECT ''; --" }),
        json!({ "kid": "http://127.0.0.1/key" }),
        json!({ "kid": "" }),
        json!({ "kid": "k".repeat(1_000) }),
        json!({ "kid": 1 }),
        json!({ "kid": ["a"] }),
        json!({ "jku": "http://127.0.0.1/jwks.json" }),
        json!({ "x5u": "http://127.0.0.1/cert.pem" }),
        json!({ "x5c": ["MIIB"] }),
        json!({ "jwk": { "kty": "oct", "k": URL_SAFE_NO_PAD.encode("") } }),
    ];
    let mut attacks = Vec::new();
    for extra in extras {
        let mut header = json!({ "typ": "JWT", "alg": "HS256" });
        header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        for foreign in ["", "\0", "secret"] {
            attacks.push((format!("{extra} with the key {foreign:?}"), raw(&header.to_string(), &claims, foreign)));
        }
    }
    attacks
}

/// Claims that are not good enough, rightly signed.
fn of_claims(secret: &str) -> Vec<(String, String)> {
    let now = Timestamp::now().as_second();
    let changes = [
        ("exp", json!(now - 60)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!("tomorrow")),
        ("exp", Value::Null),
        ("nbf", json!(now + 3_000)),
        ("nbf", json!("now")),
        ("nbf", Value::Null),
        ("iss", json!("onsale2")),
        ("iss", json!("")),
        ("iss", json!(["other"])),
        ("iss", Value::Null),
        ("aud", json!("onsale")),
        ("aud", json!([])),
        ("aud", json!(["other", "more"])),
        ("aud", Value::Null),
        ("sub", json!("")),
        ("sub", json!("admin")),
        ("sub", json!("' OR 1=1 --")),
        ("sub", json!(7)),
        ("sub", Value::Null),
        ("role", json!("root")),
        ("role", json!("Admin")),
        ("role", json!("")),
        ("role", json!(2)),
        ("role", json!(["admin"])),
        ("role", Value::Null),
    ];
    let header = json!({ "typ": "JWT", "alg": "HS256" }).to_string();
    let mut attacks: Vec<_> = changes
        .into_iter()
        .map(|(claim, value)| {
            let mut claims = good_claims();
            claims[claim] = value.clone();
            (format!("{claim} {value}"), raw(&header, &claims.to_string(), secret))
        })
        .collect();
    for claim in ["exp", "nbf", "iss", "aud", "sub", "role"] {
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().remove(claim);
        attacks.push((format!("without {claim}"), raw(&header, &claims.to_string(), secret)));
    }
    let twice = good_claims().to_string().replacen('{', "{\"role\":\"customer\",", 1);
    for claims in ["{}", "[]", "null", "{", "", &twice, r#"{"exp":1e309}"#] {
        attacks.push((format!("claims {claims:.40}"), raw(&header, claims, secret)));
    }
    attacks
}

/// A good token, bent.
fn of_shape(secret: &str) -> Vec<(String, String)> {
    let (customer, admin) = (signed(secret, Role::Customer), signed(secret, Role::Admin));
    let parts = |token: &str| -> Vec<String> { token.split('.').map(str::to_owned).collect() };
    let (c, a) = (parts(&customer), parts(&admin));
    let padded = format!("{}.{}.{}", URL_SAFE.encode("{\"alg\":\"HS256\"}"), c[1], c[2]);
    let standard = format!("{}.{}.{}", c[0], STANDARD.encode([251, 255, 254]), c[2]);
    [
        ("an administrator's claims, a customer's signature", format!("{}.{}.{}", c[0], a[1], c[2])),
        ("another's signature", format!("{}.{}.{}", a[0], a[1], c[2])),
        ("without its signature", format!("{}.{}.", a[0], a[1])),
        ("without its last part", format!("{}.{}", a[0], a[1])),
        ("its claims alone", a[1].clone()),
        ("one part more", format!("{admin}.{}", a[2])),
        ("twice", format!("{admin}.{admin}")),
        ("a character less", admin[..admin.len() - 1].to_owned()),
        ("half", admin[..admin.len() / 2].to_owned()),
        ("a character more", format!("{admin}A")),
        ("reversed", admin.chars().rev().collect()),
        ("in capitals", admin.to_uppercase()),
        ("padded", padded),
        ("in the other base 64", standard),
        ("with a space in it", admin.replacen('.', " .", 1)),
        ("quoted", format!("\"{admin}\"")),
        ("named twice", format!("Bearer {admin}")),
        ("dots", "..".to_owned()),
        ("many dots", ".".repeat(4_000)),
        ("words", "a.b.c".to_owned()),
        ("a long word", "a".repeat(5_000)),
    ]
    .map(|(what, token)| (what.to_owned(), token))
    .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_anything_wrong_opens_nothing() {
    let system = private().await;
    let secret = secret(&system);
    let (event, tier) = system.tier_event(10).await;
    let body = json!({ "event_id": event, "tier_id": tier, "quantity": 1 });
    // What the attacks are made of is good.
    let good = raw(&json!({ "typ": "JWT", "alg": "HS256" }).to_string(), &good_claims().to_string(), &secret);
    let audit = format!("/api/v1/events/{event}/audit");
    assert_eq!(system.admin.with_token(&good).get(&audit).await.unwrap().status, 200);
    let attacks = [of_headers(&secret), of_keys(), of_claims(&secret), of_shape(&secret)].concat();
    assert!(attacks.len() >= ATTACKS_MIN, "{}", attacks.len());
    let before = traces(&system).await;
    for (what, token) in &attacks {
        let attacker = system.admin.with_token(token);
        let booked = attacker.post("/api/v1/bookings", &body).await.unwrap();
        assert_eq!((booked.status.as_u16(), booked.code()), (401, "unauthorized"), "{what}: {}", booked.body);
        let audited = attacker.get(&format!("/api/v1/events/{event}/audit")).await.unwrap();
        assert_eq!(audited.status, 401, "{what}");
    }
    // One that is larger than any header may be does not get so far; what it does get is no success.
    for at in [&system.ready.url, &system.ready.replicas[0]] {
        let huge = system.admin.with_token(&"a".repeat(1 << 20)).at(at).post("/api/v1/bookings", &body).await;
        assert!(huge.is_err() || huge.is_ok_and(|answer| answer.status.is_client_error()), "{at}");
    }
    // Good tokens are not the bearer's if they are not shown as such.
    let good = signed(&secret, Role::Admin);
    let path = format!("/api/v1/events/{event}/audit");
    let stranger = Client::new(&system.ready.url).unwrap();
    for (name, value) in
        [("Authorization", format!("Basic {good}")), ("Authorization", good.clone()), ("X-Token", good)]
    {
        let answer = client::send(stranger.request(Method::GET, &path).header(name, &value)).await.unwrap();
        assert_eq!(answer.status, 401, "{name}");
    }
    assert_eq!(system.bookings(event).await, 0);
    let audit = system.clean_audit(event).await;
    assert_eq!(audit.tiers[0].available, 10, "nothing was taken for any of them");
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    system.assert_nothing_crashed();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_controls_and_audits_a_sale_and_makes_none() {
    let system = private().await;
    let operator = system.admin.with_token(&signed(&secret(&system), Role::Operator));
    let (event, tier) = system.tier_event(10).await;
    let path = format!("/api/v1/events/{event}");
    for state in [SaleState::Paused, SaleState::Open] {
        let change = EventChange { sale_state: Some(state), tiers: Vec::new() };
        assert_eq!(operator.change_event(event, &change).await.unwrap().status, 200);
    }
    assert_eq!(operator.get(&format!("{path}/audit")).await.unwrap().status, 200);
    assert_eq!(operator.get(&format!("{path}/activity")).await.unwrap().status, 200);
    let grow = json!({ "tiers": [{ "tier_id": tier, "capacity": 99 }] });
    let grown = operator.call(Method::PATCH, &path, &grow).await.unwrap();
    assert_eq!((grown.status.as_u16(), grown.code()), (403, "forbidden"));
    let new = serde_json::to_value(stack::demo::event("Mine", "Now").unwrap()).unwrap();
    assert_eq!(operator.post("/api/v1/events", &new).await.unwrap().code(), "forbidden");
    assert_eq!(operator.buy(event, tier, 1).await.unwrap().status, 201, "and may buy like everybody");
    let log = log_page(&operator, &format!("event_id={event}&action=event_changed")).await;
    assert_eq!(log.items.iter().map(|entry| entry.actor_kind).collect::<Vec<_>>(), [ActorKind::Operator; 2]);
    assert_eq!(system.admin.event(event).await.unwrap().tiers[0].capacity, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_replaced_key_work_beside_those_of_the_new_one() {
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let keys = format!("{new},{old}");
    let system =
        private_with(move |options| options.gatekeeper_env.push(("ONSALE_TOKEN_KEY".into(), keys.clone()))).await;
    let asks =
        async |token: &str| system.admin.with_token(token).get("/api/v1/bookings").await.unwrap().status.as_u16();
    assert_eq!(asks(&signed(&new, Role::Customer)).await, 200);
    assert_eq!(asks(&signed(&old, Role::Customer)).await, 200);
    assert_eq!(asks(&signed(&"x".repeat(32), Role::Customer)).await, 401);
    let session = Client::new(&system.ready.url).unwrap().post("/api/v1/sessions", &Value::Null).await.unwrap();
    let signed_by = new.parse::<TokenKeys>().unwrap().verify(session.body["token"].as_str().unwrap());
    assert!(signed_by.is_ok(), "new sessions are signed with the new one");
}
