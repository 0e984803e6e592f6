//! API keys, checked from a list that is fetched every two seconds: no call a request, and a revoked key works no longer than
//! that; a minute, at a replica that cannot reach the vault.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chassis::secret::{digest, is_same};
use contract::ApiKeyId;
use contract::api::KeyRole;
use contract::internal::KeyRecord;
use uuid::Uuid;

use super::Unidentified;
use crate::vault_client::{VaultClient, VaultError};

/// What every key begins with, so that one that leaked is found by whoever looks for it.
const PREFIX: &str = "osk_";
/// How often the list is fetched.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// An older list is not believed: keys of it may have been revoked.
const LIST_KEPT: Duration = Duration::from_mins(1);

/// A key and its holder's id.
pub struct Fresh {
    /// Names it.
    pub id: ApiKeyId,
    /// What its holder sends; kept nowhere.
    pub text: String,
    /// What is kept.
    pub digest: String,
}

/// The keys that work. Clones share them.
#[derive(Clone)]
pub struct KeyRing {
    list: Arc<RwLock<Option<List>>>,
    vault: VaultClient,
}

struct List {
    keys: HashMap<ApiKeyId, KeyRecord>,
    fetched: Instant,
}

impl KeyRing {
    /// Begins to fetch the list, in the background.
    #[must_use]
    pub fn start(vault: VaultClient) -> Self {
        let ring = Self { list: Arc::default(), vault };
        tokio::spawn(ring.clone().renew_forever());
        ring
    }

    /// Fetches the list now; the replica that changed it need not wait.
    pub async fn renew(&self) -> Result<(), VaultError> {
        let asked = Instant::now();
        let keys = self.vault.working_api_keys().await?;
        let keys = keys.into_iter().map(|key| (key.key_id, key)).collect();
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        // What was asked for before is older, however late it came: a key revoked since may be in it.
        if list.as_ref().is_none_or(|list| list.fetched < asked) {
            *list = Some(List { keys, fetched: asked });
        }
        Ok(())
    }

    /// Whose key it is; `None` if the text is no key at all. Unknown while the list could not be fetched.
    #[must_use]
    pub fn verify(&self, text: &str) -> Option<Result<(ApiKeyId, KeyRole), Unidentified>> {
        let rest = text.strip_prefix(PREFIX)?;
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        let Some(list) = list.as_ref().filter(|list| list.fetched.elapsed() < LIST_KEPT) else {
            return Some(Err(Unidentified::Unknown));
        };
        let named = rest.split_once('_').and_then(|(id, _)| Uuid::try_parse(id).ok()).map(ApiKeyId);
        let key =
            named.and_then(|id| list.keys.get(&id)).filter(|key| is_same(&key.secret_digest, &digest(text.as_bytes())));
        Some(key.map(|key| (key.key_id, key.role)).ok_or(Unidentified::Invalid))
    }

    async fn renew_forever(self) {
        loop {
            if let Err(error) = self.renew().await {
                tracing::warn!(%error, "the list of API keys cannot be fetched");
            }
            tokio::time::sleep(RENEW_EVERY).await;
        }
    }
}

impl Fresh {
    /// A key nobody has seen: 244 random bits.
    #[must_use]
    pub fn make() -> Self {
        let id = ApiKeyId::fresh();
        let text = format!("{PREFIX}{}_{}{}", id.0.simple(), Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self { id, digest: digest(text.as_bytes()), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_whose_it_is_and_nothing_else_of_it_is_kept() {
        let (one, other) = (Fresh::make(), Fresh::make());
        assert!(one.text.starts_with(&format!("osk_{}_", one.id.0.simple())));
        assert_eq!(one.digest, digest(one.text.as_bytes()));
        assert!(one.text != other.text && one.digest != other.digest && !one.text.contains(&one.digest));
    }
}
