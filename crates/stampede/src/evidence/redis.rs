//! The keys of an event, read in one transaction. Their layout is told by lua/prelude.lua; this is a reading of its own.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context as _;
use contract::{CustomerId, EventId, ReservationId, TierId};
use redis::Client;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

/// An event's inventory as the gate has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedisState {
    /// Redis' clock when this was read, in milliseconds.
    pub now_ms: i64,
    /// The generation that is loaded.
    pub epoch: i64,
    /// The journal row up to which the gate has followed the vault.
    pub applied_seq: i64,
    /// The position of the feed.
    pub feed_sequence: i64,
    /// Tickets left of each tier.
    pub tiers: HashMap<TierId, i64>,
    /// Seats left, by the counter.
    pub seats_available: i64,
    /// Who has which seat.
    pub seats: BTreeMap<u32, ReservationId>,
    /// What people see, a letter a seat.
    pub map: String,
    /// Attempts that have inventory and no verdict yet.
    pub ledger: HashMap<ReservationId, Entry>,
    /// Tickets held, committing and sold, by customer.
    pub customers: HashMap<CustomerId, i64>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose it is.
    pub customer: CustomerId,
    /// Whether its commit is under way.
    pub is_committing: bool,
    /// Its tier; none for seats.
    pub tier: Option<TierId>,
    /// Tickets.
    pub quantity: i64,
    /// When it ends, by Redis' clock.
    pub deadline_ms: i64,
}

impl RedisState {
    /// How long the oldest entry has been due, in milliseconds; `None` if none is.
    #[must_use]
    pub fn overdue_ms(&self) -> Option<i64> {
        self.ledger.values().map(|entry| self.now_ms - entry.deadline_ms).filter(|overdue| *overdue > 0).max()
    }
}

/// Whether any of the servers can be read.
pub(super) async fn check(servers: &[String]) -> anyhow::Result<()> {
    let mut why = anyhow::anyhow!("no server was named");
    for url in servers {
        match connect(url).await {
            Ok(_) => return Ok(()),
            Err(error) => why = error,
        }
    }
    Err(why.context("Redis cannot be read"))
}

async fn connect(url: &str) -> anyhow::Result<MultiplexedConnection> {
    Ok(Client::open(url)?.get_multiplexed_async_connection().await?)
}

/// Whether the server takes writes.
async fn leads(connection: &mut MultiplexedConnection) -> anyhow::Result<bool> {
    let (role,): (Vec<redis::Value>,) = redis::pipe().cmd("ROLE").query_async(connection).await?;
    Ok(matches!(role.first(), Some(redis::Value::BulkString(name)) if name == b"master"))
}

/// An event's inventory, from whichever server leads and has it; `None` if none has.
pub(super) async fn read(servers: &[String], event: EventId) -> anyhow::Result<Option<RedisState>> {
    let (mut why, mut has_none) = (None, false);
    for url in servers {
        let state = async {
            let mut connection = connect(url).await?;
            if leads(&mut connection).await? { read_from(&connection, event).await.map(Some) } else { anyhow::Ok(None) }
        };
        match state.await {
            Ok(Some(Some(state))) => return Ok(Some(state)),
            Ok(Some(None)) => has_none = true,
            Ok(None) => {}
            // Also what a server of a Cluster says that does not have the event's slot.
            Err(error) => why = Some(error),
        }
    }
    match why {
        Some(error) if !has_none => Err(error.context("Redis cannot be read")),
        _ => Ok(None),
    }
}

type Read = (
    (i64, i64),
    HashMap<String, String>,
    HashMap<String, String>,
    HashMap<u32, String>,
    Option<String>,
    HashMap<String, i64>,
);

async fn read_from(connection: &MultiplexedConnection, event: EventId) -> anyhow::Result<Option<RedisState>> {
    let key = |name: &str| format!("{{e:{event}}}:{name}");
    let mut pipe = redis::pipe();
    pipe.atomic().cmd("TIME");
    for hash in ["meta", "ledger", "seats"] {
        pipe.hgetall(key(hash));
    }
    pipe.get(key("map")).hgetall(key("customers"));
    let (time, meta, ledger, seats, map, customers): Read = pipe.query_async(&mut connection.clone()).await?;
    let Some(epoch) = meta.get("epoch") else { return Ok(None) };
    let number = |name: &str| meta.get(name).map_or(Ok(0), |text| text.parse::<i64>());
    let tiers = meta.iter().filter_map(|(name, left)| Some((name.strip_prefix("t:")?, left)));
    let tiers = tiers.map(|(id, left)| anyhow::Ok((id.parse()?, left.parse()?)));
    let seats = seats.into_iter().map(|(index, rid)| anyhow::Ok((index, rid.parse()?)));
    let customers = customers.into_iter().map(|(id, tickets)| anyhow::Ok((id.parse()?, tickets)));
    let mut entries = HashMap::new();
    for (rid, text) in ledger {
        if let Some(entry) = entry(&text).with_context(|| format!("the ledger has {text}"))? {
            entries.insert(rid.parse()?, entry);
        }
    }
    Ok(Some(RedisState {
        now_ms: time.0 * 1_000 + time.1 / 1_000,
        epoch: epoch.parse()?,
        applied_seq: number("applied_seq")?,
        feed_sequence: number("feed_seq")?,
        tiers: tiers.collect::<anyhow::Result<_>>()?,
        seats_available: number("seats_available")?,
        seats: seats.collect::<anyhow::Result<_>>()?,
        map: map.unwrap_or_default(),
        ledger: entries,
        customers: customers.collect::<anyhow::Result<_>>()?,
    }))
}

/// `state:customer:tier:quantity:deadline:cap:seats`; one that has expired has nothing any more.
fn entry(text: &str) -> anyhow::Result<Option<Entry>> {
    let parts: Vec<_> = text.splitn(7, ':').collect();
    let [state, customer, tier, quantity, deadline, _, _] = parts[..] else { anyhow::bail!("no entry") };
    let is_committing = match state {
        "h" => false,
        "c" => true,
        "x" => return Ok(None),
        _ => anyhow::bail!("no such state"),
    };
    Ok(Some(Entry {
        customer: customer.parse()?,
        is_committing,
        tier: if tier.is_empty() { None } else { Some(tier.parse()?) },
        quantity: quantity.parse()?,
        deadline_ms: deadline.parse()?,
    }))
}
