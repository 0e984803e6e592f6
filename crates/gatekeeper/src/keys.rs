//! Every Redis key is built here and nowhere else.

use contract::EventId;

/// The set of events that have been loaded, for whoever sweeps and follows journals.
pub const LOADED_EVENTS: &str = "onsale:events";

/// The keys of one event. They share the hash tag `{e:<event id>}`, and with it a Redis Cluster slot.
#[derive(Debug, Clone)]
pub struct EventKeys {
    scripts: [String; 8],
    loading: String,
    auditing: String,
    entering: String,
    activity: String,
}

impl EventKeys {
    /// The keys of this event.
    #[must_use]
    pub fn of(event: EventId) -> Self {
        let key = |name: &str| format!("{{e:{event}}}:{name}");
        Self {
            scripts: ["meta", "ledger", "due", "customers", "seats", "map", "feed", "changes"].map(key),
            loading: key("loading"),
            auditing: key("auditing"),
            entering: key("entering"),
            activity: key("activity"),
        }
    }

    /// What every script takes as KEYS, in the order `lua/prelude.lua` lists.
    #[must_use]
    pub fn for_scripts(&self) -> &[String; 8] {
        &self.scripts
    }

    /// Its inventory in numbers; an event that is loaded has it.
    #[must_use]
    pub fn meta(&self) -> &str {
        &self.scripts[0]
    }

    /// The channel scripts publish on.
    #[must_use]
    pub fn feed(&self) -> &str {
        &self.scripts[6]
    }

    /// Changes of holds on their way to the audit log.
    #[must_use]
    pub fn changes(&self) -> &str {
        &self.scripts[7]
    }

    /// Attempts by how they ended.
    #[must_use]
    pub fn activity(&self) -> &str {
        &self.activity
    }

    /// Held by the replica that audits the event in the background.
    #[must_use]
    pub fn auditing(&self) -> &str {
        &self.auditing
    }

    /// Held by the replica that enters the event's changes into the audit log.
    #[must_use]
    pub fn entering(&self) -> &str {
        &self.entering
    }

    /// Held by the replica that is loading the event.
    #[must_use]
    pub fn loading(&self) -> &str {
        &self.loading
    }
}

/// The bucket of a budget: of a kind of request, for a customer, a key or an address. Spread over a cluster by whose it is.
#[must_use]
pub fn bucket(kind: &str, subject: &str, id: &str) -> String {
    format!("limit:{kind}:{subject}:{{{id}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_an_event_share_its_hash_tag() {
        let event = EventId::fresh();
        let keys = EventKeys::of(event);
        let tag = format!("{{e:{event}}}:");
        assert!(
            keys.for_scripts()
                .iter()
                .chain([&keys.loading, &keys.auditing, &keys.entering, &keys.activity])
                .all(|key| key.starts_with(&tag))
        );
    }
}
