//! The crowd and the witness: they find nothing in the system as it is, and see what they should.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use stack::Role;
use stampede::arrivals::{Arrivals, Spacing};
use stampede::{History, Plan, Progress, Report, Scenario, Target, Verdict};

use crate::support::{System, private, private_with, shared};

pub fn plan(scenario: Scenario, rate: u32, seconds: u32) -> Plan {
    let arrivals = Arrivals { rate, seconds, spacing: Spacing::Poisson, spike: false };
    Plan { seed: 7, ..Plan::new(scenario, arrivals) }
}

pub async fn run(system: &System, plan: Plan) -> History {
    stampede::run(&Target::from(&system.ready), plan, &|_| ()).await.unwrap()
}

async fn is_ok(scenario: Scenario, seconds: u32) {
    let history = run(shared().await, plan(scenario, 300, seconds)).await;
    let report = Report::of(&history).unwrap();
    assert_eq!((report.verdict, report.unsent), (Verdict::Ok, 0), "{report}");
    assert!(!report.outcomes.keys().any(|kind| kind.starts_with('5') || kind.starts_with("unknown")), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stampede_for_one_seat_sells_it_once() {
    is_ok(Scenario::OneSeat, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stampede_on_a_hot_tier_sells_it_out_and_no_more() {
    is_ok(Scenario::HotTier, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rush_for_seats_sells_each_once() {
    is_ok(Scenario::SeatRush, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_most_abandon_comes_back_again_and_again() {
    is_ok(Scenario::Abandonment, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_mostly_looks_is_served() {
    is_ok(Scenario::Browse, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_does_everything_at_once_breaks_nothing() {
    is_ok(Scenario::Mixed, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_pauses_for_a_second_shows_in_the_p99() {
    let system = private_with(|options| options.replicas = 1).await;
    let (comes, come) = std::sync::mpsc::channel();
    let gatekeeper = system.stack.child(Role::Gatekeeper(0)).unwrap();
    let pause = tokio::task::spawn_blocking(move || {
        come.recv_timeout(Duration::from_mins(1)).unwrap();
        gatekeeper.signal(Signal::SIGSTOP);
        std::thread::sleep(Duration::from_secs(1));
        gatekeeper.signal(Signal::SIGCONT);
    });
    // Once the crowd is coming.
    let comes = std::sync::Mutex::new(comes);
    let tell = |progress| {
        if matches!(progress, Progress::Coming { come, .. } if come > 300) {
            let _ = comes.lock().unwrap().send(());
        }
    };
    let history = stampede::run(&Target::from(&system.ready), plan(Scenario::HotTier, 200, 6), &tell).await.unwrap();
    pause.await.unwrap();
    let report = Report::of(&history).unwrap();
    // A sixth of all came while it stood still, evenly: the longest waited for all of the second.
    assert!(report.latency_ms.p99 > 800.0, "{report}");
    assert!(report.latency_ms.p50 < 100.0, "{report}");
    assert_eq!((report.verdict, report.unsent), (Verdict::Ok, 0), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_is_no_verdict_and_a_kept_history_is_judged_the_same() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("history.ndjson");
    let history = run(shared().await, plan(Scenario::SeatRush, 50, 1)).await;
    history.save(&path).unwrap();
    let again = History::load(&path).unwrap();
    assert_eq!(again.operations, history.operations);
    assert_eq!(again.evidence, history.evidence);
    let report = Report::of(&again).unwrap();
    assert_eq!(serde_json::to_value(&report).unwrap(), serde_json::to_value(Report::of(&history).unwrap()).unwrap());

    let nobody = History { operations: Vec::new(), replays: Vec::new(), offered: 0, ..again };
    assert_eq!(Report::of(&nobody).unwrap().verdict, Verdict::Violated, "rows that nobody asked for");
    let nothing = History { evidence: None, ..nobody };
    assert_eq!(Report::of(&nothing).unwrap().verdict, Verdict::Unknown);
}

/// As a user has it.
fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_onsale"))
}

/// Its command line, for the system of a ready file.
fn onsale(ready: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = program().args(arguments).args(["--ready-file", ready.to_str().unwrap(), "--json"]).output().unwrap();
    let json = serde_json::from_slice(&output.stdout);
    (output.status.code().unwrap(), json.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_status_tells_the_verdict() {
    // Its own: other tests post past Redis, and leave accounts uneven on purpose.
    let system = private().await;
    let folder = tempfile::TempDir::new().unwrap();
    let ready = folder.path().join("ready.json");
    std::fs::write(&ready, serde_json::to_vec(&system.ready).unwrap()).unwrap();
    let arguments = ["stampede", "--scenario", "hot-tier", "--rate", "200", "--seconds", "2", "--arrivals", "fixed"];
    let (status, report) = onsale(&ready, &arguments);
    assert_eq!((status, &report["verdict"]), (0, &Value::from("ok")), "{report}");
    assert_eq!(report["offered"], 400);
    assert_eq!(report["sold"], 4, "one ticket for every hundred");
    assert!(report["latency_ms"]["p99"].as_f64().unwrap() > 0.0);
    assert_eq!(report["checks"]["I1"]["verdict"], "ok");
    let (status, report) = onsale(&ready, &["stampede", "--rate", "1", "--seconds", "1", "--arrivals", "fixed"]);
    assert_eq!((status, &report["verdict"]), (4, &Value::from("unknown")), "{report}");

    // From nothing to the rate within a second, by the system's addresses; and what was kept of it is judged as it was.
    let history = folder.path().join("history");
    let mut by_url = program();
    by_url.args([
        "stampede",
        "--scenario",
        "hot-tier",
        "--rate",
        "200",
        "--seconds",
        "2",
        "--arrivals",
        "fixed",
        "--spike",
    ]);
    by_url.args(["--url", &system.ready.url, "--admin-token", &system.ready.admin_token]);
    by_url.args(["--postgres", &system.ready.postgres, "--redis", &system.ready.redis]);
    let output = by_url.arg("--save").arg(&history).arg("--json").output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["verdict"]), (Some(0), &Value::from("ok")), "{report}");
    assert!((290..=310).contains(&report["offered"].as_i64().unwrap()), "half as many in the first second: {report}");
    let check = program().arg("stampede").arg("--check").arg(&history).arg("--json").output().unwrap();
    let again: Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!((check.status.code(), &again["checks"]), (Some(0), &report["checks"]));

    let (event, tier) = system.tier_event(5).await;
    assert_eq!(system.guest().await.buy(event, tier, 2).await.unwrap().status, 201);
    let event = event.to_string();
    let (status, audit) = onsale(&ready, &["audit", "--event", &event]);
    assert_eq!((status, &audit["verdict"]), (0, &Value::from("ok")), "{audit}");
    let tier_audit = &audit["events"][0]["audit"]["tiers"][0];
    assert_eq!((&tier_audit["sold"], &tier_audit["capacity"]), (&2.into(), &5.into()), "selling leaves the capacity");
    // A ticket that vanishes from Redis is missing from the account.
    let meta = format!("{{e:{event}}}:meta");
    let field = format!("t:{tier}");
    let take = redis::cmd("HINCRBY").arg(&meta).arg(&field).arg(-1).query_async::<i64>(&mut system.redis().await).await;
    take.unwrap();
    let (status, audit) = onsale(&ready, &["audit", "--event", &event, "--wait-seconds", "0"]);
    assert_eq!((status, &audit["verdict"]), (3, &Value::from("violated")), "{audit}");
    let back = redis::cmd("HINCRBY").arg(&meta).arg(&field).arg(1).query_async::<i64>(&mut system.redis().await).await;
    back.unwrap();
    let (status, audit) = onsale(&ready, &["audit"]);
    assert_eq!((status, &audit["verdict"]), (0, &Value::from("ok")), "all events: {audit}");
    // By its address, and a token in a file.
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{}\n", system.ready.admin_token)).unwrap();
    let mut by_url = program();
    by_url.args(["audit", "--url", &system.ready.url]).env("ONSALE_ADMIN_TOKEN_FILE", &token);
    assert_eq!(by_url.status().unwrap().code(), Some(0));
}
