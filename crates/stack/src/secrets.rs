//! A stack's secrets: made at random, kept beside its data so that a kept stack can be opened again.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// All of them.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// Redis' password.
    pub redis_password: String,
    /// Postgres' password.
    pub postgres_password: String,
    /// What gatekeepers show the vault.
    pub service_credential: String,
    /// What tokens are signed with.
    pub token_key: String,
}

impl Secrets {
    /// Those of an earlier run in this folder, or new ones.
    pub fn load_or_make(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("secrets.json");
        if path.exists() {
            return serde_json::from_slice(&fs::read(&path)?).with_context(|| format!("{} is damaged", path.display()));
        }
        let secret = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let secrets = Self {
            redis_password: secret(),
            postgres_password: secret(),
            service_credential: secret(),
            token_key: secret(),
        };
        write_private(&path, &serde_json::to_vec_pretty(&secrets)?)?;
        Ok(secrets)
    }
}

/// Writes a file that only its owner may read, in one step.
pub fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let draft = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(content)?;
    fs::rename(draft, path)
}
