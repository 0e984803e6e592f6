//! `onsale up` and `onsale token`, as a person runs them.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use stack::process::send;
use stack::{Client, ReadyFile};
use tempfile::TempDir;

use crate::support::{eventually, read_ready, up};

fn is_alive(pid: u32) -> bool {
    // One that has ended and waits for somebody to ask how is not alive.
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn all_pids(ready: &ReadyFile) -> Vec<u32> {
    let pids = &ready.pids;
    [pids.redis, pids.postgres, pids.vault, pids.nginx].into_iter().chain(pids.gatekeeper.iter().copied()).collect()
}

struct Up {
    folder: Option<TempDir>,
    child: std::process::Child,
}

impl Drop for Up {
    /// A test that failed ends what it started, and shows what that said.
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            send(self.child.id(), Signal::SIGTERM);
            let _ = self.child.wait();
            eprintln!("{}", std::fs::read_to_string(folder.path().join("up.log")).unwrap_or_default());
            eprintln!("{}", std::fs::read_to_string(folder.path().join("ready.json")).unwrap_or_default());
        }
    }
}

impl Up {
    fn start(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let ready = folder.path().join("ready.json");
        let arguments: Vec<_> = arguments.iter().copied().chain(["--ready-file", ready.to_str().unwrap()]).collect();
        let child = up(&arguments, folder.path(), &folder.path().join("up.log"), Signal::SIGTERM);
        Self { folder: Some(folder), child }
    }

    async fn ready(&self) -> ReadyFile {
        let path = self.folder.as_ref().unwrap().path().join("ready.json");
        tokio::task::spawn_blocking(move || read_ready(&path, Duration::from_mins(3))).await.unwrap()
    }

    async fn end(mut self, signal: Signal) -> TempDir {
        send(self.child.id(), signal);
        tokio::task::spawn_blocking(move || {
            self.child.wait().unwrap();
            self.folder.take().unwrap()
        })
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dies_is_started_again_and_the_ready_file_follows() {
    let up = Up::start(&["--replicas", "2"]);
    let before = up.ready().await;
    let client = Client::new(&before.url).unwrap();
    let events = client.get("/api/v1/events").await.unwrap();
    let totals: Vec<_> =
        events.body["items"].as_array().unwrap().iter().map(|event| event["seats_total"].as_i64()).collect();
    assert_eq!(totals.iter().flatten().sum::<i64>(), 720 + 50_000);

    send(before.pids.gatekeeper[0], Signal::SIGKILL);
    eventually("another process takes its place", Duration::from_secs(20), async || {
        let now = up.ready().await;
        now.pids.gatekeeper[0] != 0 && now.pids.gatekeeper[0] != before.pids.gatekeeper[0]
    })
    .await;
    let replica = Client::new(&before.replicas[0]).unwrap();
    let is_ready = async || replica.get("/ready").await.is_ok_and(|ready| ready.status == 200);
    eventually("it is ready at the same address", Duration::from_secs(20), is_ready).await;
    let now = up.ready().await;
    let folder = up.end(Signal::SIGINT).await;
    assert!(all_pids(&now).into_iter().all(|pid| !is_alive(pid)), "everything is stopped");
    assert!(!folder.path().join("ready.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_killed_parent() {
    let up = Up::start(&["--no-demo", "--replicas", "1"]);
    let ready = up.ready().await;
    assert!(all_pids(&ready).into_iter().all(is_alive));
    let folder = up.end(Signal::SIGKILL).await;
    let is_over = async || all_pids(&ready).into_iter().all(|pid| !is_alive(pid));
    eventually("every child is gone", Duration::from_mins(1), is_over).await;
    drop(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_restart_what_dies_stays_dead() {
    let up = Up::start(&["--no-demo", "--replicas", "2", "--no-restart"]);
    let ready = up.ready().await;
    send(ready.pids.gatekeeper[1], Signal::SIGKILL);
    eventually("the ready file says so", Duration::from_secs(15), async || up.ready().await.pids.gatekeeper[1] == 0)
        .await;
    let client = Client::new(&ready.url).unwrap();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(1) {
        assert_eq!(client.get("/api/v1/events").await.unwrap().status, 200, "the other replica serves");
        assert_eq!(up.ready().await.pids.gatekeeper[1], 0);
    }
    up.end(Signal::SIGTERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_data_is_there_again_next_time() {
    let data = TempDir::new().unwrap();
    std::fs::set_permissions(data.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let arguments = ["--no-demo", "--replicas", "1", "--data", data.path().to_str().unwrap()];
    let up = Up::start(&arguments);
    let ready = up.ready().await;
    let admin = Client::new(&ready.url).unwrap().with_token(&ready.admin_token);
    let mut new = stack::demo::event("Kept", "Here").unwrap();
    new.tiers = vec![stack::demo::tier("Floor", 7)];
    let event = admin.create_event(&new).await.unwrap();
    let guest = admin.guest().await.unwrap();
    let booking = guest.buy(event.event_id, event.tiers[0].tier_id, 2).await.unwrap();
    assert_eq!(booking.status, 201);
    up.end(Signal::SIGTERM).await;

    let up = Up::start(&arguments);
    let ready = up.ready().await;
    let path = format!("/api/v1/bookings/{}", booking.body["booking_id"].as_str().unwrap());
    let again = guest.at(&ready.url).get(&path).await.unwrap();
    assert_eq!(again.body, booking.body, "the token and the booking are still good");
    let admin = admin.at(&ready.url);
    let is_loaded = async || admin.event(event.event_id).await.unwrap().tiers[0].available == Some(5);
    eventually("five are left", Duration::from_secs(15), is_loaded).await;
    up.end(Signal::SIGTERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_was_interrupted_is_made_good_by_the_next() {
    let data = TempDir::new().unwrap();
    std::fs::set_permissions(data.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // As a kill within initdb leaves it.
    std::fs::create_dir_all(data.path().join("postgres.new/base")).unwrap();
    let arguments = ["--no-demo", "--replicas", "1", "--data", data.path().to_str().unwrap()];
    let up = Up::start(&arguments);
    up.ready().await;
    up.end(Signal::SIGTERM).await;
    // As a kill right after createdb leaves it.
    std::fs::remove_file(data.path().join("postgres/onsale-database")).unwrap();
    let up = Up::start(&arguments);
    up.ready().await;
    up.end(Signal::SIGTERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stacks_cannot_share_a_folder() {
    let data = TempDir::new().unwrap();
    std::fs::set_permissions(data.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let up = Up::start(&["--no-demo", "--replicas", "1", "--data", data.path().to_str().unwrap()]);
    up.ready().await;
    let options = stack::Options { data: Some(data.path().to_owned()), ..stack::Options::default() };
    let started = tokio::task::spawn_blocking(move || stack::Stack::start(&options, std::sync::Arc::new(|_| ()))).await;
    let error = started.unwrap().err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(error.contains("is in use by another"), "{error}");
    up.end(Signal::SIGTERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_the_servers_cannot_enter_is_named() {
    let closed = TempDir::new().unwrap();
    std::fs::set_permissions(closed.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    if !stack::process::is_root() {
        // An ordinary user's servers run as that user, who can enter what it made.
        stack::process::check_servers_can_enter(closed.path()).unwrap();
        return;
    }
    let options = stack::Options { data: Some(closed.path().join("data")), ..stack::Options::default() };
    let started = tokio::task::spawn_blocking(move || stack::Stack::start(&options, std::sync::Arc::new(|_| ()))).await;
    let error = started.unwrap().err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(error.contains(&format!("{} cannot be entered", closed.path().display())), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_refuses_a_postgres_that_could_forget() {
    let options = stack::Options { postgres_settings: vec!["fsync=off".into()], ..stack::Options::default() };
    let started = tokio::task::spawn_blocking(move || stack::Stack::start(&options, std::sync::Arc::new(|_| ()))).await;
    let error = started.unwrap().err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(error.contains("fsync=off"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_come_from_files_and_are_never_shown() {
    let ready = &crate::support::shared().await.ready;
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let key = "k".repeat(32);
    let port = stack::ports::free().unwrap();
    let gatekeeper = |token_key: &std::path::Path| {
        let mut command = Command::new(std::path::Path::new(env!("CARGO_BIN_EXE_onsale")).with_file_name("gatekeeper"));
        command
            .env_clear()
            .env("ONSALE_LISTEN", format!("127.0.0.1:{port}"))
            .env("ONSALE_VAULT_URL", &ready.vault)
            .env("ONSALE_REDIS_URL_FILE", file("redis", &ready.redis))
            .env("ONSALE_SERVICE_CREDENTIAL_FILE", file("credential", &format!("{}\n", ready.service_credential)))
            .env("ONSALE_TOKEN_KEY_FILE", token_key)
            .stderr(std::process::Stdio::piped());
        command
    };
    let mut running = gatekeeper(&file("key", &key)).spawn().unwrap();
    let client = stack::Client::new(&format!("http://127.0.0.1:{port}")).unwrap();
    let is_ready = async || client.get("/ready").await.is_ok_and(|answer| answer.status == 200);
    crate::support::eventually("it is ready", Duration::from_secs(10), is_ready).await;
    let guest = client.guest().await.unwrap();
    assert_eq!(guest.get("/api/v1/bookings").await.unwrap().status, 200);
    running.kill().unwrap();
    running.wait().unwrap();

    let refused = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused(&mut gatekeeper(&file("short", "hush-hush")));
    assert!(said.contains("--token-key") && said.contains("at least 32"), "{said}");
    assert!(!said.contains("hush-hush"), "{said}");
    let said = refused(gatekeeper(&file("key", &key)).env("ONSALE_TOKEN_KEY", &key));
    assert!(said.contains("ONSALE_TOKEN_KEY and ONSALE_TOKEN_KEY_FILE are both set"), "{said}");
    let said = refused(&mut gatekeeper(&folder.path().join("nowhere")));
    assert!(said.contains("nowhere cannot be read"), "{said}");
    let said = refused(gatekeeper(&file("key", &key)).args(["--", "--token-key=hush-hush"]));
    assert!(!said.contains(&key) && !said.contains("hush-hush"), "{said}");
    let mut help = gatekeeper(&folder.path().join("nowhere"));
    assert!(help.arg("--help").output().unwrap().status.success(), "help needs no secret");
}

#[test]
fn a_minted_token_is_signed_with_the_given_key() {
    let key = "k".repeat(32);
    let token = |arguments: &[&str], key: &str| {
        let program = Command::new(env!("CARGO_BIN_EXE_onsale"))
            .arg("token")
            .args(arguments)
            .env("ONSALE_TOKEN_KEY", key)
            .output();
        program.unwrap()
    };
    let minted = token(&["--admin"], &key);
    let text = String::from_utf8(minted.stdout).unwrap();
    let checked = key.parse::<chassis::token::TokenKeys>().unwrap().verify(text.trim()).unwrap();
    assert_eq!(checked.role, chassis::token::Role::Admin);
    let refused = token(&["--admin"], &format!("{key},short"));
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("at least 32 characters") && !said.contains(&key) && !said.contains("short"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_probes_itself_and_a_vault_can_migrate_and_end() {
    let system = crate::support::shared().await;
    let address = |url: &str| url.strip_prefix("http://").unwrap().to_owned();
    let service = |program: &str, argument: &str, environment: Vec<(&str, String)>| {
        let path = std::path::Path::new(env!("CARGO_BIN_EXE_onsale")).with_file_name(program);
        let mut command = Command::new(path);
        command.arg(argument).envs(environment);
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let probe = async |program: &str, variable: &'static str, address: String| {
        service(program, "probe", vec![(variable, address)]).await.unwrap()
    };
    for (program, variable, url) in [
        ("gatekeeper", "ONSALE_LISTEN", &system.ready.replicas[0]),
        ("vault", "ONSALE_VAULT_LISTEN", &system.ready.vault),
    ] {
        assert!(probe(program, variable, address(url)).await.status.success());
        let port = stack::ports::free().unwrap();
        let nobody = probe(program, variable, format!("127.0.0.1:{port}")).await;
        assert!(!nobody.status.success());
        assert!(String::from_utf8_lossy(&nobody.stderr).contains("does not answer"), "{nobody:?}");
    }

    let settings = vec![
        ("ONSALE_DATABASE_URL", system.ready.postgres.clone()),
        ("ONSALE_SERVICE_CREDENTIAL", system.ready.service_credential.clone()),
    ];
    let migrated = service("vault", "--migrate-only", settings).await.unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    let said = String::from_utf8_lossy(&migrated.stderr);
    assert!(said.contains("the schema is up to date") && !said.contains("the vault is open"), "{said}");
}
