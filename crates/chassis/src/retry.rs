//! How long to wait before trying again.

use std::time::Duration;

/// Doubling waits between a first and a longest one.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
    first: Duration,
}

impl Backoff {
    /// Waits `first`, then twice that, and so on up to `longest`.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest, first }
    }

    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.longest);
        wait
    }

    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(300));
        let mut wait = || backoff.next_wait().as_millis();
        assert_eq!([wait(), wait(), wait(), wait()], [100, 200, 300, 300]);
        backoff.reset();
        assert_eq!(backoff.next_wait().as_millis(), 100);
    }
}
