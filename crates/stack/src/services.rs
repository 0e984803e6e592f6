//! How the vault and the gatekeepers are started.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::options::Options;
use crate::process::Spec;
use crate::secrets::Secrets;

/// The vault.
#[must_use]
pub fn vault(options: &Options, logs: &Path, port: u16, database_url: &str, secrets: &Secrets) -> Spec {
    let mut environment = vec![
        ("ONSALE_VAULT_LISTEN".into(), format!("127.0.0.1:{port}")),
        ("ONSALE_DATABASE_URL".into(), database_url.to_owned()),
        ("ONSALE_SERVICE_CREDENTIAL".into(), secrets.service_credential.clone()),
    ];
    if let Some(tls) = &options.tls {
        environment.push(("ONSALE_DATABASE_CA_FILE".into(), tls.authority.display().to_string()));
    }
    environment.extend(options.vault_env.iter().cloned());
    service(options, "vault", environment, logs.join("vault.log"))
}

/// One gatekeeper.
#[must_use]
pub fn gatekeeper(
    options: &Options,
    logs: &Path,
    (index, port): (usize, u16),
    (redis_url, vault_url): (&str, &str),
    secrets: &Secrets,
) -> Spec {
    let mut environment = vec![
        ("ONSALE_LISTEN".into(), format!("127.0.0.1:{port}")),
        ("ONSALE_REDIS_URL".into(), redis_url.to_owned()),
        ("ONSALE_VAULT_URL".into(), vault_url.to_owned()),
        ("ONSALE_SERVICE_CREDENTIAL".into(), secrets.service_credential.clone()),
        ("ONSALE_TOKEN_KEY".into(), secrets.token_key.clone()),
        ("ONSALE_LIMITS".into(), if options.limits { "on" } else { "off" }.into()),
        ("ONSALE_WORKERS".into(), workers(options.replicas).to_string()),
    ];
    if let Some(tls) = &options.tls {
        environment.push(("ONSALE_REDIS_CA_FILE".into(), tls.authority.display().to_string()));
    }
    environment.extend(options.gatekeeper_env.iter().cloned());
    service(options, "gatekeeper", environment, logs.join(format!("gatekeeper-{}.log", index + 1)))
}

/// The cores are shared by the replicas.
fn workers(replicas: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / replicas.max(1)).max(1)
}

fn service(options: &Options, program: &str, environment: Vec<(String, String)>, log: std::path::PathBuf) -> Spec {
    Spec {
        program: options.bin_dir.join(program),
        arguments: Vec::new(),
        environment,
        is_unprivileged: false,
        death_signal: Signal::SIGINT,
        log,
    }
}
