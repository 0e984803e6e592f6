//! Everything that was asked and answered, in a form that can be kept and judged again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use contract::api::EventView;
use contract::{CustomerId, ReservationId, TierId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::evidence::Evidence;
use crate::outcome::{Expects, Outcome};
use crate::run::Plan;

/// What was wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Tickets of a tier at once.
    Buy(TierId, u32),
    /// The same under an Idempotency-Key. Sent again, it must be answered the same, whatever the answer is.
    BuyOnce(TierId, u32, Uuid),
    /// Tickets of a tier for a while.
    HoldTier(TierId, u32),
    /// Seats, by label, for a while.
    HoldSeats(Vec<String>),
    /// A hold's full time again.
    Extend(ReservationId),
    /// A hold back.
    Release(ReservationId),
    /// A hold made durable. Sent again, it must be answered the same.
    Book(ReservationId),
    /// A booking paid.
    Confirm(ReservationId),
    /// A booking back.
    Cancel(ReservationId),
    /// Something to look at, by its path below the event's.
    Read(String),
}

impl Action {
    /// The attempt it is about, if it exists before.
    #[must_use]
    pub fn rid(&self) -> Option<ReservationId> {
        match self {
            Self::Extend(rid) | Self::Release(rid) | Self::Book(rid) | Self::Confirm(rid) | Self::Cancel(rid) => {
                Some(*rid)
            }
            Self::Buy(..) | Self::BuyOnce(..) | Self::HoldTier(..) | Self::HoldSeats(_) | Self::Read(_) => None,
        }
    }

    /// The tickets it is to buy at once.
    #[must_use]
    pub fn purchase(&self) -> Option<(TierId, u32)> {
        match self {
            Self::Buy(tier, quantity) | Self::BuyOnce(tier, quantity, _) => Some((*tier, *quantity)),
            _ => None,
        }
    }

    /// The Idempotency-Key it is sent with.
    #[must_use]
    pub fn key(&self) -> Option<Uuid> {
        if let Self::BuyOnce(.., key) = self { Some(*key) } else { None }
    }

    /// Whether sending it again changes nothing.
    #[must_use]
    pub fn can_be_repeated(&self) -> bool {
        self.rid().is_some() || self.key().is_some()
    }

    /// What a 2xx carries.
    #[must_use]
    pub fn expects(&self) -> Expects {
        match self {
            Self::Buy(..) | Self::BuyOnce(..) | Self::Book(_) => Expects::Booking,
            Self::HoldTier(..) | Self::HoldSeats(_) => Expects::Hold,
            _ => Expects::Nothing,
        }
    }
}

/// One operation. Times are microseconds from the start of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Whose arrival it belongs to, counted from 0.
    pub arrival: u32,
    /// Who asked.
    pub customer: CustomerId,
    /// For what.
    pub action: Action,
    /// When it was to be sent.
    pub intended_us: u64,
    /// When it was.
    pub invoked_us: u64,
    /// When the answer was there, or was no longer waited for.
    pub returned_us: u64,
    /// What was answered.
    pub outcome: Outcome,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct History {
    /// What was planned.
    pub plan: Plan,
    /// The event as it was made.
    pub event: EventView,
    /// Arrivals that were planned.
    pub offered: u64,
    /// Arrivals that came while too many were under way, and were not let loose.
    pub dropped: u64,
    /// What the crowd did, visit by visit.
    pub operations: Vec<Operation>,
    /// What was asked again after the crowd, because its outcome was not known.
    pub replays: Vec<Operation>,
    /// What the system itself says at the end; `None` if it could not be read.
    pub evidence: Option<Evidence>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    plan: Plan,
    event: EventView,
    offered: u64,
    dropped: u64,
}

/// A line of a kept history.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Run(Box<Header>),
    Op(Operation),
    Replay(Operation),
    Evidence(Box<Evidence>),
}

impl History {
    /// Writes it as one JSON object a line: the run, its operations, the evidence.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
        let mut file = BufWriter::new(file);
        let mut write = |line: &Line| -> anyhow::Result<()> {
            serde_json::to_writer(&mut file, line)?;
            Ok(file.write_all(b"\n")?)
        };
        let (plan, event) = (self.plan.clone(), self.event.clone());
        write(&Line::Run(Box::new(Header { plan, event, offered: self.offered, dropped: self.dropped })))?;
        for operation in &self.operations {
            write(&Line::Op(operation.clone()))?;
        }
        for replay in &self.replays {
            write(&Line::Replay(replay.clone()))?;
        }
        if let Some(evidence) = &self.evidence {
            write(&Line::Evidence(Box::new(evidence.clone())))?;
        }
        Ok(file.flush()?)
    }

    /// Everything that was asked, the crowd's operations first.
    pub fn all(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().chain(&self.replays)
    }

    /// Reads what `save` wrote.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let (mut header, mut operations, mut replays, mut evidence) = (None, Vec::new(), Vec::new(), None);
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = serde_json::from_str(&line?);
            match line.with_context(|| format!("{}: line {} is no history", path.display(), number + 1))? {
                Line::Run(run) => header = Some(*run),
                Line::Op(operation) => operations.push(operation),
                Line::Replay(replay) => replays.push(replay),
                Line::Evidence(what) => evidence = Some(*what),
            }
        }
        let header = header.with_context(|| format!("{} has no run", path.display()))?;
        let Header { plan, event, offered, dropped } = header;
        Ok(Self { plan, event, offered, dropped, operations, replays, evidence })
    }
}
