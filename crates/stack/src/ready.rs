//! The ready file: where everything is, for whoever works with a running stack.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::children::{Children, Report, Role};
use crate::secrets::write_private;
use crate::stack::Reporter;

/// Written when all is ready, and again whenever a process id changes. Has secrets in it, so it is never shown.
#[derive(Clone, Serialize, Deserialize)]
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
    /// With the process ids of this moment.
    #[must_use]
    pub fn now(&self, children: &Children) -> Self {
        Self { pids: pids(children), ..self.clone() }
    }

    /// Writes it as it is now.
    pub fn write(&self, children: &Children, path: &Path) -> anyhow::Result<()> {
        // One at a time from reading to writing, or an older picture could be written last.
        let _turn = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(write_private(path, &serde_json::to_vec_pretty(&self.now(children))?)?)
    }

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

/// Held while the ready file is made and written.
static WRITING: Mutex<()> = Mutex::new(());

/// Hands reports on, and keeps the ready file true.
pub fn rewriting(report: Reporter, children: Children, ready: ReadyFile, path: Option<PathBuf>) -> Reporter {
    Arc::new(move |what| {
        if let Some(path) = path.as_deref().filter(|path| path.exists())
            && ready.write(&children, path).is_err()
        {
            report(Report::Failed(Role::Nginx, format!("{} could not be rewritten", path.display())));
        }
        report(what);
    })
}

fn pids(children: &Children) -> Pids {
    let mut pids = Pids::default();
    for child in children.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        match child.role() {
            Role::Redis => pids.redis = child.pid(),
            Role::RedisServer(_) => pids.redis_servers.push(child.pid()),
            Role::Sentinel(_) => pids.sentinels.push(child.pid()),
            Role::Standby => pids.standby = Some(child.pid()),
            Role::Postgres => pids.postgres = child.pid(),
            Role::Vault => pids.vault = child.pid(),
            Role::Gatekeeper(_) => pids.gatekeeper.push(child.pid()),
            Role::Nginx => pids.nginx = child.pid(),
            Role::Prometheus => pids.prometheus = Some(child.pid()),
        }
    }
    pids
}
