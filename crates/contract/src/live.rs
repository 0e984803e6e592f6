//! What the live feed sends and hears: `GET /events/{id}/live`, a WebSocket of JSON texts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::SaleState;
use crate::seat::SeatIndex;
use crate::{EventId, TierId};

/// From the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveMessage {
    /// Everything as of its sequence.
    Snapshot(LiveSnapshot),
    /// What changed.
    Delta(LiveDelta),
    /// What is available is not known: it is being counted again. The next message tells.
    Rebuilding,
}

/// Everything there is to see of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveSnapshot {
    /// The event.
    pub event_id: EventId,
    /// Which generation of the inventory this is.
    pub epoch: i64,
    /// The position in the event's feed.
    pub sequence: i64,
    /// Whether it is on sale.
    pub sale_state: SaleState,
    /// One letter a seat in index order: `a`vailable, `h`eld, `r`eserved, `s`old.
    pub states: String,
    /// Tickets left of each tier.
    pub tiers: Vec<LiveTier>,
}

/// What changed between two positions. Values are those at `sequence`, so one that overlaps what is known does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveDelta {
    /// Which generation of the inventory this is.
    pub epoch: i64,
    /// Whoever is before this position has missed something.
    pub previous: i64,
    /// The position it leads to.
    pub sequence: i64,
    /// Seat indexes by their new letter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Vec<u32>>)]
    pub seats: BTreeMap<char, Vec<SeatIndex>>,
    /// Tiers whose number changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<LiveTier>,
    /// Present if it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_state: Option<SaleState>,
}

/// What is left of a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveTier {
    /// Which.
    pub tier_id: TierId,
    /// Tickets nobody has; never negative.
    pub available: i64,
}

/// From the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum LiveRequest {
    /// Something was missed: send a snapshot.
    Resync,
}

/// Close codes of our own, from the range RFC 6455 leaves to applications.
pub mod close {
    /// The token offered is not valid.
    pub const UNAUTHORIZED: u16 = 4401;
    /// The page that asks is of another origin.
    pub const WRONG_ORIGIN: u16 = 4403;
    /// Nobody can tell now whether the token is valid; come back (RFC 6455 registry: try again later).
    pub const TRY_AGAIN: u16 = 1013;
    /// The server is restarting; come back at once (RFC 6455 registry: service restart).
    pub const RESTARTING: u16 = 1012;
    /// Nothing was heard for too long.
    pub const SILENT: u16 = 4408;
    /// Too many frames behind.
    pub const SLOW: u16 = 4429;
}
