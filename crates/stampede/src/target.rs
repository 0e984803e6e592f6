//! The system under attack, and where its truth can be read.

use stack::ReadyFile;

/// Addresses and credentials of a running system.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its front door: `http://host:port`.
    pub url: String,
    /// Makes the event.
    pub admin_token: String,
    /// The vault's database, and the gate's Redis, read past the services. Without them little can be proven.
    pub stores: Option<Stores>,
}

/// Where the truth is.
#[derive(Debug, Clone)]
pub struct Stores {
    /// `postgres://…`; of several servers, whichever takes writes.
    pub postgres: String,
    /// `redis://…`, each of its servers: whichever leads and has the event is read.
    pub redis: Vec<String>,
}

impl From<&ReadyFile> for Target {
    fn from(ready: &ReadyFile) -> Self {
        Self {
            url: ready.url.clone(),
            admin_token: ready.admin_token.clone(),
            stores: Some(Stores { postgres: ready.postgres.clone(), redis: ready.each_redis() }),
        }
    }
}
