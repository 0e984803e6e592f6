//! What scripts publish on an event's channel: `<sequence> <change>,<change>,…` or `<sequence> reload`.

use std::str::FromStr;

use contract::api::SaleState;
use contract::{SeatIndex, TierId};

/// One script call's changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The position in the event's feed after it.
    pub sequence: i64,
    /// What changed; `None` when everything may have.
    pub changes: Option<Vec<Change>>,
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A seat's new letter: `s:<index>=<letter>`.
    Seat(SeatIndex, u8),
    /// What is left of a tier now: `t:<tier id>=<number>`.
    Tier(TierId, i64),
    /// Whether the event is on sale: `state=<state>`.
    Sale(SaleState),
}

/// It is not what scripts publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a step of a feed")]
pub struct NotPublished;

impl FromStr for Published {
    type Err = NotPublished;

    fn from_str(text: &str) -> Result<Self, NotPublished> {
        let (sequence, changes) = text.split_once(' ').ok_or(NotPublished)?;
        let sequence = sequence.parse().map_err(|_| NotPublished)?;
        let changes = match changes {
            "reload" => None,
            changes => Some(changes.split(',').map(change).collect::<Option<_>>().ok_or(NotPublished)?),
        };
        Ok(Self { sequence, changes })
    }
}

fn change(text: &str) -> Option<Change> {
    let (what, value) = text.split_once('=')?;
    match what.split_once(':') {
        Some(("s", seat)) => match value.as_bytes() {
            [letter @ (b'a' | b'h' | b'r' | b's')] => Some(Change::Seat(seat.parse().ok()?, *letter)),
            _ => None,
        },
        Some(("t", tier)) => Some(Change::Tier(tier.parse().ok()?, value.parse().ok()?)),
        None if what == "state" => Some(Change::Sale(value.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_publish_is_read() {
        let tier = TierId::fresh();
        let read: Published = format!("1000000007 t:{tier}=-2,s:49999=s,state=open").parse().unwrap();
        let changes = vec![Change::Tier(tier, -2), Change::Seat(49_999, b's'), Change::Sale(SaleState::Open)];
        assert_eq!(read, Published { sequence: 1_000_000_007, changes: Some(changes) });
        assert_eq!("5 reload".parse(), Ok(Published { sequence: 5, changes: None }));
    }

    #[test]
    fn anything_else_is_not() {
        for text in
            ["", "5", "5 ", "x reload", "5 s:1=z", "5 s:1=aa", "5 s:=a", "5 s:-1=a", "5 t:1=1", "5 state=", "5 a,"]
        {
            assert_eq!(text.parse::<Published>(), Err(NotPublished), "{text:?}");
        }
    }
}
