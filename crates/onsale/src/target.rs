//! Which running system a command is about, or a stack of its own.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use chassis::config::{Secret, SecretSetting};
use stack::{Options, ReadyFile, Report, Stack};
use stampede::target::Stores;

/// What of it is not shown, and may be in a file.
pub const DOOR_SECRETS: &[SecretSetting] = &[SecretSetting { flag: "admin-token", variable: "ONSALE_ADMIN_TOKEN" }];
/// The same, with the addresses of its stores.
pub const SECRETS: &[SecretSetting] = &[
    DOOR_SECRETS[0],
    SecretSetting { flag: "postgres", variable: "ONSALE_DATABASE_URL" },
    SecretSetting { flag: "redis", variable: "ONSALE_REDIS_URL" },
];

/// Where a running system is.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "door", multiple = true)]
pub struct Door {
    /// The ready file of a running `onsale up --ready-file`: everything that is needed is in it.
    #[arg(long, conflicts_with = "url")]
    ready_file: Option<PathBuf>,

    /// The front door of a running system.
    #[arg(long)]
    url: Option<String>,

    /// An administrator's token for it. `ONSALE_ADMIN_TOKEN_FILE` may name a file that has it.
    #[arg(long, env = "ONSALE_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<Secret>,
}

/// Where a running system's stores are, to be read past its services; the ready file has them.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "stores", multiple = true)]
pub struct StoreAddresses {
    /// Its Postgres. `ONSALE_DATABASE_URL_FILE` may name a file that has the address.
    #[arg(long, env = "ONSALE_DATABASE_URL", hide_env_values = true, requires = "redis")]
    postgres: Option<Secret>,

    /// Its Redis, as gatekeepers take it, with every server of a Cluster; under Sentinels all servers, also as redis+cluster://….
    /// `ONSALE_REDIS_URL_FILE` may name a file that has the address.
    #[arg(long, env = "ONSALE_REDIS_URL", hide_env_values = true, requires = "postgres")]
    redis: Option<Secret>,
}

impl Door {
    /// The running system that was named, if one was.
    pub fn target(&self, stores: Option<&StoreAddresses>) -> anyhow::Result<Option<stampede::Target>> {
        if let Some(path) = &self.ready_file {
            let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            let ready: ReadyFile =
                serde_json::from_slice(&text).with_context(|| format!("{} is no ready file", path.display()))?;
            return Ok(Some((&ready).into()));
        }
        let Some(url) = &self.url else { return Ok(None) };
        let admin_token = self.admin_token.as_ref().context("an administrator's token is needed: --admin-token")?;
        let admin_token = admin_token.expose().to_owned();
        let stores = stores.and_then(|stores| Some((stores.postgres.as_ref()?, stores.redis.as_ref()?)));
        let stores = stores.map(|(postgres, redis)| {
            let postgres = postgres.expose().to_owned();
            anyhow::Ok(Stores { postgres, redis: stampede::target::each_redis(redis.expose())? })
        });
        let stores = stores.transpose()?;
        Ok(Some(stampede::Target { url: url.trim_end_matches('/').to_owned(), admin_token, stores }))
    }
}

/// Starts a stack for one command; it ends when dropped.
pub async fn start(replicas: usize) -> anyhow::Result<Stack> {
    let quiet = vec![("ONSALE_LOG".to_owned(), "warn".to_owned())];
    let options = Options { replicas, gatekeeper_env: quiet.clone(), vault_env: quiet, ..Options::default() };
    tokio::task::spawn_blocking(move || Stack::start(&options, Arc::new(warn))).await?
}

/// Says what should not happen.
pub fn warn(what: Report) {
    if let Report::Died(role, how) | Report::Failed(role, how) = what {
        eprintln!("{role}: {how}");
    }
}
