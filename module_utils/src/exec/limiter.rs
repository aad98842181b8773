//! A token bucket: so many bytes per second, smoothly.

use std::time::{Duration, Instant};

/// Limits a rate.
#[derive(Debug)]
pub struct Limiter {
    rate: f64,
    tokens: f64,
    at: Instant,
}

/// How long the bucket takes to fill: the longest burst.
const BURST: f64 = 0.05;

impl Limiter {
    /// `rate` in bytes per second.
    #[must_use]
    pub fn new(rate: u64, now: Instant) -> Self {
        let rate = rate.max(1) as f64;
        Self { rate, tokens: 0.0, at: now }
    }

    /// How many of `want` bytes may pass now, or else how long to wait until some may.
    pub fn take(&mut self, want: usize, now: Instant) -> Result<usize, Duration> {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        // A bucket of less than one page would move the stream a few bytes at a time.
        self.tokens = (self.tokens + elapsed * self.rate).min((self.rate * BURST).max(4096.0));
        let smallest = (self.rate * BURST / 4.0).clamp(1.0, 4096.0);
        if self.tokens < smallest {
            return Err(Duration::from_secs_f64((smallest - self.tokens) / self.rate));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tokens are positive and few")]
        Ok(want.min(self.tokens as usize).max(1))
    }

    /// So many bytes did pass.
    pub fn spend(&mut self, bytes: usize) {
        self.tokens -= bytes as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::Limiter;
    use std::time::{Duration, Instant};

    #[test]
    fn ten_seconds_pass_ten_times_the_rate() {
        for rate in [1_000, 50_000, 10 << 20, 1 << 30] {
            let start = Instant::now();
            let mut now = start;
            let mut limiter = Limiter::new(rate, now);
            let mut passed = 0_u64;
            while now < start + Duration::from_secs(10) {
                match limiter.take(1 << 20, now) {
                    Ok(bytes) => {
                        limiter.spend(bytes);
                        passed += bytes as u64;
                    }
                    Err(wait) => now += wait.max(Duration::from_micros(1)),
                }
            }
            let expected = rate * 10;
            assert!(passed.abs_diff(expected) <= expected / 50 + 8192, "{rate}: {passed} of {expected}");
        }
    }
}
