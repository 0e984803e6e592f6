//! Redis and Postgres by TLS: whoever they are, they have to show it.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use stack::options::Certificates;
use stack::process::{Spec, give_to_servers, tail};
use stack::tools::Tools;
use stack::{PostgresShape, RedisShape, Role, Stack};
use tempfile::TempDir;

use crate::support::{Private, eventually, private_with};

/// Where the servers are.
const HERE: &str = "127.0.0.1";

/// An authority, and a server's certificate by it, for this name.
fn certificates(folder: &Path, name: &str) -> Certificates {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // A certificate that is called like its issuer is its own to OpenSSL.
    authority.distinguished_name.push(DnType::CommonName, "authority of a test");
    let authority_key = KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        stack::secrets::write_private(&path, text.as_bytes()).unwrap();
        give_to_servers(&path).unwrap();
        path
    };
    Certificates {
        authority: write("authority.pem", authority_certificate.pem()),
        certificate: write("server.pem", certificate.pem()),
        key: write("server.key", key.serialize_pem()),
    }
}

/// A folder the servers may enter.
fn folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

async fn encrypted(certificates: &Certificates) -> Private {
    let certificates = certificates.clone();
    private_with(move |options| options.tls = Some(certificates.clone())).await
}

/// The same with several servers of a store.
async fn encrypted_and_several(certificates: &Certificates, redis: RedisShape, postgres: PostgresShape) -> Private {
    let certificates = certificates.clone();
    private_with(move |options| {
        (options.tls, options.redis, options.postgres) = (Some(certificates.clone()), redis, postgres);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_and_postgres_are_spoken_to_by_tls() {
    let folder = folder();
    let system = encrypted(&certificates(folder.path(), HERE)).await;
    let (event, tier) = system.tier_event(10).await;
    let seats = system.seat_event().await;
    let guest = system.guest().await;
    assert_eq!(guest.buy(event, tier, 2).await.unwrap().status, 201);
    assert_eq!(guest.hold_seats(seats, &["A-1-1"]).await.unwrap().status, 201);
    system.clean_audit(event).await;
    // Every connection of the vault's is encrypted, the one that listens among them.
    let query = "SELECT count(*), count(*) FILTER (WHERE s.ssl) FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) \
        WHERE a.application_name = 'onsale-vault'";
    let row = system.postgres().await.query_one(query, &[]).await.unwrap();
    let (all, by_tls): (i64, i64) = (row.get(0), row.get(1));
    assert!(all >= 2 && all == by_tls, "{by_tls} of {all}");
    take_nothing_else([system.ready.redis.clone()].into_iter()).await;
}

/// Whom the first server asks, and who follows it: all of them are found, and spoken to, by TLS.
#[tokio::test(flavor = "multi_thread")]
async fn sentinels_shards_and_standbys_are_spoken_to_by_tls() {
    let folder = folder();
    let certificates = certificates(folder.path(), HERE);
    let system = encrypted_and_several(&certificates, RedisShape::Sentinel, PostgresShape::Standby).await;
    let (event, tier) = system.tier_event(10).await;
    let guest = system.guest().await;
    assert_eq!(guest.buy(event, tier, 2).await.unwrap().status, 201);
    let query =
        "SELECT count(*), count(*) FILTER (WHERE s.ssl) FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid)";
    let row = system.postgres().await.query_one(query, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 1), "the standby is there, by TLS");
    let (_, sentinels) = system.ready.redis.rsplit_once('@').unwrap();
    let sentinels = sentinels.split('/').next().unwrap().split(',').map(|host| format!("redis://{host}/"));
    take_nothing_else(system.ready.redis_servers.iter().cloned().chain(sentinels)).await;
    // The primary dies: the replica is led to by Sentinels that are asked by TLS, too.
    let primary = system.stack.child(Role::Redis).unwrap();
    tokio::task::spawn_blocking(move || primary.down(Signal::SIGKILL)).await.unwrap();
    let sells_on = async || guest.buy(event, tier, 1).await.unwrap().status == 201;
    eventually("the replica sells on", Duration::from_secs(30), sells_on).await;
    system.clean_audit(event).await;
    drop(system);

    let system = encrypted_and_several(&certificates, RedisShape::Cluster, PostgresShape::Server).await;
    let guest = system.guest().await;
    // Over twenty events, slots of all three shards.
    for _ in 0..20 {
        let (event, tier) = system.tier_event(10).await;
        assert_eq!(guest.buy(event, tier, 2).await.unwrap().status, 201);
        system.clean_audit(event).await;
    }
    take_nothing_else(system.ready.redis_servers.iter().cloned()).await;
}

async fn take_nothing_else(servers: impl Iterator<Item = String>) {
    for server in servers {
        let plain = redis::Client::open(server.replace("rediss://", "redis://")).unwrap();
        assert!(plain.get_multiplexed_async_connection().await.is_err(), "it speaks without TLS as well");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_vouched_for_by_somebody_else_is_not_believed() {
    let (folder, strange) = (folder(), folder());
    let system = encrypted(&certificates(folder.path(), HERE)).await;
    let strange = certificates(strange.path(), HERE);
    let secrets = std::fs::read(system.stack.data().join("secrets.json")).unwrap();
    let secrets: stack::secrets::Secrets = serde_json::from_slice(&secrets).unwrap();
    let tools = Tools::find().unwrap();
    let options = stack::Options::default();
    let start = |program: &str, environment: Vec<(&str, String)>| {
        let spec = Spec {
            program: options.bin_dir.join(program),
            arguments: Vec::new(),
            environment: environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            is_unprivileged: false,
            death_signal: Signal::SIGTERM,
            log: folder.path().join(format!("{program}.log")),
        };
        (spec.start(&tools).unwrap(), spec.log)
    };
    let authority = strange.authority.display().to_string();
    let (mut vault, log) = start(
        "vault",
        vec![
            ("ONSALE_VAULT_LISTEN", "127.0.0.1:0".into()),
            ("ONSALE_DATABASE_URL", format!("{}?sslmode=require", system.ready.postgres)),
            ("ONSALE_DATABASE_CA_FILE", authority.clone()),
            ("ONSALE_SERVICE_CREDENTIAL", secrets.service_credential.clone()),
        ],
    );
    // It does not wait for what waiting cannot mend.
    eventually("the vault gives up", Duration::from_secs(10), async || {
        tail(&log).contains("Postgres cannot be believed")
    })
    .await;
    assert!(!vault.wait().unwrap().success());

    let port = stack::ports::free().unwrap();
    let (mut gatekeeper, _) = start(
        "gatekeeper",
        vec![
            ("ONSALE_LISTEN", format!("127.0.0.1:{port}")),
            ("ONSALE_REDIS_URL", system.ready.redis.clone()),
            ("ONSALE_REDIS_CA_FILE", authority),
            ("ONSALE_VAULT_URL", system.ready.vault.clone()),
            ("ONSALE_SERVICE_CREDENTIAL", secrets.service_credential.clone()),
            ("ONSALE_TOKEN_KEY", secrets.token_key.clone()),
        ],
    );
    let ready = format!("http://127.0.0.1:{port}/ready");
    eventually("it says that Redis is not there", Duration::from_secs(10), async || {
        let Ok(answer) = reqwest::get(&ready).await else { return false };
        answer.status() == 503 && answer.text().await.unwrap().contains("\"redis\":\"down\"")
    })
    .await;
    gatekeeper.kill().unwrap();
    gatekeeper.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_not_believed() {
    let folder = folder();
    let tls = Some(certificates(folder.path(), "elsewhere.example"));
    let options = stack::Options { tls, restart: false, ..stack::Options::default() };
    let started = tokio::task::spawn_blocking(move || Stack::start(&options, std::sync::Arc::new(|_| ())).err());
    let why = started.await.unwrap().unwrap().to_string();
    assert!(why.contains("Postgres cannot be believed") && why.contains("not valid for name"), "{why}");
}
