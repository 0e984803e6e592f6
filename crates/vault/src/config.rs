//! Settings, from flags or the environment.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use chassis::config::{Secret, SecretSetting};
use chassis::credential::Credential;
use chassis::log::{self, Telling};
use chassis::trace::TraceSettings;
use clap::Parser;

/// The variable with the address to listen on.
pub const LISTEN: &str = "ONSALE_VAULT_LISTEN";
/// That address, if nothing else is said.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8090);

/// What may be in files instead, named by the variable with `_FILE` behind it.
pub const SECRETS: &[SecretSetting] = &[
    SecretSetting { flag: "database-url", variable: "ONSALE_DATABASE_URL" },
    SecretSetting { flag: "service-credential", variable: "ONSALE_SERVICE_CREDENTIAL" },
];

/// The vault makes each winner durable. It is internal: only gatekeepers talk to it.
#[derive(Debug, Clone, Parser)]
#[command(
    version,
    about,
    after_help = "Secrets may be in files: ONSALE_DATABASE_URL_FILE and ONSALE_SERVICE_CREDENTIAL_FILE \
    name them.\n\n`vault probe` asks the one at ONSALE_VAULT_LISTEN whether it is ready."
)]
pub struct Config {
    /// Where to listen: a loopback or private address.
    #[arg(long, env = LISTEN, default_value_t = LISTEN_DEFAULT)]
    pub listen: SocketAddr,

    /// Permit an address that is neither loopback nor private, such as 0.0.0.0 in a container on a private network.
    #[arg(long, env = "ONSALE_VAULT_LISTEN_ANYWHERE")]
    pub listen_anywhere: bool,

    /// Bring the schema up to date, and end. Otherwise it is done before anything is served.
    #[arg(long)]
    pub migrate_only: bool,

    /// Postgres, as `postgres://user:password@host/database` or a key=value string.
    #[arg(long, env = "ONSALE_DATABASE_URL", hide_env_values = true)]
    pub database_url: Secret,

    /// A file of the authorities (PEM) that vouch for Postgres. With it connections are encrypted; without it they are if the
    /// address says sslmode=require, and then the system's authorities count.
    #[arg(long, env = "ONSALE_DATABASE_CA_FILE")]
    pub database_ca_file: Option<PathBuf>,

    /// The secret that gatekeepers and the vault share: at least 32 characters.
    #[arg(long, env = "ONSALE_SERVICE_CREDENTIAL", hide_env_values = true)]
    pub service_credential: Credential,

    /// Most connections to Postgres. Lanes, reads and the expiry share them.
    #[arg(long, env = "ONSALE_POOL_SIZE_MAX", default_value_t = 16)]
    pub pool_size_max: usize,

    /// Threads that serve HTTP.
    #[arg(long, env = "ONSALE_VAULT_WORKERS", default_value_t = 2)]
    pub workers: usize,

    /// How often unpaid bookings are looked for, in milliseconds; at most a minute.
    #[arg(long, env = "ONSALE_EXPIRY_INTERVAL_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub expiry_interval_ms: u64,

    /// How long answers are kept for requests with an Idempotency-Key, in hours.
    #[arg(long, env = "ONSALE_IDEMPOTENCY_HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(24..=8_760))]
    pub idempotency_hours: u64,

    /// How long to go on after SIGTERM, in seconds, for load balancers that find out by asking /ready.
    #[arg(long, env = "ONSALE_STOP_NOTICE_SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=300))]
    pub stop_notice_seconds: u32,

    /// Where traces go.
    #[command(flatten)]
    pub traces: TraceSettings,

    /// json or text.
    #[arg(long, env = "ONSALE_LOG_FORMAT", default_value = "json")]
    pub log_format: log::Format,

    /// Which lines are logged, such as `info` or `info,vault=debug`.
    #[arg(long, env = "ONSALE_LOG", default_value = "info")]
    pub log_filter: String,
}

impl Config {
    /// What the process tells of itself.
    #[must_use]
    pub fn telling(&self) -> Telling {
        Telling {
            service: "vault",
            format: self.log_format,
            filter: self.log_filter.clone(),
            traces: self.traces.clone(),
        }
    }

    /// How often unpaid bookings are looked for.
    #[must_use]
    pub fn expiry_interval(&self) -> Duration {
        Duration::from_millis(self.expiry_interval_ms)
    }

    /// How long answers are kept for requests with an Idempotency-Key.
    #[must_use]
    pub fn keys_kept(&self) -> Duration {
        Duration::from_secs(self.idempotency_hours * 3_600)
    }

    /// Whether the address can be reached from the private network at most.
    #[must_use]
    pub fn listens_internally(&self) -> bool {
        self.listen_anywhere
            || match self.listen.ip() {
                IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
                IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_taken_only_on_request() {
        let config = |listen: &str, anywhere: &[&str]| {
            let credential = "c".repeat(32);
            let base = ["vault", "--database-url", "x", "--service-credential", &credential, "--listen", listen];
            Config::parse_from(base.iter().chain(anywhere))
        };
        assert!(config("127.0.0.1:0", &[]).listens_internally());
        assert!(config("10.1.2.3:0", &[]).listens_internally());
        assert!(!config("0.0.0.0:0", &[]).listens_internally());
        assert!(!config("8.8.8.8:0", &[]).listens_internally());
        assert!(config("0.0.0.0:0", &["--listen-anywhere"]).listens_internally());
    }
}
