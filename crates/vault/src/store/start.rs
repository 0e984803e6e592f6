//! What happens once, before the vault serves: migrations, and the proof that Postgres keeps what it acknowledges.

use super::{Store, StoreError};

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// Settings without which an acknowledged booking could be lost in a crash.
const DURABLE: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

impl Store {
    /// Brings the schema up to date. An advisory lock lets one vault do it while others wait.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        client
            .batch_execute("SET lock_timeout = '60s'; SELECT pg_advisory_lock(hashtext('onsale migrations'))")
            .await?;
        let outcome = migrations::migrations::runner().run_async(&mut **client).await;
        client
            .batch_execute("SELECT pg_advisory_unlock(hashtext('onsale migrations')); SET lock_timeout = '10s'")
            .await?;
        outcome?;
        Ok(())
    }

    /// Refuses a Postgres that acknowledges what it might forget.
    pub async fn assert_durable(&self) -> Result<(), StoreError> {
        let client = self.client().await?;
        for setting in DURABLE {
            let row = client.query_one(&format!("SHOW {setting}"), &[]).await?;
            let value: String = row.get(0);
            // Stricter than `on` is durable too.
            if !matches!(value.as_str(), "on" | "remote_apply") {
                let reason = format!(
                    "Postgres runs with {setting}={value}: an acknowledged booking could be lost. Set it to on."
                );
                return Err(StoreError::Refused(reason));
            }
        }
        Ok(())
    }
}
