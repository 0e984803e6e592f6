//! One event as people see it, and what changed between two looks. Pure.

use std::collections::{BTreeMap, HashMap};

use contract::api::SaleState;
use contract::live::{LiveDelta, LiveSnapshot, LiveTier};
use contract::{EventId, SeatIndex, TierId};

use super::published::{Change, Published};
use crate::scripts::read_inventory::Inventory;

/// What is available as of one sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Which generation of the inventory this is.
    pub epoch: i64,
    /// The position in the event's feed.
    pub sequence: i64,
    sale_state: SaleState,
    states: Vec<u8>,
    tiers: Vec<LiveTier>,
}

/// What a published step means to a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is drawn in.
    Taken,
    /// It was there already.
    Old,
    /// Something before it is missing, or it cannot be drawn in: everything has to be read again.
    Missed,
}

impl Picture {
    /// What was read; tiers in the given order.
    #[must_use]
    pub fn of(inventory: Inventory, tier_ids: &[TierId]) -> Self {
        let left: HashMap<TierId, i64> = inventory.tiers;
        let tier = |id: &TierId| LiveTier { tier_id: *id, available: left.get(id).copied().unwrap_or(0) };
        Self {
            epoch: inventory.epoch,
            sequence: inventory.sequence,
            sale_state: inventory.sale_state,
            states: inventory.map.into_bytes(),
            tiers: tier_ids.iter().map(tier).collect(),
        }
    }

    /// Draws in what a script published.
    pub fn take(&mut self, published: &Published) -> Step {
        if published.sequence <= self.sequence {
            return Step::Old;
        }
        let Some(changes) = published.changes.as_ref().filter(|_| published.sequence == self.sequence + 1) else {
            return Step::Missed;
        };
        for change in changes {
            let is_drawn = match *change {
                Change::Seat(seat, letter) => self.draw_seat(seat, letter),
                Change::Tier(tier_id, available) => self.draw_tier(tier_id, available),
                Change::Sale(state) => {
                    self.sale_state = state;
                    true
                }
            };
            if !is_drawn {
                return Step::Missed;
            }
        }
        self.sequence = published.sequence;
        Step::Taken
    }

    fn draw_seat(&mut self, seat: SeatIndex, letter: u8) -> bool {
        let place = usize::try_from(seat).ok().and_then(|seat| self.states.get_mut(seat));
        place.map(|place| *place = letter).is_some()
    }

    fn draw_tier(&mut self, tier_id: TierId, available: i64) -> bool {
        let tier = self.tiers.iter_mut().find(|tier| tier.tier_id == tier_id);
        tier.map(|tier| tier.available = available.max(0)).is_some()
    }

    /// All of it, for a client.
    #[must_use]
    pub fn snapshot(&self, event_id: EventId) -> LiveSnapshot {
        LiveSnapshot {
            event_id,
            epoch: self.epoch,
            sequence: self.sequence,
            sale_state: self.sale_state,
            states: String::from_utf8_lossy(&self.states).into_owned(),
            tiers: self.tiers.clone(),
        }
    }

    /// What has to be told to whoever knows the earlier picture. An event's seats and tiers never change their number.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> LiveDelta {
        let mut seats: BTreeMap<char, Vec<SeatIndex>> = BTreeMap::new();
        for (seat, (now, before)) in (0..).zip(self.states.iter().zip(&earlier.states)) {
            if now != before {
                seats.entry(char::from(*now)).or_default().push(seat);
            }
        }
        let tiers = self.tiers.iter().filter(|tier| !earlier.tiers.contains(tier)).copied().collect();
        let sale_state = (self.sale_state != earlier.sale_state).then_some(self.sale_state);
        LiveDelta { epoch: self.epoch, previous: earlier.sequence, sequence: self.sequence, seats, tiers, sale_state }
    }
}

/// Whether a delta says anything.
#[must_use]
pub fn is_empty(delta: &LiveDelta) -> bool {
    delta.seats.is_empty() && delta.tiers.is_empty() && delta.sale_state.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(sequence: i64, states: &str, available: i64, tier: TierId) -> Picture {
        let tiers = [(tier, available)].into();
        let (map, sale_state) = (states.to_owned(), SaleState::Open);
        Picture::of(Inventory { epoch: 1, sequence, seats_available: 0, map, sale_state, tiers }, &[tier])
    }

    fn published(text: &str) -> Published {
        text.parse().unwrap()
    }

    #[test]
    fn steps_are_drawn_in_order_each_once() {
        let tier = TierId::fresh();
        let mut now = picture(10, "aaa", 5, tier);
        assert_eq!(now.take(&published(&format!("11 s:1=h,t:{tier}=4"))), Step::Taken);
        assert_eq!(now, picture(11, "aha", 4, tier));
        assert_eq!(now.take(&published("11 s:1=a")), Step::Old);
        assert_eq!(now, picture(11, "aha", 4, tier));
        assert_eq!(now.take(&published("12 state=paused")), Step::Taken);
        assert_eq!(now.sale_state, SaleState::Paused);
    }

    #[test]
    fn a_gap_a_reload_and_a_seat_that_is_not_there_ask_for_everything_again() {
        let tier = TierId::fresh();
        for text in ["12 s:1=h", "11 reload", "11 s:3=h", &format!("11 t:{}=1", TierId::fresh())] {
            assert_eq!(picture(10, "aaa", 5, tier).take(&published(text)), Step::Missed, "{text}");
        }
    }

    #[test]
    fn a_delta_says_what_differs_and_nothing_else() {
        let tier = TierId::fresh();
        let (before, now) = (picture(10, "ahsra", 5, tier), picture(14, "hhaah", 5, tier));
        let delta = now.since(&before);
        assert_eq!((delta.previous, delta.sequence), (10, 14));
        assert_eq!(delta.seats, [('a', vec![2, 3]), ('h', vec![0, 4])].into());
        assert!(delta.tiers.is_empty() && delta.sale_state.is_none());
        assert!(is_empty(&now.since(&now)));
        assert_eq!(picture(15, "hhaah", 4, tier).since(&now).tiers, [LiveTier { tier_id: tier, available: 4 }]);
    }
}
