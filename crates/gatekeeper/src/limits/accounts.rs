//! What this replica lends each customer and address, and what it has drawn for them from their buckets in Redis.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::{ApiKeyId, CustomerId};

use super::{Budget, Kind};
use crate::scripts::draw_tokens::Drawn;

/// Accounts at a time, over all shards.
const ACCOUNTS_MAX: usize = 100_000;
/// Workers seldom wait for one another.
const SHARDS: usize = 16;
/// Accounts are looked through for those to be forgotten no more often than this.
const LOOK_APART: Duration = Duration::from_secs(1);
/// After Redis could not be asked nobody tries again for this long.
const OPEN_TIME: Duration = Duration::from_secs(1);

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Whoever the token names.
    Customer(CustomerId),
    /// A key of a box office or a program, with all of its visitors.
    Key(ApiKeyId),
    /// Where they come from; see [`Subject::of_address`].
    Address(IpAddr),
}

/// The answer from memory.
pub(super) enum Ask {
    /// Go on; so many are left, as far as is known here.
    Granted(u32),
    /// Wait so long.
    Refused(Duration),
    /// Redis has to be asked, by whoever holds this lock.
    Draw(Arc<tokio::sync::Mutex<()>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(Kind, Subject);

struct Account {
    /// Drawn from the bucket and not spent.
    drawn: u32,
    /// When all that is lent from memory will have come back.
    lent_until: Instant,
    /// Redis had none; it is not asked again before then.
    refused_until: Option<Instant>,
    /// Redis could not be asked; all are let through until then.
    open_until: Option<Instant>,
    /// Tokens of the whole budget that are left as of `seen`: what clients are told, and nothing is decided by.
    left: f64,
    seen: Instant,
    /// The budget's.
    window: Duration,
    turn: Option<Arc<tokio::sync::Mutex<()>>>,
}

/// All accounts of this replica.
pub struct Accounts {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    accounts: HashMap<Key, Account>,
    looked_through: Option<Instant>,
}

impl Shard {
    /// Makes room for one more. Whoever has not been here for a whole window has a full bucket, and is forgotten; if that is
    /// not enough, all are, and their tenths are lent anew.
    fn make_room(&mut self, now: Instant) {
        if self.looked_through.is_none_or(|at| now.saturating_duration_since(at) >= LOOK_APART) {
            self.looked_through = Some(now);
            self.accounts.retain(|_, account| now.saturating_duration_since(account.seen) < account.window);
        }
        if self.accounts.len() >= ACCOUNTS_MAX / SHARDS {
            self.accounts.clear();
        }
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl Accounts {
    /// Takes one token from what is at hand.
    pub(super) fn ask(&self, kind: Kind, subject: Subject, budget: Budget, now: Instant) -> Ask {
        self.with(kind, subject, budget, now, |account| account.ask(budget, now))
    }

    /// Enters what came of a draw, and takes one token of it. Without an answer the request is let through.
    pub(super) fn drawn(
        &self,
        kind: Kind,
        subject: Subject,
        budget: Budget,
        drawn: Option<Drawn>,
        now: Instant,
    ) -> Result<u32, Duration> {
        self.with(kind, subject, budget, now, |account| account.enter(budget, drawn, now))
    }

    fn with<T>(
        &self,
        kind: Kind,
        subject: Subject,
        budget: Budget,
        now: Instant,
        act: impl FnOnce(&mut Account) -> T,
    ) -> T {
        let key = Key(kind, subject);
        let shard = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.accounts.len() >= ACCOUNTS_MAX / SHARDS && !shard.accounts.contains_key(&key) {
            shard.make_room(now);
        }
        act(shard.accounts.entry(key).or_insert_with(|| Account::new(budget, now)))
    }
}

impl Account {
    fn new(budget: Budget, now: Instant) -> Self {
        Self {
            drawn: 0,
            lent_until: now,
            refused_until: None,
            open_until: None,
            left: f64::from(budget.tokens),
            seen: now,
            window: budget.window,
            turn: None,
        }
    }

    fn ask(&mut self, budget: Budget, now: Instant) -> Ask {
        let came_back = now.saturating_duration_since(self.seen).as_secs_f64() / budget.interval().as_secs_f64();
        self.left = (self.left + came_back).min(budget.tokens.into());
        self.seen = now;
        if let Some(until) = self.refused_until.filter(|until| now < *until) {
            return Ask::Refused(until - now);
        }
        if self.drawn > 0 {
            self.drawn -= 1;
            return Ask::Granted(self.spend());
        }
        let share = budget.share();
        let one = budget.window / share;
        let lent_until = self.lent_until.max(now) + one;
        if lent_until <= now + one * share {
            self.lent_until = lent_until;
            return Ask::Granted(self.spend());
        }
        if self.open_until.is_some_and(|until| now < until) {
            return Ask::Granted(self.spend());
        }
        Ask::Draw(self.turn.get_or_insert_default().clone())
    }

    fn enter(&mut self, budget: Budget, drawn: Option<Drawn>, now: Instant) -> Result<u32, Duration> {
        match drawn {
            None => {
                self.open_until = Some(now + OPEN_TIME);
                Ok(self.spend())
            }
            Some(Drawn { granted: 0, wait, .. }) => {
                // Whatever Redis' clock says, an empty bucket is full again after its window.
                let wait = wait.min(budget.window);
                self.refused_until = Some(now + wait);
                self.left = 0.0;
                Err(wait)
            }
            Some(Drawn { granted, left, .. }) => {
                self.drawn += granted - 1;
                self.left = f64::from(left.saturating_add(granted).min(budget.tokens));
                Ok(self.spend())
            }
        }
    }

    /// One less is left. Nobody is told that none is left who was just let through for another reason.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a u32")]
    fn spend(&mut self) -> u32 {
        self.left = (self.left - 1.0).max(0.0);
        self.left as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        "20/10".parse().unwrap()
    }

    fn customer() -> Subject {
        Subject::Customer(CustomerId::fresh())
    }

    fn granted(accounts: &Accounts, who: Subject, now: Instant) -> bool {
        matches!(accounts.ask(Kind::Holds, who, budget(), now), Ask::Granted(_))
    }

    #[test]
    fn a_tenth_is_lent_and_then_redis_decides() {
        let (accounts, who, now) = (Accounts::default(), customer(), Instant::now());
        assert!(granted(&accounts, who, now) && granted(&accounts, who, now));
        assert!(matches!(accounts.ask(Kind::Holds, who, budget(), now), Ask::Draw(_)));
        let some = Drawn { granted: 2, left: 18, wait: Duration::ZERO };
        assert_eq!(accounts.drawn(Kind::Holds, who, budget(), Some(some), now), Ok(19));
        assert!(granted(&accounts, who, now), "the second of the two");
        assert!(matches!(accounts.ask(Kind::Holds, who, budget(), now), Ask::Draw(_)));
        assert!(granted(&accounts, customer(), now), "another customer has an account of their own");
        assert!(matches!(accounts.ask(Kind::Reads, who, budget(), now), Ask::Granted(_)), "and so has another kind");
    }

    #[test]
    fn what_is_lent_comes_back_as_slowly_as_the_whole() {
        let (accounts, who, start) = (Accounts::default(), customer(), Instant::now());
        // For a hundred seconds, ten times a second: 2 at once, and one more every five seconds.
        let times = (0..1_000).map(|tenth| start + Duration::from_millis(100 * tenth));
        let lent = times.filter(|now| granted(&accounts, who, *now)).count();
        assert!((21..=22).contains(&lent), "{lent}");
    }

    #[test]
    fn whoever_was_refused_is_so_until_the_time_is_over() {
        let (accounts, who, now) = (Accounts::default(), customer(), Instant::now());
        let none = Drawn { granted: 0, left: 0, wait: Duration::from_millis(700) };
        assert_eq!(accounts.drawn(Kind::Holds, who, budget(), Some(none), now), Err(Duration::from_millis(700)));
        let later = now + Duration::from_millis(200);
        assert!(
            matches!(accounts.ask(Kind::Holds, who, budget(), later), Ask::Refused(wait) if wait.as_millis() == 500)
        );
        assert!(granted(&accounts, who, now + Duration::from_millis(700)));
    }

    #[test]
    fn while_redis_cannot_be_asked_nobody_is_refused() {
        let (accounts, who, now) = (Accounts::default(), customer(), Instant::now());
        while granted(&accounts, who, now) {}
        assert!(accounts.drawn(Kind::Holds, who, budget(), None, now).is_ok());
        assert!((0..100).all(|_| granted(&accounts, who, now)));
        assert!(
            matches!(accounts.ask(Kind::Holds, who, budget(), now + OPEN_TIME), Ask::Draw(_)),
            "then it is tried again"
        );
    }

    #[test]
    fn memory_is_bounded() {
        let (accounts, now) = (Accounts::default(), Instant::now());
        for _ in 0..ACCOUNTS_MAX * 3 / 2 {
            granted(&accounts, customer(), now);
        }
        let kept: usize = accounts.shards.iter().map(|shard| shard.lock().unwrap().accounts.len()).sum();
        assert!(kept <= ACCOUNTS_MAX, "{kept}");
    }
}
