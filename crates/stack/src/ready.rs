//! The ready file: where everything is, for whoever works with a running stack.

use serde::{Deserialize, Serialize};

/// Written when all is ready, and again whenever a process id changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadyFile {
    /// nginx: where clients go.
    pub url: String,
    /// The gatekeepers themselves.
    pub replicas: Vec<String>,
    /// The vault.
    pub vault: String,
    /// Redis, with its password, as gatekeepers take it.
    pub redis: String,
    /// Its servers one by one, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redis_servers: Vec<String>,
    /// Postgres, with its password: whichever server takes writes.
    pub postgres: String,
    /// Prometheus, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<String>,
    /// An administrator's token.
    pub admin_token: String,
    /// What the vault asks callers for.
    pub service_credential: String,
    /// Process ids by role.
    pub pids: Pids,
}

impl ReadyFile {
    /// Redis' servers one by one, also if there is only one.
    #[must_use]
    pub fn each_redis(&self) -> Vec<String> {
        if self.redis_servers.is_empty() { vec![self.redis.clone()] } else { self.redis_servers.clone() }
    }
}

/// 0 while a process is down.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Pids {
    /// `redis-server`; the first, if there are several.
    pub redis: u32,
    /// The others, if there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redis_servers: Vec<u32>,
    /// If there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sentinels: Vec<u32>,
    /// The postmaster.
    pub postgres: u32,
    /// The standby's, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<u32>,
    /// The vault.
    pub vault: u32,
    /// In the order of `replicas`.
    pub gatekeeper: Vec<u32>,
    /// The master.
    pub nginx: u32,
    /// If there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<u32>,
}
