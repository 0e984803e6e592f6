//! API keys: shown to who asked for them, kept as digests, revoked for good; and what a box office can and cannot do with one.

use std::time::Duration;

use chassis::token::Role;
use contract::CustomerId;
use contract::api::{Action, ApiKeys, FreshApiKey, LogPage, Profile, Session};
use contract::origin::ActorKind;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use stack::Client;
use stack::client::{Answer, send};

use crate::support::{SOON, eventually, log_page, private, shared};
use crate::tokens;

const API_KEYS: &str = "/api/v1/api-keys";

async fn buys(box_office: &Client, visitor: &str, event: contract::EventId, tier: contract::TierId) -> Answer {
    let request = box_office.request(Method::POST, "/api/v1/bookings").header("onsale-visitor", visitor);
    send(request.json(&json!({ "event_id": event, "tier_id": tier, "quantity": 1 }))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_office_sells_to_its_visitors_and_reaches_nobody_elses() {
    let system = shared().await;
    let (event, tier) = system.tier_event_with(100, |event| event.per_customer_max = 1).await;
    let (key, others_key) = (system.make_api_key("box_office").await, system.make_api_key("box_office").await);
    let (one, other) = (system.holder_of(&key).await, system.holder_of(&others_key).await);
    let sold = buys(&one, "ticket window 3, no. 17", event, tier).await;
    assert_eq!(sold.status, 201, "{}", sold.body);
    // Each visitor is a customer, with a limit of their own.
    assert_eq!(buys(&one, "ticket window 3, no. 17", event, tier).await.code(), "limit_exceeded");
    let next = buys(&one, "ticket window 3, no. 18", event, tier).await;
    assert_eq!(next.status, 201);
    // Another office's visitor of the same name is somebody else.
    let theirs = buys(&other, "ticket window 3, no. 17", event, tier).await;
    assert_eq!(theirs.status, 201);
    assert_ne!(theirs.body["customer_id"], sold.body["customer_id"]);
    let path = format!("/api/v1/bookings/{}", sold.body["booking_id"].as_str().unwrap());
    let read = async |office: &Client, visitor: &str| {
        send(office.request(Method::GET, &path).header("onsale-visitor", visitor)).await.unwrap().status
    };
    assert_eq!(read(&one, "ticket window 3, no. 17").await, 200);
    assert_eq!(read(&one, "ticket window 3, no. 18").await, 404, "another visitor's looks like none");
    assert_eq!(read(&other, "ticket window 3, no. 17").await, 404);
    assert_eq!(read(&system.guest().await, "ticket window 3, no. 17").await, 404, "the header is nothing to a guest");
    // Neither naming somebody's id nor somebody else's name gets at them.
    let customer = sold.body["customer_id"].as_str().unwrap();
    assert_eq!(read(&other, customer).await, 404);
    for bad in ["", &"x".repeat(201)] {
        assert_eq!(read(&one, bad).await, 400, "{bad:.10}");
    }
    let twice = one.request(Method::GET, &path).header("onsale-visitor", "a").header("onsale-visitor", "b");
    assert_eq!(send(twice).await.unwrap().status, 400);
    // What it did is entered as the key's doing; two visitors bought.
    let log = log_page(&system.admin, &format!("event_id={event}&actor={}&action=booked", key.key.key_id)).await;
    assert_eq!(log.items.iter().map(|entry| entry.actor_kind).collect::<Vec<_>>(), [ActorKind::ApiKey; 2]);
    // And it may nothing else.
    for (method, path) in [
        (Method::POST, "/api/v1/events".to_owned()),
        (Method::GET, "/api/v1/audit-log".to_owned()),
        (Method::GET, API_KEYS.to_owned()),
        (Method::GET, format!("/api/v1/events/{event}/audit")),
    ] {
        let body = if method == Method::POST {
            serde_json::to_value(stack::demo::event("x", "y").unwrap()).unwrap()
        } else {
            Value::Null
        };
        assert_eq!(one.call(method, &path, &body).await.unwrap().status, 403, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_key_audits_and_makes_nothing() {
    let system = shared().await;
    let (event, _) = system.tier_event(1).await;
    let key = system.make_api_key("operator").await;
    let program = system.holder_of(&key).await;
    assert_eq!(program.get(&format!("/api/v1/events/{event}/audit")).await.unwrap().status, 200);
    let paused =
        program.call(Method::PATCH, &format!("/api/v1/events/{event}"), &json!({ "sale_state": "paused" })).await;
    assert_eq!(paused.unwrap().status, 200);
    let log: LogPage =
        program.get(&format!("/api/v1/audit-log?actor={}", key.key.key_id)).await.unwrap().into().unwrap();
    assert_eq!(log.items.iter().map(|entry| entry.action).collect::<Vec<_>>(), [Action::EventChanged]);
    assert_eq!(program.post(API_KEYS, &json!({ "name": "x", "role": "operator" })).await.unwrap().status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_kept_as_a_digest_and_revoked_for_good() {
    let system = private().await;
    let key = system.make_api_key("box_office").await;
    let client = system.holder_of(&key).await;
    let again = json!({ "name": "Box office, main hall", "role": "box_office" });
    let keyed = system.admin.post_with_key(API_KEYS, "made-once", &again).await.unwrap();
    let keyed: FreshApiKey = keyed.into().unwrap();
    // Nobody can read either anywhere: not in the list, not in the log, not in Postgres, not in anybody's output.
    let secrets = [&key, &keyed].map(|key| key.api_key.rsplit_once('_').unwrap().1);
    assert!(secrets.iter().all(|secret| secret.len() == 64) && secrets[0] != secrets[1]);
    // Nor what the second is made of.
    let unseen = [secrets[0], secrets[1], "made-once"];
    let list = system.admin.get(API_KEYS).await.unwrap();
    let log = system.admin.get("/api/v1/audit-log").await.unwrap();
    assert!(log.body.to_string().contains("api_key_created"));
    let rows = "SELECT (SELECT string_agg(k::text, ',') FROM api_keys k) || (SELECT string_agg(l::text, ',') FROM audit_log l) \
        || (SELECT string_agg(i::text, ',') FROM idempotency_keys i)";
    let kept: String = system.postgres().await.query_one(rows, &[]).await.unwrap().get(0);
    assert!(kept.contains("Box office, main hall"));
    let logs = std::fs::read_dir(system.stack.data().join("logs")).unwrap();
    let logs = logs.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
    for text in [list.body.to_string(), log.body.to_string(), kept].into_iter().chain(logs) {
        assert!(unseen.iter().all(|unseen| !text.contains(unseen)));
    }
    // What is like it is none.
    let id = key.key.key_id.0.simple().to_string();
    let wrong = [
        format!("osk_{id}_{}", "0".repeat(64)),
        format!("osk_{id}_"),
        format!("osk_{id}"),
        "osk_".to_owned(),
        format!("osk_{}_{}", uuid::Uuid::new_v4().simple(), secrets[0]),
        format!("{}0", key.api_key),
        key.api_key[..key.api_key.len() - 1].to_owned(),
        key.api_key.to_uppercase(),
        key.api_key.replace("osk_", ""),
    ];
    for wrong in &wrong {
        assert_eq!(client.with_token(wrong).get("/api/v1/bookings").await.unwrap().status, 401, "{wrong}");
    }

    let path = format!("/api/v1/api-keys/{}", key.key.key_id);
    for _ in 0..2 {
        assert_eq!(system.admin.call(Method::DELETE, &path, &Value::Null).await.unwrap().status, 204);
    }
    for replica in &system.ready.replicas {
        let at = client.at(replica);
        eventually("it works nowhere", SOON, async || at.get("/api/v1/bookings").await.unwrap().status == 401).await;
    }
    let list: ApiKeys = system.admin.get(API_KEYS).await.unwrap().into().unwrap();
    assert_eq!(list.items.iter().map(|key| key.revoked_at.is_some()).collect::<Vec<_>>(), [false, true]);
    let nobodys = format!("/api/v1/api-keys/{}", uuid::Uuid::new_v4());
    assert_eq!(system.admin.call(Method::DELETE, &nobodys, &Value::Null).await.unwrap().status, 404);
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(&system.ready.admin_token).unwrap();
    let admin = claims["sub"].as_str().unwrap().parse().unwrap();
    for (action, subjects) in
        [("api_key_created", vec![keyed.key.key_id, key.key.key_id]), ("api_key_revoked", vec![key.key.key_id])]
    {
        let log = system.admin.get(&format!("/api/v1/audit-log?action={action}")).await.unwrap();
        let log: LogPage = log.into().unwrap();
        let told: Vec<_> = log.items.iter().map(|entry| entry.subject).collect();
        assert_eq!(told, subjects.iter().map(|key| key.0).collect::<Vec<_>>(), "{action}: twice revoked is once done");
        for entry in &log.items {
            assert_eq!((entry.actor_kind, entry.actor), (ActorKind::Admin, Some(admin)), "{action}");
            assert!(!entry.request_id.is_empty(), "{action}");
        }
    }
    for bad in [
        json!({ "name": "", "role": "operator" }),
        json!({ "name": "x", "role": "admin" }),
        json!({ "name": "a\nb", "role": "operator" }),
    ] {
        assert_eq!(system.admin.post(API_KEYS, &bad).await.unwrap().code(), "malformed", "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_answer_was_lost_is_shown_by_the_next_replica_and_is_the_same() {
    let system = private().await;
    let new = json!({ "name": "Lost", "role": "operator" });
    let ask = async || system.admin.post_with_key(API_KEYS, "lost-once", &new).await.unwrap();
    system.set_fault("gatekeeper-before-keep");
    assert_eq!(ask().await.code(), "unavailable");
    system.crashed_at("gatekeeper-before-keep").await;
    eventually("another replica goes on", Duration::from_secs(20), async || ask().await.status == 201).await;
    let shown: Vec<FreshApiKey> =
        join_all((0..3).map(|_| ask())).await.into_iter().map(|a| a.into().unwrap()).collect();
    assert!(shown.iter().all(|key| key.api_key == shown[0].api_key && key.key == shown[0].key));
    let made: ApiKeys = system.admin.get(API_KEYS).await.unwrap().into().unwrap();
    assert_eq!(made.items, [shown[0].key.clone()], "made once");
    system.holder_of(&shown[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_again_to_the_administrator_who_made_it_alone() {
    let system = private().await;
    let secret = tokens::secret(&system);
    let (maker, new) = (CustomerId::fresh(), json!({ "name": "Mine", "role": "operator" }));
    let ask = async |customer: CustomerId, role: Role, replica: &str| {
        let client = system.admin.with_token(&tokens::signed_for(customer, &secret, role)).at(replica);
        client.post_with_key(API_KEYS, "of-mine", &new).await.unwrap()
    };
    let first = ask(maker, Role::Admin, &system.ready.url).await;
    assert!(first.status == 201 && !first.is_replay, "{}", first.body);
    for replica in &system.ready.replicas {
        let again = ask(maker, Role::Admin, replica).await;
        assert!(again.status == 201 && again.is_replay && again.body == first.body, "{}", again.body);
        // They may not any more what they could.
        for role in [Role::Operator, Role::Customer] {
            let refused = ask(maker, role, replica).await;
            assert_eq!((refused.status.as_u16(), refused.code()), (403, "forbidden"), "{}", refused.body);
        }
    }
    let others = ask(CustomerId::fresh(), Role::Admin, &system.ready.url).await;
    assert!(others.status == 201 && !others.is_replay && others.body["api_key"] != first.body["api_key"]);
    // Repetitions say that they are, and may not be kept on the way.
    let maker = system.admin.with_token(&tokens::signed_for(maker, &secret, Role::Admin));
    let again = maker.request(Method::POST, API_KEYS).header("idempotency-key", "of-mine").json(&new);
    let again = again.send().await.unwrap();
    for (name, value) in
        [("idempotent-replayed", "true"), ("cache-control", "no-store"), ("content-type", "application/json")]
    {
        assert_eq!(again.headers()[name], value);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_nobody_can_check_is_not_refused() {
    let system = private().await;
    let key = system.make_api_key("box_office").await;
    system.holder_of(&key).await;
    system.stack.child(stack::Role::Vault).unwrap().signal(nix::sys::signal::Signal::SIGSTOP);
    system.stack.kill(stack::Role::Gatekeeper(0)).unwrap();
    let at = system.admin.with_token(&key.api_key).at(&system.ready.replicas[0]);
    // Started anew, it has no list, and says so.
    eventually("it is back", SOON, async || {
        at.get("/api/v1/bookings").await.is_ok_and(|answer| answer.code() == "unavailable")
    })
    .await;
    system.stack.child(stack::Role::Vault).unwrap().signal(nix::sys::signal::Signal::SIGCONT);
    eventually("it is known again", SOON, async || {
        at.get("/api/v1/bookings").await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_its_customers_alone_and_goes_when_they_say_so() {
    let system = shared().await;
    let session: Session = system.admin.post("/api/v1/sessions", &Value::Null).await.unwrap().into().unwrap();
    let (one, other) = (system.admin.with_token(&session.token), system.guest().await);
    let path = "/api/v1/profile";
    assert_eq!(one.get(path).await.unwrap().status, 404);
    let mine = json!({ "name": "Zoë 田中", "email": "zoe@example.org", "phone": "+49 30 1234567" });
    assert_eq!(one.call(Method::PUT, path, &mine).await.unwrap().status, 204);
    assert_eq!(one.get(path).await.unwrap().body, mine);
    assert_eq!(other.get(path).await.unwrap().status, 404);
    // All of it is replaced: what is absent is forgotten.
    assert_eq!(one.call(Method::PUT, path, &json!({ "name": "Zoë" })).await.unwrap().status, 204);
    let profile: Profile = one.get(path).await.unwrap().into().unwrap();
    assert_eq!((profile.name.as_deref(), profile.email, profile.phone), (Some("Zoë"), None, None));
    for bad in [
        json!({ "email": "nobody" }),
        json!({ "phone": "call me" }),
        json!({ "name": "" }),
        json!({ "age": 7 }),
        json!([]),
    ] {
        assert_eq!(one.call(Method::PUT, path, &bad).await.unwrap().code(), "malformed", "{bad}");
    }
    for _ in 0..2 {
        assert_eq!(one.call(Method::DELETE, path, &Value::Null).await.unwrap().status, 204);
    }
    assert_eq!(one.get(path).await.unwrap().status, 404);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert_eq!(one.with_token("").call(method, path, &mine).await.unwrap().status, 401);
    }
    // That it was changed is known, and by whom; what it said is not.
    let entries = async |action: &str| {
        log_page(&system.admin, &format!("action={action}&actor={}", session.customer_id)).await.items
    };
    let (changed, removed) = (entries("profile_changed").await, entries("profile_removed").await);
    assert_eq!((changed.len(), removed.len()), (2, 1), "each that changed something, and none that did not");
    let log = serde_json::to_string(&(changed, removed)).unwrap();
    assert!(!log.contains("zoe@example.org") && !log.contains("Zoë"));
}
