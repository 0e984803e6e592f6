//! Tokens of other issuers, found by discovery. The issuer here is a server with real keys and nothing else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use actix_web::{App, HttpResponse, HttpServer, web};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair,
};
use aws_lc_rs::{encoding, rsa};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use stack::Client;

use crate::bad_input::traces;
use crate::support::{Private, SOON, eventually, private_with};

/// An issuer's signing key.
#[derive(Clone)]
struct Key {
    kid: &'static str,
    algorithm: Algorithm,
    signing: EncodingKey,
}

impl Key {
    fn rsa(kid: &'static str) -> Self {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let der: encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        Self { kid, algorithm: Algorithm::RS256, signing: EncodingKey::from_rsa_der(&pkcs1(der.as_ref())) }
    }

    fn rsa_pss(kid: &'static str) -> Self {
        Self { algorithm: Algorithm::PS256, ..Self::rsa(kid) }
    }

    fn ec(kid: &'static str) -> Self {
        Self::on_curve(kid, Algorithm::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    fn ec_384(kid: &'static str) -> Self {
        Self::on_curve(kid, Algorithm::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING)
    }

    fn on_curve(kid: &'static str, algorithm: Algorithm, curve: &'static EcdsaSigningAlgorithm) -> Self {
        let der = EcdsaKeyPair::generate(curve).unwrap().to_pkcs8v1().unwrap();
        Self { kid, algorithm, signing: EncodingKey::from_ec_der(der.as_ref()) }
    }

    fn ed(kid: &'static str) -> Self {
        let der = Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
        Self { kid, algorithm: Algorithm::EdDSA, signing: EncodingKey::from_ed_der(der.as_ref()) }
    }

    fn public(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.signing, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.kid.to_owned());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.to_owned()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.signing).unwrap()
    }
}

/// What a careless server may take for one: the public RSA key in all the ways it is written, and nothing.
fn shared_secrets(public: &Jwk) -> Vec<Vec<u8>> {
    let text = serde_json::to_value(public).unwrap();
    let [modulus, exponent] =
        ["n", "e"].map(|part| BASE64_URL_SAFE_NO_PAD.decode(text[part].as_str().unwrap()).unwrap());
    // DER. RSAPublicKey: SEQUENCE { INTEGER, INTEGER }; SubjectPublicKeyInfo: SEQUENCE { rsaEncryption, BIT STRING }.
    let number = |bytes: &[u8]| der(2, &[if bytes[0] < 0x80 { &[][..] } else { &[0] }, bytes].concat());
    let pkcs1 = der(0x30, &[number(&modulus), number(&exponent)].concat());
    let rsa_encryption = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let spki = der(0x30, &[&rsa_encryption[..], &der(3, &[&[0][..], &pkcs1].concat())].concat());
    let pem = |name: &str, bytes: &[u8]| {
        let lines = BASE64_STANDARD.encode(bytes).into_bytes();
        let lines: Vec<_> = lines.chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN {name}-----\n{}\n-----END {name}-----", lines.join("\n"))
    };
    let pems = [pem("PUBLIC KEY", &spki), pem("RSA PUBLIC KEY", &pkcs1)];
    let with_and_without_an_end =
        pems.iter().flat_map(|pem| [pem.clone().into_bytes(), format!("{pem}\n").into_bytes()]);
    let others = [Vec::new(), serde_json::to_vec(public).unwrap(), modulus.clone(), pkcs1.clone(), spki.clone()];
    with_and_without_an_end.chain(others).collect()
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = if content.len() < 0x80 { vec![tag, length[1]] } else { [&[tag, 0x82][..], &length].concat() };
    [head, content.to_vec()].concat()
}

/// The private key inside PKCS #8, which is the last thing in it: SEQUENCE { version, algorithm, OCTET STRING }.
fn pkcs1(pkcs8: &[u8]) -> Vec<u8> {
    let begins = pkcs8.windows(2).skip(4).position(|pair| pair == [0x30, 0x82]).unwrap() + 4;
    pkcs8[begins..].to_vec()
}

/// A running issuer.
struct Issuer {
    url: String,
    keys: Arc<Mutex<Vec<Jwk>>>,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

async fn issuer(keys: &[&Key]) -> Issuer {
    let keys = Arc::new(Mutex::new(keys.iter().map(|key| key.public()).collect::<Vec<_>>()));
    let asked = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/realms/tickets", listener.local_addr().unwrap());
    let (published, counted, name) = (keys.clone(), asked.clone(), url.clone());
    let server = HttpServer::new(move || {
        let (keys, asked, name) = (published.clone(), counted.clone(), name.clone());
        App::new().default_service(web::to(move |request: actix_web::HttpRequest| {
            *asked.lock().unwrap().entry(request.path().to_owned()).or_default() += 1;
            let answer = match request.path() {
                "/realms/tickets/.well-known/openid-configuration" => {
                    json!({ "issuer": name, "jwks_uri": format!("{name}/keys") })
                }
                _ => json!(JwkSet { keys: keys.lock().unwrap().clone() }),
            };
            async move { HttpResponse::Ok().json(answer) }
        }))
    });
    let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
    std::thread::spawn(|| actix_web::rt::System::new().block_on(server));
    Issuer { url, keys, asked }
}

async fn system(issuer: &Issuer) -> Private {
    system_with(issuer, &[]).await
}

/// The first issuer's word on roles counts.
async fn system_with(issuer: &Issuer, others: &[&Issuer]) -> Private {
    let staff = issuer.url.clone();
    let all: Vec<_> = [issuer].iter().chain(others).map(|issuer| issuer.url.clone()).collect();
    private_with(move |options| {
        options.gatekeeper_env.push(("ONSALE_OIDC_ISSUERS".into(), all.join(",")));
        options.gatekeeper_env.push(("ONSALE_OIDC_STAFF_ISSUERS".into(), staff.clone()));
        options.gatekeeper_env.push(("ONSALE_OIDC_RENEW_SECONDS".into(), "1".into()));
        options.gatekeeper_env.push(("ONSALE_OIDC_AUDIENCE".into(), "tickets".into()));
        options.gatekeeper_env.push(("ONSALE_OIDC_ROLES_CLAIM".into(), "realm_access.roles".into()));
    })
    .await
}

fn claims(issuer: &Issuer, subject: &str, role: &str) -> Value {
    let now = Timestamp::now().as_second();
    json!({ "iss": issuer.url, "aud": ["account", "tickets"], "sub": subject, "iat": now, "exp": now + 300,
        "realm_access": { "roles": ["offline_access", role] } })
}

async fn status(system: &Private, token: &str) -> u16 {
    system.admin.with_token(token).get("/api/v1/bookings").await.unwrap().status.as_u16()
}

async fn known_everywhere(system: &Private, token: &str) {
    for replica in &system.ready.replicas {
        let at = system.admin.with_token(token).at(replica);
        eventually("the issuer's keys are there", SOON, async || {
            at.get("/api/v1/bookings").await.unwrap().status == 200
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_an_issuer_are_checked_by_the_keys_it_publishes() {
    let keys = [Key::rsa("rsa"), Key::ec("ec"), Key::ed("ed"), Key::rsa_pss("pss"), Key::ec_384("384")];
    let started = Instant::now();
    let issuer = issuer(&keys.iter().collect::<Vec<_>>()).await;
    let of_customers = self::issuer(&[&keys[1]]).await;
    let system = system_with(&issuer, &[&of_customers]).await;
    let (event, tier) = system.tier_event(100).await;
    let mut customers = Vec::new();
    for key in &keys {
        let token = key.sign(&claims(&issuer, "248289761001", "none"));
        known_everywhere(&system, &token).await;
        let bought = system.admin.with_token(&token).buy(event, tier, 1).await.unwrap();
        assert_eq!(bought.status, 201, "{:?}: {}", key.algorithm, bought.body);
        customers.push(bought.body["customer_id"].clone());
    }
    assert!(customers.iter().all(|customer| *customer == customers[0]), "one person, whatever signed the token");
    let other = keys[0].sign(&claims(&issuer, "other", "none"));
    let bought = system.admin.with_token(&other).buy(event, tier, 1).await.unwrap();
    assert_ne!(bought.body["customer_id"], customers[0]);

    // Roles come from the claim, and from nothing else.
    let as_role = |role: &str| system.admin.with_token(&keys[1].sign(&claims(&issuer, "op", role)));
    let audit = format!("/api/v1/events/{event}/audit");
    for (role, audits, makes) in
        [("none", 403, 403), ("onsale-operator", 200, 403), ("onsale-admin", 200, 400), ("admin", 403, 403)]
    {
        let client = as_role(role);
        assert_eq!(client.get(&audit).await.unwrap().status, audits, "{role}");
        assert_eq!(client.post("/api/v1/events", &json!({})).await.unwrap().status, makes, "{role}");
    }
    // Nobody asked the issuer for each token: it was asked when the replicas started.
    let asked: usize = issuer.asked.lock().unwrap().values().sum();
    assert!(asked <= 2 * 3 * (1 + usize::try_from(started.elapsed().as_secs()).unwrap() / 10), "{asked} questions");
    // Where it is not a staff's issuer that says so, whoever it calls an administrator is a customer; and nobody it knows is the
    // one another knows by that name.
    let token = keys[1].sign(&claims(&of_customers, "248289761001", "onsale-admin"));
    known_everywhere(&system, &token).await;
    let client = system.admin.with_token(&token);
    assert_eq!(client.get(&audit).await.unwrap().status, 403);
    assert_eq!(client.post("/api/v1/events", &json!({})).await.unwrap().status, 403);
    let bought = client.buy(event, tier, 1).await.unwrap();
    assert_eq!(bought.status, 201);
    assert_ne!(bought.body["customer_id"], customers[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_an_issuer_did_not_give_for_us_now_opens_nothing() {
    let (key, strange) = (Key::rsa("one"), Key::rsa("one"));
    let issuer = issuer(&[&key]).await;
    let system = system(&issuer).await;
    let good = claims(&issuer, "somebody", "onsale-admin");
    known_everywhere(&system, &key.sign(&good)).await;
    let (event, tier) = system.tier_event(100).await;
    let before = traces(&system).await;
    let now = Timestamp::now().as_second();
    let with = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        claims
    };
    let without = |field: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(field);
        claims
    };
    let mut attacks = vec![
        ("another's key under the same name", strange.sign(&good)),
        ("another audience", key.sign(&with("aud", json!("elsewhere")))),
        ("no audience", key.sign(&without("aud"))),
        ("another issuer", key.sign(&with("iss", json!("https://elsewhere.example")))),
        ("our own name", key.sign(&with("iss", json!("onsale")))),
        ("no issuer", key.sign(&without("iss"))),
        ("the issuer with a slash", key.sign(&with("iss", json!(format!("{}/", issuer.url))))),
        ("expired", key.sign(&with("exp", json!(now - 60)))),
        ("no expiry", key.sign(&without("exp"))),
        ("early", key.sign(&with("nbf", json!(now + 60)))),
        ("no subject", key.sign(&without("sub"))),
        ("an empty subject", key.sign(&with("sub", json!("")))),
        ("a subject that is no text", key.sign(&with("sub", json!(7)))),
        ("a key nobody knows", Key { kid: "two", ..key.clone() }.sign(&good)),
    ];
    // The right key, in a way that it is not meant for.
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512] {
        attacks.push(("another algorithm", Key { algorithm, ..key.clone() }.sign(&good)));
    }
    // The classic: signed with the public key as if it were a shared secret.
    for secret in shared_secrets(&key.public()) {
        for kid in [Some("one".to_owned()), None] {
            let header = Header { kid, ..Header::new(Algorithm::HS256) };
            let token = jsonwebtoken::encode(&header, &good, &EncodingKey::from_secret(&secret)).unwrap();
            attacks.push(("HS256 by the public key", token));
        }
    }
    let signed = key.sign(&good);
    let (message, signature) = signed.rsplit_once('.').unwrap();
    attacks.push(("unsigned", format!("{message}.")));
    attacks.push(("half a signature", format!("{message}.{}", &signature[..signature.len() / 2])));
    attacks.push(("very long", format!("{message}{}.{signature}", "A".repeat(6_000))));
    for (what, token) in &attacks {
        assert_eq!(status(&system, token).await, 401, "{what}");
        let bought = system.admin.with_token(token).buy(event, tier, 1).await.unwrap();
        assert_eq!(bought.status, 401, "{what}");
    }
    assert_eq!(status(&system, &signed).await, 200, "what they are made of is good");
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    system.assert_nothing_crashed();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_replaces_its_keys_and_may_be_away() {
    let (old, new) = (Key::ec("2025"), Key::ec("2026"));
    let issuer = issuer(&[&old]).await;
    let system = system(&issuer).await;
    let (of_old, of_new) = (old.sign(&claims(&issuer, "a", "none")), new.sign(&claims(&issuer, "a", "none")));
    known_everywhere(&system, &of_old).await;
    assert_eq!(status(&system, &of_new).await, 401, "nobody has published it");
    *issuer.keys.lock().unwrap() = vec![old.public(), new.public()];
    // A token with a key nobody knows has the keys fetched anew, though not more often than every ten seconds.
    for replica in &system.ready.replicas {
        let at = system.admin.with_token(&of_new).at(replica);
        eventually("the new key is known", 3 * SOON, async || at.get("/api/v1/bookings").await.unwrap().status == 200)
            .await;
    }
    assert_eq!(status(&system, &of_old).await, 200);
    // One that is withdrawn is so without anybody showing a key nobody knows.
    *issuer.keys.lock().unwrap() = vec![new.public()];
    for replica in &system.ready.replicas {
        let at = system.admin.with_token(&of_old).at(replica);
        eventually("the old key is forgotten", 3 * SOON, async || {
            at.get("/api/v1/bookings").await.unwrap().status == 401
        })
        .await;
    }
    let asked = issuer.asked.lock().unwrap().values().sum::<usize>();
    for _ in 0..100 {
        let token = Key { kid: "unknown", ..new.clone() }.sign(&claims(&issuer, "a", "none"));
        assert_eq!(status(&system, &token).await, 401);
    }
    let more = issuer.asked.lock().unwrap().values().sum::<usize>() - asked;
    assert!(more <= 2 * 3, "whoever makes up keys has the issuer asked {more} times");
    // What it published holds while it cannot be asked; a replica that never could says that it cannot tell.
    *issuer.keys.lock().unwrap() = Vec::new();
    system.stack.kill(stack::Role::Gatekeeper(0)).unwrap();
    let at = |replica: usize| -> Client { system.admin.with_token(&of_new).at(&system.ready.replicas[replica]) };
    eventually("it is back", SOON, async || {
        at(0).get("/api/v1/bookings").await.is_ok_and(|answer| answer.code() == "unavailable")
    })
    .await;
    assert_eq!(at(1).get("/api/v1/bookings").await.unwrap().status, 200);
    // An issuer that says more than any has to is not listened to, however long it goes on.
    let mut long = new.public();
    long.common.x509_chain = Some(vec!["A".repeat(300_000)]);
    let asked = || issuer.asked.lock().unwrap().values().sum::<usize>();
    for too_much in [vec![new.public(); 65], vec![long]] {
        *issuer.keys.lock().unwrap() = too_much;
        // It begins anew, and asks soon and often.
        system.stack.kill(stack::Role::Gatekeeper(0)).unwrap();
        let before = asked();
        eventually("it has asked again, twice", 3 * SOON, async || asked() >= before + 4).await;
        eventually("it does not like what it hears", SOON, async || {
            at(0).get("/api/v1/bookings").await.is_ok_and(|answer| answer.code() == "unavailable")
        })
        .await;
    }
    *issuer.keys.lock().unwrap() = vec![new.public(); 64];
    eventually("it is known", 3 * SOON, async || at(0).get("/api/v1/bookings").await.unwrap().status == 200).await;
}
