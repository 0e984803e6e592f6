//! When everybody comes. Fixed before the first request is sent: how the system does has no influence on it, which is
//! what makes the model open (G. Schroeder, A. Wierman, M. Harchol-Balter, "Open Versus Closed", NSDI 2006).

use clap::ValueEnum;
use fastrand::Rng;
use serde::{Deserialize, Serialize};

/// How arrivals are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Evenly.
    Fixed,
    /// At random and independently, as people come: exponential gaps.
    Poisson,
}

/// How many come, and when.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Arrivals {
    /// Arrivals a second, at the peak.
    pub rate: u32,
    /// For how long.
    pub seconds: u32,
    /// How they are spaced.
    pub spacing: Spacing,
    /// Whether the rate climbs from 0 to its peak in the first second, as when a sale opens; else it is there at once.
    pub spike: bool,
}

impl Arrivals {
    /// The intended time of each arrival in order, in microseconds from the start.
    #[must_use]
    pub fn times_us(&self, seed: u64) -> Vec<u64> {
        let mut rng = Rng::with_seed(seed);
        let mut gap = || match self.spacing {
            Spacing::Fixed => 1.0,
            // 1 - U, lest the logarithm of 0 be asked for.
            Spacing::Poisson => -(1.0 - rng.f64()).ln(),
        };
        let mut times = Vec::new();
        let mut expected = if self.spacing == Spacing::Fixed { 0.0 } else { gap() };
        loop {
            let seconds = self.time_of(expected);
            if seconds >= f64::from(self.seconds) {
                return times;
            }
            times.push(micros(seconds));
            expected += gap();
        }
    }

    /// When so many are expected to have come, in seconds: the inverse of the rate's integral.
    fn time_of(&self, expected: f64) -> f64 {
        let rate = f64::from(self.rate);
        if !self.spike {
            expected / rate
        } else if expected < rate / 2.0 {
            (2.0 * expected / rate).sqrt()
        } else {
            expected / rate + 0.5
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and an hour")]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(spacing: Spacing, spike: bool) -> Arrivals {
        Arrivals { rate: 1_000, seconds: 10, spacing, spike }
    }

    #[test]
    fn fixed_arrivals_are_evenly_spaced_and_all_of_them() {
        let times = arrivals(Spacing::Fixed, false).times_us(1);
        assert_eq!(times.len(), 10_000);
        assert!(times.windows(2).all(|pair| (999..=1_001).contains(&(pair[1] - pair[0]))));
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_an_exponential_spread() {
        let times = arrivals(Spacing::Poisson, false).times_us(1);
        assert!((9_600..10_400).contains(&times.len()), "{}", times.len());
        // Of exponential gaps 1 - 1/e are shorter than the mean.
        let short = times.windows(2).filter(|pair| pair[1] - pair[0] < 1_000).count();
        assert!((6_000..6_700).contains(&short), "{short}");
        assert_eq!(times, arrivals(Spacing::Poisson, false).times_us(1), "the same seed, the same crowd");
    }

    #[test]
    fn a_spike_climbs_within_its_first_second() {
        let times = arrivals(Spacing::Fixed, true).times_us(1);
        let within = |from: u64, to: u64| times.iter().filter(|at| (from..to).contains(*at)).count();
        assert!((120..130).contains(&within(0, 500_000)), "an eighth of a second's worth in the first half");
        assert!((490..510).contains(&within(0, 1_000_000)));
        assert!((990..1_010).contains(&within(1_000_000, 2_000_000)));
    }
}
