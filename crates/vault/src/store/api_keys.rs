//! API keys.

use contract::api::{API_KEYS_MAX, Action, ApiKeyView, KeyRole, NewApiKey};
use contract::internal::{KeptKey, KeyRecord};
use contract::{ApiKeyId, Origin};
use tokio_postgres::Row;

use super::audit_log::{self, Changes};
use super::{Store, StoreError, expect_rows};

impl Store {
    /// Keeps a new key by its secret's digest. Asked again with the same id, it is the key that is there.
    pub async fn create_api_key(
        &self,
        id: ApiKeyId,
        new: &NewApiKey,
        secret_digest: &str,
        origin: &Origin,
    ) -> Result<KeptKey, StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        // One is made at a time, so that there are never more than there may be.
        tx.execute("LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE", &[]).await?;
        let counted = "SELECT count(*), coalesce(bool_or(key_id = $1), FALSE) FROM api_keys WHERE revoked_at IS NULL OR key_id = $1";
        let row = tx.query_one(counted, &[&id.0]).await?;
        let (working, is_there): (i64, bool) = (row.get(0), row.get(1));
        if working >= API_KEYS_MAX && !is_there {
            return Err(StoreError::Refused(format!("{API_KEYS_MAX} keys work already; revoke one first")));
        }
        let made = tx
            .execute(
                "INSERT INTO api_keys (key_id, name, role, secret_digest) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                &[&id.0, &new.name, &new.role.as_str(), &secret_digest],
            )
            .await?;
        if made == 1 {
            let detail = serde_json::json!({ "name": new.name, "role": new.role });
            audit_log::enter(&tx, None, &Changes::one(Action::ApiKeyCreated, origin, id.0), Some(detail)).await?;
        }
        let row = tx.query_one("SELECT * FROM api_keys WHERE key_id = $1", &[&id.0]).await?;
        tx.commit().await?;
        Ok(KeptKey { key: view(&row)?, secret_digest: row.get("secret_digest") })
    }

    /// All keys, the newest first.
    pub async fn api_keys(&self) -> Result<Vec<ApiKeyView>, StoreError> {
        let client = self.client().await?;
        let rows = client.query("SELECT * FROM api_keys ORDER BY created_at DESC, key_id LIMIT 10000", &[]).await?;
        rows.iter().map(view).collect()
    }

    /// What gatekeepers check keys by: those that work.
    pub async fn working_api_keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let client = self.client().await?;
        let statement =
            client.prepare_cached("SELECT key_id, role, secret_digest FROM api_keys WHERE revoked_at IS NULL");
        let rows = client.query(&statement.await?, &[]).await?;
        let record = |row: &Row| {
            Ok(KeyRecord {
                key_id: ApiKeyId(row.get("key_id")),
                role: role(row)?,
                secret_digest: row.get("secret_digest"),
            })
        };
        rows.iter().map(record).collect()
    }

    /// Ends a key; `None` where there is none. Asked again, it stays as it was ended first.
    pub async fn revoke_api_key(&self, id: ApiKeyId, origin: &Origin) -> Result<Option<ApiKeyView>, StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let revoked = tx
            .execute("UPDATE api_keys SET revoked_at = now() WHERE key_id = $1 AND revoked_at IS NULL", &[&id.0])
            .await?;
        if revoked > 0 {
            expect_rows("revoke an API key", 1, revoked)?;
            audit_log::enter(&tx, None, &Changes::one(Action::ApiKeyRevoked, origin, id.0), None).await?;
        }
        let row = tx.query_opt("SELECT * FROM api_keys WHERE key_id = $1", &[&id.0]).await?;
        tx.commit().await?;
        row.as_ref().map(view).transpose()
    }
}

fn view(row: &Row) -> Result<ApiKeyView, StoreError> {
    Ok(ApiKeyView {
        key_id: ApiKeyId(row.get("key_id")),
        name: row.get("name"),
        role: role(row)?,
        created_at: row.get("created_at"),
        revoked_at: row.get("revoked_at"),
    })
}

fn role(row: &Row) -> Result<KeyRole, StoreError> {
    let text: String = row.get("role");
    [KeyRole::BoxOffice, KeyRole::Operator]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or(StoreError::Unreadable("role of a key"))
}
