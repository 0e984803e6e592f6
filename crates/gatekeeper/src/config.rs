//! Settings, from flags or the environment.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use chassis::config::{Secret, SecretSetting};
use chassis::credential::Credential;
use chassis::log::{self, Telling};
use chassis::token::TokenKeys;
use chassis::trace::TraceSettings;
use clap::Parser;

use crate::cors::AllowedOrigins;
use crate::feed::FeedSettings;
use crate::identity::oidc::OidcSettings;
use crate::limits::LimitSettings;

/// The variable with the address to listen on.
pub const LISTEN: &str = "ONSALE_LISTEN";
/// That address, if nothing else is said.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// What may be in files instead, named by the variable with `_FILE` behind it.
pub const SECRETS: &[SecretSetting] = &[
    SecretSetting { flag: "redis-url", variable: "ONSALE_REDIS_URL" },
    SecretSetting { flag: "service-credential", variable: "ONSALE_SERVICE_CREDENTIAL" },
    SecretSetting { flag: "token-key", variable: "ONSALE_TOKEN_KEY" },
];

/// The gatekeeper is the public API of Onsale. Run as many as the load asks for.
#[derive(Debug, Clone, Parser)]
#[command(
    version,
    about,
    after_help = "Secrets may be in files: ONSALE_REDIS_URL_FILE, ONSALE_SERVICE_CREDENTIAL_FILE and \
    ONSALE_TOKEN_KEY_FILE name them.\n\n`gatekeeper probe` asks the one at ONSALE_LISTEN whether it is ready."
)]
pub struct Config {
    /// Where to listen; nginx stands in front.
    #[arg(long, env = LISTEN, default_value_t = LISTEN_DEFAULT)]
    pub listen: SocketAddr,

    /// Redis, as `redis://:password@host:port/`, `redis+cluster://:password@host:port,host:port/`, or
    /// `redis+sentinel://:password@host:port,host:port/name?sentinel_password=…`; each with `rediss` to have it encrypted.
    #[arg(long, env = "ONSALE_REDIS_URL", hide_env_values = true)]
    pub redis_url: Secret,

    /// A file of the authorities (PEM) that vouch for a `rediss://`; the system's, if there is none.
    #[arg(long, env = "ONSALE_REDIS_CA_FILE")]
    pub redis_ca_file: Option<PathBuf>,

    /// The vault, as `http://host:port`.
    #[arg(long, env = "ONSALE_VAULT_URL")]
    pub vault_url: String,

    /// The secret that gatekeepers and the vault share: at least 32 characters.
    #[arg(long, env = "ONSALE_SERVICE_CREDENTIAL", hide_env_values = true)]
    pub service_credential: Credential,

    /// The keys of tokens, separated by commas, 32 characters or more each, the same on every replica. The first one signs,
    /// all are accepted.
    #[arg(long = "token-key", env = "ONSALE_TOKEN_KEY", hide_env_values = true)]
    pub token_keys: TokenKeys,

    /// How long a guest's token works, in seconds.
    #[arg(long, env = "ONSALE_GUEST_TOKEN_SECONDS", default_value_t = 86_400)]
    pub guest_token_seconds: u32,

    /// Threads that serve HTTP, each with a Redis connection of its own.
    #[arg(long, env = "ONSALE_WORKERS", default_value_t = 2)]
    pub workers: usize,

    /// How long a commit may take before the vault is asked what became of it, in milliseconds.
    #[arg(long, env = "ONSALE_COMMIT_LEASE_MS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(500..))]
    pub commit_lease_ms: u32,

    /// How long a client is kept waiting for the vault's verdict, in milliseconds.
    #[arg(long, env = "ONSALE_COMMIT_WAIT_MS", default_value_t = 8_000, value_parser = clap::value_parser!(u32).range(100..30_000))]
    pub commit_wait_ms: u32,

    /// How often due holds are looked for, in milliseconds.
    #[arg(long, env = "ONSALE_SWEEP_INTERVAL_MS", default_value_t = 250, value_parser = clap::value_parser!(u32).range(50..=1_000))]
    pub sweep_interval_ms: u32,

    /// How long an event stays in Redis once it is over, in seconds.
    #[arg(long, env = "ONSALE_RETIRE_AFTER_SECONDS", default_value_t = 3_600)]
    pub retire_after_seconds: u32,

    /// How long "sold out" is remembered, in milliseconds: 0 asks Redis every time, 250 is the most.
    #[arg(long, env = "ONSALE_LATCH_MS", default_value_t = 250, value_parser = clap::value_parser!(u32).range(0..=250))]
    pub latch_ms: u32,

    /// How often events are audited in the background, in seconds.
    #[arg(long, env = "ONSALE_AUDIT_INTERVAL_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub audit_interval_seconds: u32,

    /// The longest a request may take, in milliseconds; what takes longer is answered with 503.
    #[arg(long, env = "ONSALE_REQUEST_LIMIT_MS", default_value_t = 30_000, value_parser = clap::value_parser!(u32).range(1_000..=30_000))]
    pub request_limit_ms: u32,

    /// Shortest time between two frames of the live feed, in milliseconds.
    #[arg(long, env = "ONSALE_FEED_INTERVAL_MS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(10..=1_000))]
    pub feed_interval_ms: u32,

    /// Clients that may watch the live feed on this replica.
    #[arg(long, env = "ONSALE_FEED_WATCHERS_MAX", default_value_t = 20_000)]
    pub feed_watchers_max: usize,

    /// Origins besides our own whose pages may use the API and watch, such as `https://tickets.example`; separated by commas.
    #[arg(long, env = "ONSALE_ALLOWED_ORIGINS", default_value = "", hide_default_value = true)]
    pub allowed_origins: AllowedOrigins,

    /// Whose tokens count besides our own.
    #[command(flatten)]
    pub oidc: OidcSettings,

    /// Budgets.
    #[command(flatten)]
    pub limits: LimitSettings,

    /// How long to go on after SIGTERM, in seconds, for load balancers that find out by asking /ready.
    #[arg(long, env = "ONSALE_STOP_NOTICE_SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=300))]
    pub stop_notice_seconds: u32,

    /// Where traces go.
    #[command(flatten)]
    pub traces: TraceSettings,

    /// json or text.
    #[arg(long, env = "ONSALE_LOG_FORMAT", default_value = "json")]
    pub log_format: log::Format,

    /// Which lines are logged, such as `info` or `info,gatekeeper=debug`.
    #[arg(long, env = "ONSALE_LOG", default_value = "info")]
    pub log_filter: String,
}

impl Config {
    /// What the process tells of itself.
    #[must_use]
    pub fn telling(&self) -> Telling {
        Telling {
            service: "gatekeeper",
            format: self.log_format,
            filter: self.log_filter.clone(),
            traces: self.traces.clone(),
        }
    }

    /// How long a client is kept waiting for the vault's verdict.
    #[must_use]
    pub fn commit_wait(&self) -> Duration {
        Duration::from_millis(self.commit_wait_ms.into())
    }

    /// How often due holds are looked for.
    #[must_use]
    pub fn sweep_interval(&self) -> Duration {
        Duration::from_millis(self.sweep_interval_ms.into())
    }

    /// How often events are audited in the background.
    #[must_use]
    pub fn audit_interval(&self) -> Duration {
        Duration::from_secs(self.audit_interval_seconds.into())
    }

    /// How long an event stays in Redis once it is over.
    #[must_use]
    pub fn retire_after(&self) -> Duration {
        Duration::from_secs(self.retire_after_seconds.into())
    }

    /// How the live feed works.
    #[must_use]
    pub fn feed(&self) -> FeedSettings {
        let interval = Duration::from_millis(self.feed_interval_ms.into());
        FeedSettings { interval, watchers_max: self.feed_watchers_max }
    }

    /// The longest a request may take.
    #[must_use]
    pub fn request_limit(&self) -> Duration {
        Duration::from_millis(self.request_limit_ms.into())
    }

    /// How long "sold out" is remembered.
    #[must_use]
    pub fn latch_time(&self) -> Duration {
        Duration::from_millis(self.latch_ms.into())
    }
}
