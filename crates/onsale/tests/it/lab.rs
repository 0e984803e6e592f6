//! The race lab, and the demonstrations.

use std::process::Command;
use std::time::Duration;

use clap::ValueEnum as _;
use lab::face::{self, Face};
use lab::{Sale, Shop, Strategy, chart};

use crate::support::shared;

#[tokio::test(flavor = "multi_thread")]
async fn naive_strategies_oversell_and_the_others_sell_what_there_is() {
    let sale = Sale { capacity: 60, clients: 40, seconds: Some(1) };
    let pause = Duration::from_millis(3);
    let report = onsale::lab::compare(&sale, Strategy::value_variants(), pause, &|_| ()).await.unwrap();
    for (row, strategy) in report.strategies.iter().zip(Strategy::value_variants()) {
        assert_eq!(row.name, strategy.name());
        assert!(row.requests_per_second > 0.0 && row.p99_ms >= row.p50_ms, "{report}");
        if matches!(strategy, Strategy::Naive | Strategy::NaiveTransaction) {
            assert!(row.oversold > 0, "{report}");
        } else {
            assert_eq!((row.oversold, row.lost), (0, 0), "{report}");
            // Under a minute's lock each of sixty seats has to be drawn by someone.
            assert!(row.sold == 60 || *strategy == Strategy::RedisLock, "{report}");
        }
    }
    let onsale = report.strategies.last().unwrap();
    assert_eq!((onsale.name.as_str(), onsale.errors_5xx), ("onsale", 0), "{report}");
    assert!(report.is_ok());
    let json = serde_json::to_value(&report).unwrap();
    for field in [
        "name",
        "capacity",
        "sold",
        "oversold",
        "lost",
        "errors_5xx",
        "requests_per_second",
        "p50_ms",
        "p95_ms",
        "p99_ms",
    ] {
        assert!(!json["strategies"][0][field].is_null(), "{field}");
    }
    let svg = chart::svg(&report);
    assert!(svg.starts_with("<svg") && svg.contains("naive-transaction") && svg.ends_with("</svg>\n"));
}

#[test]
fn the_lab_writes_its_table_and_draws_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let [json, svg] = ["lab.json", "lab.svg"].map(|name| folder.path().join(name));
    let mut lab = Command::new(env!("CARGO_BIN_EXE_onsale"));
    lab.args(["lab", "--strategies", "atomic-update", "--capacity", "5", "--clients", "5", "--seconds", "1"]);
    let output = lab.arg("--json").arg(&json).arg("--svg").arg(&svg).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("atomic-update"));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(
        (&report["strategies"][0]["name"], &report["strategies"][0]["sold"]),
        (&"atomic-update".into(), &5.into())
    );
    assert!(std::fs::read_to_string(svg).unwrap().contains("atomic-update"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_speaks_as_the_reference_systems_do_and_only_an_administrator_resets_it() {
    let system = shared().await;
    let shop = Shop::open(&system.ready.postgres, &system.ready.redis, Duration::ZERO).await.unwrap();
    shop.reset(2).await.unwrap();
    let face = Face { shop, buy: Strategy::RedisLua, capacity: 2, admin_token: "secret".into() };
    let open = face::open(face, 0).unwrap();
    let http = reqwest::Client::new();
    let post = async |path: &str, token: &str| {
        let request = http.post(format!("{}{path}", open.url)).bearer_auth(token);
        request.json(&serde_json::json!({"user_id": 1, "event_id": 1})).send().await.unwrap().status().as_u16()
    };
    assert_eq!([post("/buy", "").await, post("/buy", "").await, post("/buy", "").await], [200, 200, 410]);
    assert_eq!(post("/reset", "wrong").await, 401);
    assert_eq!(post("/reset", "secret").await, 200);
    assert_eq!([post("/book/safe", "").await, post("/book/unsafe", "").await], [200, 200]);
    assert_eq!([post("/book/safe", "").await, post("/book/unsafe", "").await], [409, 409]);
    // With everything down a purchase fails; it is not refused.
    redis::cmd("DEL").arg("lab:stock").query_async::<()>(&mut system.redis().await).await.unwrap();
    assert_eq!(post("/buy", "").await, 503);
}

#[test]
fn the_five_demonstrations_pass() {
    let output = Command::new(env!("CARGO_BIN_EXE_onsale")).args(["demo", "--slow-machine"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for name in ["safeticket", "ticketblitz", "ticket-booking-system", "ticketengine", "ticketmain"] {
        assert!(said.contains(&format!("{name}\n  ok ")), "{said}");
    }
}

#[test]
fn the_k6_scenarios_pass() {
    let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let files = |folder: &str| std::fs::read_dir(format!("{repository}/{folder}")).unwrap();
    for script in files("k6").chain(files("k6/lib")).map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&script).unwrap();
        assert!(!text.contains("from 'http"), "{} imports from elsewhere", script.display());
    }
    let output = Command::new(format!("{repository}/scripts/stress.sh"))
        .args(["flash-sale", "one-seat", "seat-rush", "browse", "websocket", "soak"])
        .envs([("ONSALE", env!("CARGO_BIN_EXE_onsale")), ("VUS", "100"), ("WATCHERS", "50"), ("SEATS", "20")])
        // Unoptimized services beside the load on two cores: what is measured here is right and wrong.
        .envs([("DURATION", "3s"), ("RAMP", "2s"), ("P95_MS", "5000")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("verdict: ok").count(), 6, "{said}");
}
