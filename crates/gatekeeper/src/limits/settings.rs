//! Budgets, as they are set.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Kind, Proxies, Subject};

/// Tokens at once, all of which are back after the window. One request costs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// What a full bucket has.
    pub tokens: u32,
    /// The time in which an empty one is full again.
    pub window: Duration,
}

impl Budget {
    /// The most tokens a budget may have.
    const TOKENS_MAX: u32 = 10_000_000;
    /// The longest window, in seconds: a day.
    const WINDOW_SECONDS_MAX: u64 = 86_400;

    /// The time in which one token comes back.
    #[must_use]
    pub fn interval(self) -> Duration {
        (self.window / self.tokens).max(Duration::from_nanos(1))
    }

    /// A tenth: what a replica lends from memory, and what it draws at a time.
    #[must_use]
    pub fn share(self) -> u32 {
        (self.tokens / 10).max(1)
    }
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (tokens, seconds) = text.split_once('/')?;
            let (tokens, seconds) = (tokens.trim().parse().ok()?, seconds.trim().parse().ok()?);
            let is_sound =
                (1..=Self::TOKENS_MAX).contains(&tokens) && (1..=Self::WINDOW_SECONDS_MAX).contains(&seconds);
            is_sound.then_some(Self { tokens, window: Duration::from_secs(seconds) })
        };
        read().ok_or_else(|| {
            format!(
                "a budget is requests/seconds, such as 20/10; at most {}/{}",
                Self::TOKENS_MAX,
                Self::WINDOW_SECONDS_MAX
            )
        })
    }
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// All budgets, and who is believed about addresses.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits (requests/seconds)")]
pub struct LimitSettings {
    /// Whether customers and addresses are limited at all.
    #[arg(long, env = "ONSALE_LIMITS", value_enum, default_value = "on")]
    pub limits: Switch,

    /// Reads of one customer.
    #[arg(long, env = "ONSALE_CUSTOMER_READS", default_value = "60/3")]
    pub customer_reads: Budget,

    /// Holds of one customer: taken, extended, released.
    #[arg(long, env = "ONSALE_CUSTOMER_HOLDS", default_value = "20/10")]
    pub customer_holds: Budget,

    /// What one customer changes for good: bookings, payments, cancellations, profiles; events and API keys.
    #[arg(long, env = "ONSALE_CUSTOMER_BOOKINGS", default_value = "20/10")]
    pub customer_bookings: Budget,

    /// Reads by one API key, all of its visitors together.
    #[arg(long, env = "ONSALE_KEY_READS", default_value = "600/6")]
    pub key_reads: Budget,

    /// Holds by one API key.
    #[arg(long, env = "ONSALE_KEY_HOLDS", default_value = "200/20")]
    pub key_holds: Budget,

    /// What one API key changes for good.
    #[arg(long, env = "ONSALE_KEY_BOOKINGS", default_value = "200/20")]
    pub key_bookings: Budget,

    /// Reads of all at one address together.
    #[arg(long, env = "ONSALE_ADDRESS_READS", default_value = "600/6")]
    pub address_reads: Budget,

    /// Holds of all at one address.
    #[arg(long, env = "ONSALE_ADDRESS_HOLDS", default_value = "200/20")]
    pub address_holds: Budget,

    /// What all at one address change for good.
    #[arg(long, env = "ONSALE_ADDRESS_BOOKINGS", default_value = "200/20")]
    pub address_bookings: Budget,

    /// New guests from one address.
    #[arg(long, env = "ONSALE_ADDRESS_SESSIONS", default_value = "100/20")]
    pub address_sessions: Budget,

    /// Networks whose X-Forwarded-For is believed, separated by commas: those of nginx and of load balancers before it.
    #[arg(long, env = "ONSALE_TRUSTED_PROXIES", default_value = "127.0.0.0/8,::1")]
    pub trusted_proxies: Proxies,
}

impl LimitSettings {
    /// The budget a request of this kind has to have room in.
    pub(super) fn budget(&self, kind: Kind, subject: Subject) -> Option<Budget> {
        match (subject, kind) {
            (Subject::Customer(_), Kind::Reads) => Some(self.customer_reads),
            (Subject::Customer(_), Kind::Holds) => Some(self.customer_holds),
            (Subject::Customer(_), Kind::Bookings) => Some(self.customer_bookings),
            // Whoever has a token already and makes a guest is counted by address, as everybody.
            (Subject::Customer(_) | Subject::Key(_), Kind::Sessions) => None,
            (Subject::Key(_), Kind::Reads) => Some(self.key_reads),
            (Subject::Key(_), Kind::Holds) => Some(self.key_holds),
            (Subject::Key(_), Kind::Bookings) => Some(self.key_bookings),
            (Subject::Address(_), Kind::Reads) => Some(self.address_reads),
            (Subject::Address(_), Kind::Holds) => Some(self.address_holds),
            (Subject::Address(_), Kind::Bookings) => Some(self.address_bookings),
            (Subject::Address(_), Kind::Sessions) => Some(self.address_sessions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read_or_refused() {
        assert_eq!("20/10".parse(), Ok(Budget { tokens: 20, window: Duration::from_secs(10) }));
        for bad in ["", "20", "0/1", "1/0", "-1/1", "1/1/1", "20/1.5", "99999999/1", "1/86401", "NaN/1"] {
            assert!(bad.parse::<Budget>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_is_a_tenth_and_at_least_one() {
        let share = |text: &str| text.parse::<Budget>().unwrap().share();
        assert_eq!((share("200/20"), share("9/1"), share("1/1")), (20, 1, 1));
    }
}
