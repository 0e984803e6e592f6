//! API keys, checked from a list that is fetched every two seconds: no call a request, and a revoked key works no longer than
//! that; a minute, at a replica that cannot reach the vault.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chassis::secret::{digest, is_same};
use chassis::token::{TokenError, TokenKeys};
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

/// What a key is made of besides its id and a token key, by whoever asks for it: the request's Idempotency-Key, of which a hash is kept
/// and which comes again with each repetition; or what nobody has seen, so that this request alone is shown the key.
#[derive(Clone)]
pub struct Seed(String);

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

impl Seed {
    /// Of an Idempotency-Key, or 244 random bits.
    #[must_use]
    pub fn of(idempotency_key: Option<&str>) -> Self {
        let random = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self(idempotency_key.map_or_else(random, str::to_owned))
    }
}

/// The key of that id and seed, as the token key that signs makes it.
pub fn make(token_keys: &TokenKeys, id: ApiKeyId, seed: &Seed) -> Result<String, TokenError> {
    Ok(candidates(token_keys, id, seed)?.swap_remove(0))
}

/// The same again, by whichever token key it was made; `None` once that one is forgotten.
pub fn make_again(
    token_keys: &TokenKeys,
    id: ApiKeyId,
    seed: &Seed,
    secret_digest: &str,
) -> Result<Option<String>, TokenError> {
    Ok(candidates(token_keys, id, seed)?.into_iter().find(|text| is_same(secret_digest, &digest(text.as_bytes()))))
}

fn candidates(token_keys: &TokenKeys, id: ApiKeyId, Seed(seed): &Seed) -> Result<Vec<String>, TokenError> {
    let secrets = token_keys.keyed_digests("API key", &format!("{id} {seed}"))?;
    Ok(secrets.into_iter().map(|secret| format!("{PREFIX}{}_{secret}", id.0.simple())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_takes_its_id_its_seed_and_its_token_key() {
        let token_keys = |name: &str| name.repeat(32).parse::<TokenKeys>().unwrap();
        let (id, seed) = (ApiKeyId::fresh(), Seed::of(Some("once")));
        let key = make(&token_keys("a"), id, &seed).unwrap();
        assert!(key.starts_with(&format!("osk_{}_", id.0.simple())) && key.len() == 4 + 32 + 1 + 64);
        for other in [
            make(&token_keys("b"), id, &seed),
            make(&token_keys("a"), ApiKeyId::fresh(), &seed),
            make(&token_keys("a"), id, &Seed::of(Some("twice"))),
            make(&token_keys("a"), id, &Seed::of(None)),
        ] {
            assert_ne!(other.unwrap()[37..], key[37..]);
        }
        let unseen = || make(&token_keys("a"), id, &Seed::of(None)).unwrap();
        assert_ne!(unseen(), unseen());
    }

    #[test]
    fn a_key_is_made_again_until_its_token_key_is_forgotten() {
        let token_keys = |names: &[&str]| {
            names.iter().map(|name| name.repeat(32)).collect::<Vec<_>>().join(",").parse::<TokenKeys>().unwrap()
        };
        let (id, seed) = (ApiKeyId::fresh(), Seed::of(Some("once")));
        let key = make(&token_keys(&["a"]), id, &seed).unwrap();
        let again = |names: &[&str]| make_again(&token_keys(names), id, &seed, &digest(key.as_bytes())).unwrap();
        for known in [&["a"][..], &["a", "b"], &["b", "a"]] {
            assert_eq!(again(known).as_ref(), Some(&key));
        }
        assert_eq!(again(&["b"]), None);
    }
}
