//! Processes die at the worst moment.

use std::time::{Duration, Instant};

use stack::Role;

use crate::support::{Crowd, SOON, booked, eventually, private, private_with, tally};

#[tokio::test(flavor = "multi_thread")]
async fn a_gatekeeper_killed_between_decrement_and_commit_leaks_nothing() {
    let lease = Duration::from_secs(6);
    let system = private_with(move |options| {
        options.gatekeeper_env.push(("ONSALE_COMMIT_LEASE_MS".into(), lease.as_millis().to_string()));
    })
    .await;
    let (event, tier) = system.tier_event(3).await;
    let guest = system.guest().await;
    system.set_fault("gatekeeper-before-commit");
    let asked = Instant::now();
    let answer = guest.buy(event, tier, 2).await.unwrap();
    let crashed = Instant::now();
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "unavailable"),
        "a POST is never sent to another replica"
    );
    system.crashed_at("gatekeeper-before-commit").await;
    let taken = async || system.admin.event(event).await.unwrap().tiers[0].available;
    assert_eq!(taken().await, Some(1), "taken, until its lease is over");
    eventually("the stock is back", lease + Duration::from_secs(5), async || taken().await == Some(3)).await;
    assert!(asked.elapsed() >= lease, "not before its lease was over and somebody asked the vault");
    assert!(crashed.elapsed() <= lease + Duration::from_secs(5));
    assert_eq!(system.bookings(event).await, 0);
    let voids = "SELECT count(*) FROM reservations WHERE event_id = $1 AND outcome = 'void'";
    assert_eq!(system.count(voids, event).await, 1, "its rid is void for ever");
    system.clean_audit(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_killed_after_commit_answers_the_retry_with_the_same_booking() {
    // Long enough for a vault that starts slowly.
    let wait = ("ONSALE_COMMIT_WAIT_MS".to_owned(), "25000".to_owned());
    let lease = ("ONSALE_COMMIT_LEASE_MS".to_owned(), "28000".to_owned());
    let system = private_with(move |options| options.gatekeeper_env.extend([wait.clone(), lease.clone()])).await;
    let (event, tier) = system.tier_event(3).await;
    let guest = system.guest().await;
    system.set_fault("vault-after-commit");
    let answer = guest.buy(event, tier, 2).await.unwrap();
    system.crashed_at("vault-after-commit").await;
    assert_eq!(answer.status, 201, "the gatekeeper asked again with the same rid: {}", answer.body);
    let booking =
        guest.get(&format!("/api/v1/bookings/{}", answer.body["booking_id"].as_str().unwrap())).await.unwrap();
    assert_eq!(booking.body, answer.body);
    assert_eq!(system.bookings(event).await, 1);
    assert_eq!(system.clean_audit(event).await.tiers[0].available, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_201_has_its_row_when_postgres_is_killed_under_load() {
    let system = private().await;
    let (event, tier) = system.tier_event(100_000).await;
    let crowd = Crowd::buying(&system.admin, event, tier, 20);
    let sold = async |count| system.bookings(event).await >= count;
    eventually("some are sold", Duration::from_secs(20), async || sold(50).await).await;
    for _ in 1..=2 {
        let starts = system.stack.child(Role::Postgres).unwrap().starts();
        system.stack.kill(Role::Postgres).unwrap();
        let is_back = async || system.stack.child(Role::Postgres).unwrap().starts() > starts;
        eventually("Postgres is started again", Duration::from_secs(20), is_back).await;
        let answers = async || tokio_postgres::connect(&system.ready.postgres, tokio_postgres::NoTls).await.is_ok();
        eventually("Postgres answers", Duration::from_secs(30), answers).await;
        let already = system.bookings(event).await;
        eventually("it sells again", Duration::from_secs(30), async || sold(already + 50).await).await;
    }
    let answers = crowd.stop().await;
    let postgres = system.postgres().await;
    let ids = booked(&answers);
    let rows = postgres.query("SELECT booking_id FROM bookings WHERE booking_id = ANY ($1)", &[&ids]).await.unwrap();
    assert_eq!(rows.len(), ids.len(), "{:?}", tally(&answers));
    let kinds = tally(&answers);
    assert!(kinds.keys().all(|kind| kind == "201" || kind.starts_with("503")), "{kinds:?}");
    system.clean_audit(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_says_what_is_down() {
    let system = private().await;
    let replica = stack::Client::new(&system.ready.replicas[0]).unwrap();
    let is_ready = async || replica.get("/ready").await.unwrap().status == 200;
    eventually("ready", SOON, is_ready).await;
    let vault = system.stack.child(Role::Vault).unwrap();
    let redis = system.stack.child(Role::Redis).unwrap();
    let down = |child: std::sync::Arc<stack::children::Managed>| {
        tokio::task::spawn_blocking(move || child.down(nix::sys::signal::Signal::SIGKILL))
    };
    down(vault.clone()).await.unwrap();
    eventually("only the vault is down", SOON, async || {
        let ready = replica.get("/ready").await.unwrap();
        ready.status == 503 && ready.body["vault"] == "down" && ready.body["redis"] == "up"
    })
    .await;
    vault.up();
    down(redis.clone()).await.unwrap();
    eventually("only Redis is down", Duration::from_secs(10), async || {
        let ready = replica.get("/ready").await.unwrap();
        ready.status == 503 && ready.body["vault"] == "up" && ready.body["redis"] == "down"
    })
    .await;
    assert_eq!(replica.get("/health").await.unwrap().status, 200, "liveness asks nobody");
    redis.up();
    eventually("ready", SOON, is_ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_given_up_and_said_so() {
    let limit = ("ONSALE_REQUEST_LIMIT_MS".to_owned(), "1000".to_owned());
    let system = private_with(move |options| options.gatekeeper_env.push(limit.clone())).await;
    let guest = system.guest().await;
    let answers = async || guest.get("/api/v1/bookings").await.unwrap().status == 200;
    eventually("bookings are listed", SOON, answers).await;
    let vault = system.stack.child(Role::Vault).unwrap();
    vault.signal(nix::sys::signal::Signal::SIGSTOP);
    let asked = Instant::now();
    let answer = guest.get("/api/v1/bookings").await.unwrap();
    let took = asked.elapsed();
    vault.signal(nix::sys::signal::Signal::SIGCONT);
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "unavailable"));
    assert!(answer.body["detail"].as_str().unwrap().contains("too long"), "{}", answer.body);
    assert!(took >= Duration::from_millis(950) && took < Duration::from_secs(10), "{took:?}");
}
