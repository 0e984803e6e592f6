//! What an operator sees: figures, dashboards and alerts, on a real Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use contract::{EventId, TierId};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Crowd, Private, SOON, System, eventually, hold, private_with};
use crate::watcher::open;

const DASHBOARD: &str = include_str!("../../../../deploy/grafana/dashboards/onsale.json");
const ALERTS: &str = include_str!("../../../../deploy/prometheus/rules/alerts.yml");
const ALERT_TESTS: &str = include_str!("../../../../deploy/prometheus/tests/alerts.yml");
const RUNBOOK: &str = include_str!("../../../../docs/RUNBOOK.md");
const OPERATIONS: &str = include_str!("../../../../docs/OPERATIONS.md");

const LUA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../lua");

/// Prometheus asks every five seconds, and a rate takes two answers.
const DATA_WAIT: Duration = Duration::from_secs(40);

async fn text(url: &str) -> String {
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

/// Name, labels and value of each sample.
async fn samples(service: &str) -> Vec<(String, BTreeMap<String, String>, f64)> {
    let text = text(&format!("{service}/metrics")).await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let read = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
        let labels = labels.map(|label| {
            let (name, value) = label.split_once("=\"").unwrap();
            (name.to_owned(), value.trim_end_matches('"').to_owned())
        });
        (name.to_owned(), labels.collect(), value.parse().unwrap())
    };
    lines.map(read).collect()
}

async fn sample(service: &str, name: &str) -> f64 {
    samples(service).await.into_iter().find(|(found, ..)| found == name).unwrap().2
}

async fn services(system: &System) -> Vec<String> {
    system.ready.replicas.iter().chain([&system.ready.vault]).cloned().collect()
}

/// A little of everything that is measured.
async fn do_everything(system: &System, event: EventId, tier: TierId) {
    let seats = system.seat_event().await;
    let guest = system.guest().await;
    let held = hold(guest.hold_seats(seats, &["A-1-1"]).await.unwrap());
    guest.book_hold(seats, held.hold_id).await.unwrap();
    let other = system.guest().await;
    assert_eq!(other.hold_seats(seats, &["A-1-1"]).await.unwrap().status, 409);
    let booked = guest.buy(event, tier, 1).await.unwrap();
    let path = format!("/api/v1/bookings/{}", booked.body["booking_id"].as_str().unwrap());
    guest.post(&format!("{path}/confirm"), &Value::Null).await.unwrap();
    guest.post(&format!("{path}/cancel"), &Value::Null).await.unwrap();
    guest.post_with_key("/api/v1/bookings", "a key", &json!({})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_dashboard_has_data_and_every_rule_is_healthy() {
    let system = private_with(|options| options.prometheus = true).await;
    let prometheus = system.ready.prometheus.clone().unwrap();
    let (event, tier) = system.tier_event(100_000).await;
    let crowd = Crowd::buying(&system.admin, event, tier, 4);
    let _watcher = open(&system.ready.url, event, &[]).await.unwrap();
    do_everything(&system, event, tier).await;

    let ask = async |query: &str| -> Value {
        let url = reqwest::Url::parse_with_params(&format!("{prometheus}/api/v1/query"), [("query", query)]).unwrap();
        serde_json::from_str(&text(url.as_str()).await).unwrap()
    };
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let queries: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(queries.len() > 40, "{}", queries.len());
    let has_data = async |query: &str| {
        let answer = ask(query).await;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        // Not a number is what 0 / 0 gives: no data.
        let results = answer["data"]["result"].as_array().unwrap();
        results.iter().any(|result| result["value"][1] != "NaN")
    };
    for query in queries {
        eventually(query, DATA_WAIT, async || has_data(query).await).await;
    }

    let rules: Value = serde_json::from_str(&text(&format!("{prometheus}/api/v1/rules")).await).unwrap();
    let rules: Vec<_> =
        rules["data"]["groups"].as_array().unwrap().iter().flat_map(|g| g["rules"].as_array().unwrap()).collect();
    assert_eq!(rules.iter().filter(|rule| rule["type"] == "alerting").count(), alerts().len());
    for rule in &rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        assert!(rule["type"] == "recording" || rule["state"] != "firing", "nothing is wrong: {rule}");
    }
    let targets: Value = serde_json::from_str(&text(&format!("{prometheus}/api/v1/targets")).await).unwrap();
    let targets = targets["data"]["activeTargets"].as_array().unwrap();
    assert_eq!(targets.len(), 4);
    assert!(targets.iter().all(|target| target["health"] == "up"), "{targets:?}");

    // And one that is wrong is seen as such.
    let gone = system.stack.child(stack::Role::Gatekeeper(1)).unwrap();
    tokio::task::spawn_blocking(move || gone.down(nix::sys::signal::Signal::SIGKILL)).await.unwrap();
    let fires = async || {
        let answer = ask("ALERTS{alertname=\"GatekeeperDown\",alertstate=\"firing\"}").await;
        !answer["data"]["result"].as_array().unwrap().is_empty()
    };
    eventually("GatekeeperDown fires", Duration::from_mins(1), fires).await;
    crowd.stop().await;
}

fn alerts() -> BTreeSet<&'static str> {
    ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[test]
fn every_alert_is_in_the_runbook_and_is_made_to_fire() {
    let sections: BTreeSet<_> = RUNBOOK.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(sections, alerts());
    for alert in alerts() {
        assert!(ALERTS.contains(&format!("runbook: docs/RUNBOOK.md#{}\n", alert.to_lowercase())), "{alert}");
        assert!(ALERT_TESTS.contains(&format!("- alertname: {alert}\n")), "{alert}");
        assert!(ALERT_TESTS.contains(&format!("alertname: {alert}, eval_time: 15m, exp_alerts: []")), "{alert}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operations_page_names_every_figure_and_no_other() {
    let system = crate::support::shared().await;
    let (event, tier) = system.tier_event(10).await;
    do_everything(system, event, tier).await;
    let mut measured = BTreeSet::new();
    for service in services(system).await {
        let text = text(&format!("{service}/metrics")).await;
        let names = text.lines().filter_map(|line| Some(line.strip_prefix("# TYPE ")?.split_once(' ')?.0.to_owned()));
        measured.extend(names.filter(|name| !name.starts_with("process_")));
    }
    let rows = OPERATIONS.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let named: BTreeSet<_> = rows.map(|(name, _)| name.split('{').next().unwrap().to_owned()).collect();
    // Counted only once somebody fails.
    measured.insert("gatekeeper_script_failures_total".into());
    assert_eq!(named, measured);
}

/// Ids, and whatever else a client makes up, are in no label.
static SUSPICIOUS: LazyLock<fn(&str) -> bool> =
    LazyLock::new(|| |value| value.len() > 80 || value.contains("zz") || value.matches('-').count() >= 4);

#[tokio::test(flavor = "multi_thread")]
async fn no_figure_grows_with_what_clients_send() {
    // Whatever is measured in the background is there from the beginning.
    let system = with_quick_audits().await;
    let (event, tier) = system.tier_event(1_000).await;
    let audited = async || clean_audits(&system).await > 1.0;
    eventually("events are audited", SOON, audited).await;
    let series = async || {
        let mut series = BTreeSet::new();
        for service in services(&system).await {
            for (name, labels, _) in samples(&service).await {
                assert!(!labels.values().any(|value| SUSPICIOUS(value)), "{name} {labels:?}");
                // Which scripts have been called by now is chance; their names are not clients' to choose.
                match labels.get("script") {
                    Some(script) => assert!(Path::new(LUA).join(script).with_extension("lua").exists(), "{script}"),
                    None => _ = series.insert((name, labels)),
                }
            }
        }
        series
    };
    let round = async |round: usize| {
        do_everything(&system, event, tier).await;
        for replica in &system.ready.replicas {
            let guest = system.guest().await.at(replica);
            join_all((0..40).map(|at| {
                let (guest, method) = (guest.clone(), Method::from_bytes(format!("ZZ{round}{at}").as_bytes()).unwrap());
                async move {
                    let odd = EventId::fresh();
                    for path in [
                        format!("/zz{round}/{at}"),
                        format!("/api/v1/events/{odd}"),
                        format!("/api/v1/zz/{odd}/%2e%2e"),
                    ] {
                        guest.get(&path).await.unwrap();
                        guest.post(&path, &json!({"zz": at})).await.unwrap();
                    }
                    guest.call(method, "/api/v1/events", &Value::Null).await.unwrap();
                    guest.hold_tier(odd, TierId::fresh(), 1).await.unwrap();
                }
            }))
            .await;
        }
    };
    round(1).await;
    // Looking is a request as well, and counted afterwards.
    series().await;
    let first = series().await;
    round(2).await;
    round(3).await;
    let more: Vec<_> = series().await.difference(&first).cloned().collect();
    assert!(more.is_empty(), "{more:#?}");
    assert!(first.len() < 2_000, "{} series", first.len());
}

/// Audits in the background that found nothing wrong.
async fn clean_audits(system: &System) -> f64 {
    let mut clean = 0.0;
    for replica in &system.ready.replicas {
        let audits = samples(replica).await.into_iter().filter(|(name, ..)| name == "gatekeeper_audits_total");
        let is_clean = |labels: &BTreeMap<String, String>| labels["outcome"] == "clean";
        clean += audits.filter(|(_, labels, _)| is_clean(labels)).map(|(.., value)| value).sum::<f64>();
    }
    clean
}

async fn with_quick_audits() -> Private {
    private_with(|options| {
        options.gatekeeper_env.push(("ONSALE_AUDIT_INTERVAL_SECONDS".into(), "1".into()));
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_or_sold_twice_is_seen_without_being_asked_for() {
    let system = with_quick_audits().await;
    let (event, tier) = system.tier_event(10).await;
    let guest = system.guest().await;
    assert_eq!(guest.buy(event, tier, 3).await.unwrap().status, 201);
    let before = clean_audits(&system).await;
    eventually("it is audited", SOON, async || clean_audits(&system).await > before).await;
    // Whichever replica looked has it; told is what the one with the most of it says.
    let told = async |name: &str, value: f64| {
        let mut most = 0.0_f64;
        for replica in &system.ready.replicas {
            most = most.max(sample(replica, name).await);
        }
        (most - value).abs() < 0.5
    };
    for name in ["gatekeeper_leaked_tickets", "gatekeeper_oversold_tickets", "gatekeeper_double_booked_seats"] {
        assert!(told(name, 0.0).await, "{name}");
    }

    let mut redis = system.redis().await;
    let meta = format!("{{e:{event}}}:meta");
    let take = async |redis: &mut redis::aio::MultiplexedConnection, by: i64| {
        redis::cmd("HINCRBY").arg(&meta).arg(format!("t:{tier}")).arg(by).exec_async(redis).await.unwrap();
    };
    take(&mut redis, -2).await;
    eventually("the leak is seen", SOON, async || told("gatekeeper_leaked_tickets", 2.0).await).await;
    take(&mut redis, 2).await;
    eventually("and its end", SOON, async || told("gatekeeper_leaked_tickets", 0.0).await).await;

    // Postgres itself would not allow it.
    system.postgres().await.batch_execute("ALTER TABLE tiers DROP CONSTRAINT tiers_check").await.unwrap();
    let capacity = async |capacity: i64| {
        let postgres = system.postgres().await;
        postgres.execute("UPDATE tiers SET capacity = $2 WHERE event_id = $1", &[&event.0, &capacity]).await.unwrap();
    };
    capacity(1).await;
    eventually("it is oversold", SOON, async || told("gatekeeper_oversold_tickets", 2.0).await).await;
    capacity(10).await;
    eventually("it is not any more", SOON, async || told("gatekeeper_oversold_tickets", 0.0).await).await;

    let seats = system.seat_event().await;
    let held = hold(guest.hold_seats(seats, &["A-1-1"]).await.unwrap());
    assert_eq!(guest.book_hold(seats, held.hold_id).await.unwrap().status, 201);
    let twice = "DROP INDEX booking_items_live_seat; INSERT INTO booking_items \
        SELECT event_id, booking_id, item_no + 100, tier_id, seat_index, quantity, price_minor, released_at \
        FROM booking_items WHERE seat_index IS NOT NULL";
    system.postgres().await.batch_execute(twice).await.unwrap();
    eventually("a seat is sold twice", SOON, async || told("gatekeeper_double_booked_seats", 1.0).await).await;

    // Nobody to ask is not nothing found.
    let round = async || sample(&system.ready.replicas[0], "gatekeeper_audit_completed_timestamp_seconds").await;
    let vault = system.stack.child(stack::Role::Vault).unwrap();
    tokio::task::spawn_blocking(move || vault.down(nix::sys::signal::Signal::SIGKILL)).await.unwrap();
    let failed = async || {
        let samples = samples(&system.ready.replicas[0]).await;
        let audits = samples
            .iter()
            .filter(|(name, labels, _)| name == "gatekeeper_audits_total" && labels["outcome"] == "failed");
        audits.map(|(.., value)| value).sum::<f64>() > 0.0
    };
    eventually("an audit fails", SOON * 3, failed).await;
    let last = round().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!((round().await - last).abs() < 1.5, "no round is complete without the vault");
}
