//! What is sold, and what those who come want of it.

use clap::ValueEnum;
use contract::TierId;
use contract::api::{EventView, NewEvent};
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use stack::demo;
use uuid::Uuid;

use crate::check::Invariant;

/// Why people come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Everybody wants the same seat.
    OneSeat,
    /// A tier with one ticket for every hundred who come; who is let in has bought.
    HotTier,
    /// A hall: everybody wants one to four seats together, the front rows first, and books them after a moment.
    SeatRush,
    /// Most take tickets or seats and never come back; what they held must return, again and again.
    Abandonment,
    /// Nine in ten only look; some hold, some of them book.
    Browse,
    /// All of it at once, with payments and cancellations.
    Mixed,
}

/// One thing somebody does; what it is about is known from what they got before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Buys tickets of a tier at once.
    Buy(TierId, u32),
    /// The same under an Idempotency-Key.
    BuyOnce(TierId, u32, Uuid),
    /// Holds tickets of a tier.
    HoldTier(TierId, u32),
    /// Holds seats.
    HoldSeats(Vec<String>),
    /// Gives the hold its full time again.
    Extend,
    /// Gives the hold back.
    Release,
    /// Books the hold.
    Book,
    /// Asks for the same booking again, as after a lost reply.
    BookAgain,
    /// Pays for the booking.
    Confirm,
    /// Gives the booking back.
    Cancel,
    /// Looks at the event, or something below it.
    Read(&'static str),
}

/// What one arrival does: steps, each some milliseconds after the reply to the one before. It ends with the first that
/// does not succeed.
pub type Visit = Vec<(u64, Step)>;

/// Seats a row of the hall has.
const SEATS_PER_ROW: u32 = 20;
/// How long a hold lasts in most scenarios: the run waits for the last of them.
const HOLD_TTL_SECONDS: u32 = 5;
/// And where most are abandoned.
const ABANDONED_TTL_SECONDS: u32 = 2;

impl Scenario {
    /// The event that is attacked, with as much inventory as was asked for or as suits so many arrivals.
    pub fn event(self, offered: u64, capacity: Option<u32>) -> anyhow::Result<NewEvent> {
        let mut new = demo::event(&format!("Stampede: {}", self.name()), "Loopback")?;
        let offered = u32::try_from(offered).unwrap_or(u32::MAX);
        let hundredth = (offered / 100).max(1);
        new.hold_ttl_seconds = if self == Self::Abandonment { ABANDONED_TTL_SECONDS } else { HOLD_TTL_SECONDS };
        let tier = |capacity: u32| vec![demo::tier("Floor", capacity.into())];
        let hall = |seats: u32| {
            let rows = seats.div_ceil(SEATS_PER_ROW).clamp(1, 1_000);
            vec![demo::section("A", rows, seats.min(SEATS_PER_ROW), 9_000)]
        };
        match self {
            Self::OneSeat => new.sections = vec![demo::section("A", 1, 1, 9_000)],
            Self::HotTier => new.tiers = tier(capacity.unwrap_or(hundredth)),
            Self::SeatRush => new.sections = hall(capacity.unwrap_or(100)),
            Self::Abandonment => {
                new.tiers = tier(capacity.unwrap_or(hundredth));
                new.sections = hall(capacity.unwrap_or(100));
            }
            Self::Browse | Self::Mixed => {
                new.tiers = tier(capacity.unwrap_or((offered / 20).max(10)));
                new.sections = hall(capacity.unwrap_or((offered / 20).clamp(100, 5_000)));
            }
        }
        Ok(new)
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Invariants a run of this scenario has to have put to the test; without, its verdict is unknown.
    #[must_use]
    pub fn puts_to_the_test(self) -> &'static [Invariant] {
        use Invariant::{I1, I2, I3, I4, I5, I6, I7, I11, I13};
        match self {
            Self::HotTier | Self::Abandonment => &[I1, I2, I3, I6, I7, I11, I13],
            Self::OneSeat | Self::Browse => &[I1, I2, I3, I6, I7, I13],
            Self::SeatRush => &[I1, I2, I3, I4, I6, I7, I13],
            Self::Mixed => &[I1, I2, I3, I4, I5, I6, I7, I13],
        }
    }

    /// What the next arrival does.
    #[must_use]
    pub fn visit(self, event: &EventView, rng: &mut Rng) -> Visit {
        match self {
            Self::OneSeat => vec![(0, Step::HoldSeats(vec!["A-1-1".into()])), (0, Step::Book), (0, Step::BookAgain)],
            Self::HotTier => vec![(0, Step::Buy(event.tiers[0].tier_id, 1))],
            Self::SeatRush => {
                let mut visit = vec![(0, seats(event, rng, true)), (rng.u64(50..500), Step::Book)];
                if rng.u8(..10) == 0 {
                    visit.push((0, Step::BookAgain));
                }
                visit
            }
            Self::Abandonment => abandon(event, rng),
            Self::Browse => browse(event, rng),
            Self::Mixed => mixed(event, rng),
        }
    }
}

/// Eight in ten vanish, one gives back, one books.
fn abandon(event: &EventView, rng: &mut Rng) -> Visit {
    let mut visit = vec![(0, hold(event, rng))];
    match rng.u8(..10) {
        0 => visit.push((rng.u64(..1_000), Step::Release)),
        1 => visit.push((rng.u64(..1_000), Step::Book)),
        _ => {}
    }
    visit
}

fn browse(event: &EventView, rng: &mut Rng) -> Visit {
    let looks = ["", "/seats", "/seatmap", "/tickets?limit=50", "/tickets/all?limit=50"];
    let mut visit = vec![(0, Step::Read(looks[rng.usize(..looks.len())]))];
    if rng.u8(..10) == 0 {
        visit.push((rng.u64(100..300), hold(event, rng)));
        visit.push((rng.u64(100..1_000), if rng.bool() { Step::Book } else { Step::Release }));
    }
    visit
}

fn mixed(event: &EventView, rng: &mut Rng) -> Visit {
    match rng.u8(..20) {
        0..=2 => vec![(0, Step::Buy(event.tiers[0].tier_id, rng.u32(1..=3)))],
        3..=5 => {
            let key = Uuid::from_u128(rng.u128(..));
            let once = Step::BuyOnce(event.tiers[0].tier_id, rng.u32(1..=3), key);
            let again = if rng.bool() { vec![(rng.u64(..300), once.clone())] } else { Vec::new() };
            [vec![(0, once)], again].concat()
        }
        6..=13 => {
            let mut visit = vec![(0, hold(event, rng))];
            if rng.u8(..4) == 0 {
                visit.push((rng.u64(..300), Step::Extend));
            }
            visit.push((rng.u64(..500), Step::Book));
            match rng.u8(..6) {
                0 => visit.push((0, Step::BookAgain)),
                1 => visit.push((rng.u64(..300), Step::Cancel)),
                2 | 3 => visit.push((rng.u64(..300), Step::Confirm)),
                // Past the hold's deadline: the answer is a definite no.
                4 => visit[1].0 = u64::from(HOLD_TTL_SECONDS) * 1_000 + 700,
                _ => {}
            }
            visit
        }
        14..=16 => abandon(event, rng),
        _ => browse(event, rng),
    }
}

fn hold(event: &EventView, rng: &mut Rng) -> Step {
    if rng.bool() { Step::HoldTier(event.tiers[0].tier_id, rng.u32(1..=3)) } else { seats(event, rng, false) }
}

/// One to four seats side by side; at the front, if that is what everybody wants.
fn seats(event: &EventView, rng: &mut Rng, at_the_front: bool) -> Step {
    let section = &event.sections[0];
    let count = rng.u32(1..=4).min(section.seats_per_row);
    // The lesser of two draws: about twice as likely in the first row as on average, hardly ever in the last.
    let rows = section.rows;
    let row = if at_the_front { rng.u32(1..=rows).min(rng.u32(1..=rows)) } else { rng.u32(1..=rows) };
    let first = rng.u32(1..=section.seats_per_row + 1 - count);
    Step::HoldSeats((first..first + count).map(|seat| format!("{}-{row}-{seat}", section.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_sells_what_its_visitors_want() {
        for scenario in Scenario::value_variants() {
            let new = scenario.event(10_000, None).unwrap();
            assert!(!new.tiers.is_empty() || !new.sections.is_empty(), "{scenario:?}");
            let wants_tier = matches!(scenario, Scenario::HotTier | Scenario::Mixed | Scenario::Browse);
            assert!(!wants_tier || !new.tiers.is_empty(), "{scenario:?}");
        }
        assert_eq!(Scenario::HotTier.event(600_000, None).unwrap().tiers[0].capacity, 6_000, "99 % lose");
    }
}
