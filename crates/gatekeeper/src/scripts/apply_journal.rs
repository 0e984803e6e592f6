//! `apply_journal.lua`: follows the vault's journal.

use contract::internal::{Change, Items, JournalPage, JournalRow};

use super::call::lua_script;
use super::{Arg, LuaScript, ScriptError, code};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("apply_journal", 4, true);

/// Where the event stands after the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Everything up to here is applied.
    Through(i64),
    /// Rows after this position are missing: read from there.
    Gap(i64),
    /// The rows belong to another epoch than Redis has.
    Stale,
}

/// Applies a page. Rows that were applied before are passed over.
pub async fn call(link: &Link, keys: &EventKeys, page: &JournalPage) -> Result<Applied, ScriptError> {
    let rows: Vec<Row> = page.rows.iter().map(Row::of).collect();
    let mut arguments = vec![Arg::Int(page.epoch), Arg::Int(page.after), Arg::Int(page.through)];
    for row in &rows {
        arguments.extend(row.arguments());
    }
    let reply = SCRIPT.call(link, keys, &arguments).await?;
    match reply.code {
        code::OK => reply.int(2).map(Applied::Through),
        code::GAP => reply.int(2).map(Applied::Gap),
        code::STALE => Ok(Applied::Stale),
        _ => Err(reply.unknown()),
    }
}

/// A journal row as the script takes it.
#[derive(Default)]
struct Row {
    seq: i64,
    kind: &'static str,
    rid: String,
    customer: String,
    tier: String,
    number: i64,
    detail: String,
}

impl Row {
    fn of(row: &JournalRow) -> Self {
        let fields = match &row.change {
            Change::Released { rid, customer_id, items } => {
                let (tier, detail) = match items {
                    Items::Tier(tier, _) => (tier.to_string(), String::new()),
                    Items::Seats(seats) => (String::new(), joined(seats)),
                };
                let number = items.quantity().into();
                Self {
                    kind: "released",
                    rid: rid.to_string(),
                    customer: customer_id.to_string(),
                    tier,
                    number,
                    detail,
                    ..Self::default()
                }
            }
            Change::Confirmed { rid, seats } => {
                Self { kind: "confirmed", rid: rid.to_string(), detail: joined(seats), ..Self::default() }
            }
            Change::Capacity { tier_id, delta } => {
                Self { kind: "capacity", tier: tier_id.to_string(), number: *delta, ..Self::default() }
            }
            Change::SaleState(state) => {
                Self { kind: "sale_state", detail: state.as_str().to_owned(), ..Self::default() }
            }
        };
        Self { seq: row.seq, ..fields }
    }

    fn arguments(&self) -> [Arg<'_>; 7] {
        [
            Arg::Int(self.seq),
            Arg::Text(self.kind),
            Arg::Text(&self.rid),
            Arg::Text(&self.customer),
            Arg::Text(&self.tier),
            Arg::Int(self.number),
            Arg::Text(&self.detail),
        ]
    }
}

fn joined(seats: &[contract::SeatIndex]) -> String {
    seats.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
