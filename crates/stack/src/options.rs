//! What can be chosen about a stack.

use std::path::PathBuf;

/// What Redis is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RedisShape {
    /// One server.
    #[default]
    Server,
    /// A primary, its replica, and three Sentinels that put the one in the other's place.
    Sentinel,
    /// Three shards with a replica each.
    Cluster,
}

/// What Postgres is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PostgresShape {
    /// One server.
    #[default]
    Server,
    /// A primary, and a standby that has every commit before it is acknowledged.
    Standby,
}

/// How a stack is started. `Default` is what `onsale up` does without flags.
#[derive(Debug, Clone)]
pub struct Options {
    /// Gatekeepers.
    pub replicas: usize,
    /// What Redis is made of.
    pub redis: RedisShape,
    /// What Postgres is made of.
    pub postgres: PostgresShape,
    /// Where Redis and Postgres keep their data; a temporary folder if none.
    pub data: Option<PathBuf>,
    /// nginx' port; a free one if none.
    pub port: Option<u16>,
    /// Limits by client address and customer.
    pub limits: bool,
    /// Requests a second that nginx lets through from one address while limits are on.
    pub address_rate: u32,
    /// Of the requests, how many nginx has traced, such as `1%`; the services must have somewhere to send traces.
    pub traced: String,
    /// How long nginx keeps connections to gatekeepers that nobody uses, in seconds: 60 at most, as long as one that is
    /// stopping waits for them.
    pub idle_seconds: u32,
    /// Networks of load balancers in front of nginx, believed about client addresses.
    pub trusted_proxies: Vec<String>,
    /// The built page, served beside the API; without it there is the API alone.
    pub page: Option<PathBuf>,
    /// Whether children that die are started again.
    pub restart: bool,
    /// Where the `gatekeeper` and `vault` binaries are.
    pub bin_dir: PathBuf,
    /// Rewritten whenever a process id changes.
    pub ready_file: Option<PathBuf>,
    /// Further environment of the gatekeepers.
    pub gatekeeper_env: Vec<(String, String)>,
    /// Further environment of the vault.
    pub vault_env: Vec<(String, String)>,
    /// Certificates of Redis and Postgres, which then are spoken to by TLS, and Redis by nothing else.
    pub tls: Option<Certificates>,
    /// Further settings of Postgres, as `name=value`.
    pub postgres_settings: Vec<String>,
    /// Whether a Prometheus watches, with the rules and alerts of `deploy/prometheus`.
    pub prometheus: bool,
}

/// Files in PEM.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The authority's certificate, for clients.
    pub authority: PathBuf,
    /// The servers' certificate, for 127.0.0.1.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Options {
    /// Whether a store has servers that take over from others.
    #[must_use]
    pub fn has_followers(&self) -> bool {
        self.redis != RedisShape::Server || self.postgres != PostgresShape::Server
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            replicas: 3,
            redis: RedisShape::Server,
            postgres: PostgresShape::Server,
            data: None,
            port: None,
            limits: false,
            address_rate: 100,
            traced: "1%".into(),
            idle_seconds: 60,
            trusted_proxies: Vec::new(),
            page: None,
            restart: true,
            bin_dir: beside_this_program(),
            ready_file: None,
            gatekeeper_env: Vec::new(),
            vault_env: Vec::new(),
            tls: None,
            postgres_settings: Vec::new(),
            prometheus: false,
        }
    }
}

/// The folder of the running program; for a test, which cargo puts into `deps`, the one above.
fn beside_this_program() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let folder = program.parent().unwrap_or(&program);
    if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder }.to_owned()
}
