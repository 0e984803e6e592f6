//! nginx.

use futures_util::future::join_all;
use reqwest::Method;

use crate::support::{Crowd, SOON, eventually, private_with, shared, tally};

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_the_vault_cannot_be_reached_from_outside() {
    let system = shared().await;
    for path in [
        "/metrics",
        "/internal/commits",
        "/internal/events",
        "/api/../metrics",
        "/api/v1/../../metrics",
        "/api/%2e%2e/metrics",
        "//metrics",
    ] {
        // As written: a client library would tidy the path before sending it.
        let reply = send_as_written(&system.ready.url, path).await;
        assert!(reply.starts_with("HTTP/1.1 404") || reply.starts_with("HTTP/1.1 400"), "{path}: {reply:.60}");
        assert!(!reply.contains("http_request_duration_seconds"), "{path}");
    }
    let inside = reqwest::get(format!("{}/metrics", system.ready.replicas[0])).await.unwrap().text().await.unwrap();
    for name in
        ["http_request_duration_seconds", "gatekeeper_admissions_total", "gatekeeper_commits_waiting", "process_"]
    {
        assert!(inside.contains(name), "{name}");
    }
    assert!(!inside.contains("/api/v1/events/0"), "routes are patterns, never paths");
    let vault = reqwest::get(format!("{}/metrics", system.ready.vault)).await.unwrap().text().await.unwrap();
    for name in ["vault_commit_batch_size", "vault_committer_queued", "vault_pool_connections"] {
        assert!(vault.contains(name), "{name}");
    }
}

async fn send_as_written(url: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut socket = tokio::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).await.unwrap();
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_carry_security_headers_and_a_request_id() {
    let system = shared().await;
    for path in ["/api/v1/events", "/api/v1/nothing", "/nothing"] {
        let reply = reqwest::get(format!("{}{path}", system.ready.url)).await.unwrap();
        let headers = reply.headers();
        for (name, value) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")] {
            assert_eq!(headers[name], value, "{path}");
        }
        assert!(headers.contains_key("content-security-policy") && headers.contains_key("strict-transport-security"));
    }
    let reply = reqwest::get(format!("{}/api/v1/events", system.ready.url)).await.unwrap();
    assert_eq!(reply.headers()["x-request-id"].len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_map_is_kept_by_its_tag_and_large_replies_are_compressed() {
    let system = shared().await;
    let event = system.seat_event_with(|event| event.sections = vec![stack::demo::section("A", 100, 100, 1)]).await;
    let http = reqwest::Client::new();
    let url = |what: &str| format!("{}/api/v1/events/{event}/{what}", system.ready.url);
    let map = http.get(url("seatmap")).send().await.unwrap();
    let tag = map.headers()["etag"].clone();
    let again = http.get(url("seatmap")).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    let seats = http.get(url("seats")).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(seats.headers()["content-encoding"], "gzip");
    assert!(seats.bytes().await.unwrap().len() < 2_000, "ten thousand seats");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_too_often_is_told_to_wait_and_probes_never_are() {
    let system = private_with(|options| options.limits = true).await;
    let url = format!("{}/api/v1/events", system.ready.url);
    let http = reqwest::Client::new();
    let replies = join_all((0..600).map(|_| http.get(&url).send())).await;
    let replies: Vec<_> = replies.into_iter().map(Result::unwrap).collect();
    let limited: Vec<_> = replies.into_iter().filter(|reply| reply.status() == 429).collect();
    assert!(!limited.is_empty());
    for reply in limited {
        assert_eq!(reply.headers()["retry-after"], "1");
        assert_eq!(reply.headers()["content-type"], "application/problem+json");
    }
    let health = join_all((0..400).map(|_| http.get(format!("{}/health", system.ready.url)).send())).await;
    assert!(health.into_iter().all(|reply| reply.unwrap().status() == 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_asks_too_often_is_told_to_wait() {
    let system = private_with(|options| options.limits = true).await;
    let (hasty, patient) = (system.guest().await, system.guest().await);
    let asked = std::time::Instant::now();
    let replies = join_all((0..200).map(|_| hasty.get("/api/v1/bookings"))).await;
    let seconds = asked.elapsed().as_secs_f64();
    let served = replies.iter().filter(|reply| reply.as_ref().unwrap().code() != "too_many_requests").count();
    // 60 at once and 20 a second, and a tenth of it from each replica.
    assert!(served >= 60, "{served}");
    assert!(f64::from(u32::try_from(served).unwrap()) <= 80.0 + 26.0 * seconds, "{served} in {seconds} s");
    assert_eq!(patient.get("/api/v1/bookings").await.unwrap().status, 200, "another customer at the same address");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_that_lives_serves_everyone() {
    let system = private_with(|options| options.restart = false).await;
    let (event, tier) = system.tier_event(1_000).await;
    for dead in [0, 2] {
        system.stack.kill(stack::Role::Gatekeeper(dead)).unwrap();
    }
    let guests = system.guests(100).await;
    for guest in &guests {
        assert_eq!(guest.buy(event, tier, 1).await.unwrap().status, 201);
    }
    assert_eq!(system.bookings(event).await, 100, "each once: a POST goes to another replica only if it was not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_named_origins_may_use_the_api_and_no_others() {
    const NAMED: &str = "https://tickets.example";
    let system = private_with(|options| {
        options.replicas = 1;
        options.gatekeeper_env.push(("ONSALE_ALLOWED_ORIGINS".into(), format!("{NAMED},https://other.example")));
    })
    .await;
    let http = reqwest::Client::new();
    let url = format!("{}/api/v1/bookings", system.ready.url);
    let preflight = async |origin: &str, method: &str, headers: &str| {
        let request = http.request(Method::OPTIONS, &url).header("origin", origin);
        let request = request.header("access-control-request-method", method);
        request.header("access-control-request-headers", headers).send().await.unwrap()
    };
    let allowed = preflight(NAMED, "POST", "authorization, content-type, idempotency-key").await;
    assert!(allowed.status().is_success(), "{}", allowed.status());
    assert_eq!(allowed.headers()["access-control-allow-origin"], NAMED);
    assert!(allowed.headers().get("access-control-allow-credentials").is_none(), "no cookies");
    for (origin, method, headers) in [
        ("https://tickets.example.evil", "POST", "authorization"),
        ("http://tickets.example", "POST", "authorization"),
        ("null", "POST", "authorization"),
        (NAMED, "TRACE", "authorization"),
        (NAMED, "POST", "onsale-origin"),
    ] {
        let refused = preflight(origin, method, headers).await;
        assert!(!refused.status().is_success(), "{origin} {method} {headers}: {}", refused.status());
        assert!(refused.headers().get("access-control-allow-origin").is_none(), "{origin} {method} {headers}");
    }
    // A refusal can be read as well: the page is to say what it is.
    let from = async |origin: &str| http.get(&url).header("origin", origin).send().await.unwrap();
    let refused = from(NAMED).await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["access-control-allow-origin"]),
        (401, &NAMED.parse().unwrap())
    );
    let exposed = refused.headers()["access-control-expose-headers"].to_str().unwrap().to_lowercase();
    assert!(exposed.contains("retry-after") && exposed.contains("x-request-id"));
    assert!(from("https://evil.example").await.headers().get("access-control-allow-origin").is_none());
    assert!(from("https://other.example").await.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_keeps_its_name_in_its_reply_and_its_problem() {
    let system = shared().await;
    let http = reqwest::Client::new();
    let ask = async |path: &str, name: &str| {
        let reply = http.get(format!("{}{path}", system.ready.url)).header("x-request-id", name).send().await.unwrap();
        let told = reply
            .headers()
            .get_all("x-request-id")
            .iter()
            .map(|id| id.to_str().unwrap().to_owned())
            .collect::<Vec<_>>();
        let problem: serde_json::Value = reply.json().await.unwrap();
        (told, problem["request_id"].as_str().unwrap().to_owned())
    };
    // From the gatekeeper, and from nginx alone.
    for path in ["/api/v1/events/nonsense", "/api/v1/bookings", "/elsewhere"] {
        let (told, problem) = ask(path, "order-4711-try-2").await;
        assert_eq!((told, problem.as_str()), (vec!["order-4711-try-2".to_owned()], "order-4711-try-2"), "{path}");
        for strange in ["short", "with space in it", "quote\"quote\"", &"x".repeat(65)] {
            let (told, problem) = ask(path, strange).await;
            assert_eq!(told, std::slice::from_ref(&problem), "{path}");
            assert_eq!(problem.len(), 32, "{path}: another name for {strange:.20}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_found_by_its_name_in_every_log_it_went_through() {
    const NAME: &str = "profile-4711-try-2";
    let system = private_with(|options| {
        options.replicas = 1;
        for environment in [&mut options.gatekeeper_env, &mut options.vault_env] {
            environment.push(("ONSALE_LOG".into(), "info,chassis=debug".into()));
        }
    })
    .await;
    let guest = system.guest().await;
    let request = guest.request(Method::DELETE, "/api/v1/profile").header("x-request-id", NAME);
    assert_eq!(request.send().await.unwrap().status(), 204);
    let data = system.stack.data().to_owned();
    for log in ["nginx/access.log", "logs/gatekeeper-1.log", "logs/vault.log"] {
        eventually(log, SOON, async || std::fs::read_to_string(data.join(log)).is_ok_and(|text| text.contains(NAME)))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_room_to_watch_keeps_nobody_from_buying() {
    let system = private_with(|options| {
        options.gatekeeper_env.push(("ONSALE_FEED_WATCHERS_MAX".into(), "1".into()));
    })
    .await;
    let (event, tier) = system.tier_event(1_000).await;
    let mut watching = Vec::new();
    let crowd = Crowd::buying(&system.admin, event, tier, 4);
    let mut refused = 0;
    for _ in 0..60 {
        match crate::watcher::open(&system.ready.url, event, &[]).await {
            Ok(socket) => watching.push(socket),
            Err(_) => refused += 1,
        }
    }
    let answers = crowd.stop().await;
    assert_eq!((watching.len(), refused), (3, 57), "one for each replica");
    assert!(answers.len() > 5 && answers.iter().all(|answer| answer.status == 201), "{:?}", tally(&answers));
}
