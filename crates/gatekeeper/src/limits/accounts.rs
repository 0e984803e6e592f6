//! What this replica lends each customer and address, and what it has drawn for them from their buckets in Redis.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::{ApiKeyId, CustomerId};

use super::{Budget, Charge, Kind, Refusal};
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
    /// Wait.
    Refused(Refusal),
    /// Redis has to be asked, by whoever holds this lock.
    Draw(Arc<tokio::sync::Mutex<()>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(Kind, Subject);

struct Account {
    /// Drawn from the bucket and not spent: never more than a share.
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
    /// Takes tokens from what is at hand.
    pub(super) fn ask(&self, charge: Charge, now: Instant) -> Ask {
        self.with(charge, now, |account| account.ask(charge, now))
    }

    /// Takes what is at hand of the tokens, so that nobody else does while the rest is drawn; at least one is left to draw. Should the
    /// request end before it is entered, they come back with time.
    pub(super) fn take_at_hand(&self, charge: Charge, now: Instant) -> u32 {
        self.with(charge, now, |account| account.take_at_hand(charge))
    }

    /// Enters what came of a draw of what was missing, besides what had been at hand, and takes the tokens from both. Without an answer
    /// the request is let through.
    pub(super) fn drawn(
        &self,
        charge: Charge,
        at_hand: u32,
        drawn: Option<Drawn>,
        now: Instant,
    ) -> Result<u32, Refusal> {
        self.with(charge, now, |account| account.enter(charge, at_hand, drawn, now))
    }

    /// What was taken is at hand again, up to a share; says how much more goes back into the bucket.
    pub(super) fn give_back(&self, charge: Charge, now: Instant) -> u32 {
        self.with(charge, now, |account| account.give_back(charge, now))
    }

    fn with<T>(&self, charge: Charge, now: Instant, act: impl FnOnce(&mut Account) -> T) -> T {
        let key = Key(charge.kind, charge.subject);
        let shard = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.accounts.len() >= ACCOUNTS_MAX / SHARDS && !shard.accounts.contains_key(&key) {
            shard.make_room(now);
        }
        act(shard.accounts.entry(key).or_insert_with(|| Account::new(charge.budget, now)))
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

    fn ask(&mut self, Charge { budget, tokens, .. }: Charge, now: Instant) -> Ask {
        let idle = now.saturating_duration_since(self.seen);
        if idle >= budget.window {
            // Nobody saves tokens beyond a full bucket, which it is by now unless they were spent elsewhere.
            self.drawn = 0;
        }
        let came_back = idle.as_secs_f64() / budget.interval().as_secs_f64();
        self.left = (self.left + came_back).min(budget.tokens.into());
        self.seen = now;
        if self.drawn >= tokens {
            self.drawn -= tokens;
            return Ask::Granted(self.spend(tokens));
        }
        if let Some(until) = self.refused_until.filter(|until| now < *until) {
            return Ask::Refused(Refusal { left: self.drawn, wait: until - now + budget.interval() * (tokens - 1) });
        }
        let one = budget.window / budget.share();
        let lent_until = self.lent_until.max(now) + one * tokens;
        if lent_until <= now + one * budget.share() {
            self.lent_until = lent_until;
            return Ask::Granted(self.spend(tokens));
        }
        if self.is_open(now) {
            return Ask::Granted(self.spend(tokens));
        }
        Ask::Draw(self.turn.get_or_insert_default().clone())
    }

    fn take_at_hand(&mut self, Charge { tokens, .. }: Charge) -> u32 {
        let at_hand = self.drawn.min(tokens - 1);
        self.drawn -= at_hand;
        at_hand
    }

    fn enter(
        &mut self,
        Charge { budget, tokens, .. }: Charge,
        at_hand: u32,
        drawn: Option<Drawn>,
        now: Instant,
    ) -> Result<u32, Refusal> {
        let Some(drawn) = drawn else {
            self.open_until = Some(now + OPEN_TIME);
            self.put_at_hand(budget, at_hand);
            return Ok(self.spend(tokens));
        };
        // With what was given back meanwhile. Should there be too many to keep at hand, they come back with time.
        let taken = at_hand.saturating_add(drawn.granted).saturating_add(std::mem::take(&mut self.drawn));
        let left = drawn.left.saturating_add(taken).min(budget.tokens);
        self.left = left.into();
        if taken >= tokens {
            self.put_at_hand(budget, taken - tokens);
            return Ok(self.spend(tokens));
        }
        self.put_at_hand(budget, taken);
        // For all of them, since another replica has none at hand. Whatever Redis' clock says, an empty bucket is full again after
        // its window.
        let wait = (drawn.wait + budget.interval() * at_hand).min(budget.window);
        if tokens == 1 {
            self.refused_until = Some(now + wait);
        }
        Err(Refusal { left, wait })
    }

    /// Says how many were too many.
    fn put_at_hand(&mut self, budget: Budget, tokens: u32) -> u32 {
        let at_hand = self.drawn.saturating_add(tokens);
        self.drawn = at_hand.min(budget.share());
        at_hand - self.drawn
    }

    fn give_back(&mut self, Charge { budget, tokens, .. }: Charge, now: Instant) -> u32 {
        if self.is_open(now) {
            // They were nobody's.
            return 0;
        }
        self.refused_until = None;
        self.left = (self.left + f64::from(tokens)).min(budget.tokens.into());
        self.put_at_hand(budget, tokens)
    }

    fn is_open(&self, now: Instant) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    /// So many less are left, as far as is known: whoever is let through for another reason may find none.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a u32")]
    fn spend(&mut self, tokens: u32) -> u32 {
        self.left = (self.left - f64::from(tokens)).max(0.0);
        self.left as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A customer's, of twenty holds in ten seconds.
    fn one() -> Charge {
        let subject = Subject::Customer(CustomerId::fresh());
        Charge { kind: Kind::Holds, subject, budget: "20/10".parse().unwrap(), tokens: 1 }
    }

    fn granted(accounts: &Accounts, charge: Charge, now: Instant) -> bool {
        matches!(accounts.ask(charge, now), Ask::Granted(_))
    }

    #[test]
    fn a_tenth_is_lent_and_then_redis_decides() {
        let (accounts, charge, now) = (Accounts::default(), one(), Instant::now());
        assert!(granted(&accounts, charge, now) && granted(&accounts, charge, now));
        assert!(matches!(accounts.ask(charge, now), Ask::Draw(_)));
        let some = Drawn { granted: 2, left: 18, wait: Duration::ZERO };
        assert_eq!(accounts.drawn(charge, 0, Some(some), now), Ok(19));
        assert!(granted(&accounts, charge, now), "the second of the two");
        assert!(matches!(accounts.ask(charge, now), Ask::Draw(_)));
        assert!(granted(&accounts, one(), now), "another customer has an account of their own");
        let read = Charge { kind: Kind::Reads, ..charge };
        assert!(matches!(accounts.ask(read, now), Ask::Granted(_)), "and so has another kind");
    }

    #[test]
    fn several_are_taken_all_at_once_or_not_at_all() {
        let (accounts, charge, now) = (Accounts::default(), one(), Instant::now());
        let (two, nine) = (Charge { tokens: 2, ..charge }, Charge { tokens: 9, ..charge });
        assert!(matches!(accounts.ask(nine, now), Ask::Draw(_)), "more than a tenth");
        assert_eq!(accounts.take_at_hand(nine, now), 0);
        let enough = Drawn { granted: 9, left: 6, wait: Duration::ZERO };
        assert_eq!(accounts.drawn(nine, 0, Some(enough), now), Ok(6));
        let too_few = Drawn { granted: 0, left: 6, wait: Duration::from_millis(1_500) };
        assert_eq!(accounts.drawn(nine, 0, Some(too_few), now), Err(Refusal { left: 6, wait: too_few.wait }));
        assert!(granted(&accounts, two, now), "two are lent, and nobody is kept from them who wanted nine");
        // What is at hand is not asked for; but whoever is to come again is to find all of them, wherever that is.
        let shares = Drawn { granted: 2, left: 6, wait: Duration::ZERO };
        assert_eq!(accounts.drawn(charge, 0, Some(shares), now), Ok(7));
        assert_eq!(accounts.take_at_hand(nine, now), 1);
        assert!(!granted(&accounts, charge, now), "nor is it anybody else's meanwhile");
        let wait = too_few.wait + charge.budget.interval();
        assert_eq!(accounts.drawn(nine, 1, Some(too_few), now), Err(Refusal { left: 7, wait }));
        assert_eq!(accounts.take_at_hand(nine, now), 1);
        let rest = Drawn { granted: 8, left: 0, wait: Duration::ZERO };
        assert_eq!(accounts.drawn(nine, 1, Some(rest), now), Ok(0));
        assert_eq!(accounts.take_at_hand(nine, now), 0);
    }

    #[test]
    fn a_share_of_what_is_given_back_is_kept_at_hand_and_not_for_longer_than_a_window() {
        let (accounts, charge, now) = (Accounts::default(), one(), Instant::now());
        while granted(&accounts, charge, now) {}
        let nine = Charge { tokens: 9, ..charge };
        assert_eq!(accounts.give_back(nine, now), 7);
        assert_eq!(accounts.give_back(nine, now), 9);
        let refused = Drawn { granted: 0, left: 0, wait: charge.budget.interval() };
        assert!(granted(&accounts, charge, now) && granted(&accounts, charge, now));
        assert!(accounts.drawn(charge, 0, Some(refused), now).is_err());
        assert!(matches!(accounts.ask(charge, now), Ask::Refused(_)));
        assert_eq!(accounts.give_back(Charge { tokens: 2, ..charge }, now), 0);
        let three = Charge { tokens: 3, ..charge };
        assert!(matches!(accounts.ask(three, now), Ask::Draw(_)), "and then there may be something again");
        assert!(granted(&accounts, charge, now));
        // The two that are lent, and not the one that was at hand.
        let later = now + charge.budget.window;
        assert!(granted(&accounts, charge, later) && granted(&accounts, charge, later));
        assert!(!granted(&accounts, charge, later));
        // Nobody paid while all were let through.
        assert!(accounts.drawn(nine, 0, None, later).is_ok());
        assert_eq!(accounts.give_back(nine, later), 0);
        assert!(!granted(&accounts, charge, later + OPEN_TIME));
    }

    #[test]
    fn what_is_lent_comes_back_as_slowly_as_the_whole() {
        let (accounts, charge, start) = (Accounts::default(), one(), Instant::now());
        // For a hundred seconds, ten times a second: 2 at once, and one more every five seconds.
        let times = (0..1_000).map(|tenth| start + Duration::from_millis(100 * tenth));
        let lent = times.filter(|now| granted(&accounts, charge, *now)).count();
        assert!((21..=22).contains(&lent), "{lent}");
    }

    #[test]
    fn whoever_was_refused_is_so_until_the_time_is_over() {
        let (accounts, charge, now) = (Accounts::default(), one(), Instant::now());
        let none = Drawn { granted: 0, left: 0, wait: Duration::from_millis(700) };
        assert_eq!(accounts.drawn(charge, 0, Some(none), now), Err(Refusal { left: 0, wait: none.wait }));
        let later = now + Duration::from_millis(200);
        for (tokens, wait_ms) in [(1, 500), (9, 4_500)] {
            let Ask::Refused(refusal) = accounts.ask(Charge { tokens, ..charge }, later) else { panic!("{tokens}") };
            assert_eq!(refusal, Refusal { left: 0, wait: Duration::from_millis(wait_ms) });
        }
        assert!(granted(&accounts, charge, now + Duration::from_millis(700)));
    }

    #[test]
    fn while_redis_cannot_be_asked_nobody_is_refused() {
        let (accounts, charge, now) = (Accounts::default(), one(), Instant::now());
        while granted(&accounts, charge, now) {}
        accounts.give_back(charge, now);
        assert_eq!(accounts.take_at_hand(Charge { tokens: 2, ..charge }, now), 1);
        assert!(accounts.drawn(Charge { tokens: 2, ..charge }, 1, None, now).is_ok());
        assert_eq!(accounts.take_at_hand(Charge { tokens: 2, ..charge }, now), 1, "what was at hand still is");
        let nine = Charge { tokens: 9, ..charge };
        assert!((0..100).all(|_| granted(&accounts, charge, now) && granted(&accounts, nine, now)));
        assert!(matches!(accounts.ask(charge, now + OPEN_TIME), Ask::Draw(_)), "then it is tried again");
    }

    #[test]
    fn memory_is_bounded() {
        let (accounts, now) = (Accounts::default(), Instant::now());
        for _ in 0..ACCOUNTS_MAX * 3 / 2 {
            granted(&accounts, one(), now);
        }
        let kept: usize = accounts.shards.iter().map(|shard| shard.lock().unwrap().accounts.len()).sum();
        assert!(kept <= ACCOUNTS_MAX, "{kept}");
    }
}
