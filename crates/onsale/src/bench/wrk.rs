//! Load by wrk.

use std::path::Path;

use anyhow::Context as _;
use tokio::process::Command;

/// What wrk counted.
pub struct Counted {
    requests: u64,
    seconds: f64,
    refused: u64,
    failed: u64,
}

impl Counted {
    /// Requests a second, if every single one was refused, as the scene has it.
    pub fn all_refused(self) -> anyhow::Result<f64> {
        anyhow::ensure!(
            self.refused == self.requests && self.failed == 0,
            "{} of {} refused",
            self.refused,
            self.requests
        );
        Ok(self.rate())
    }

    /// Requests a second, if every single one succeeded.
    pub fn all_accepted(self) -> anyhow::Result<f64> {
        anyhow::ensure!(self.refused == 0 && self.failed == 0, "{} of {} not accepted", self.refused, self.requests);
        Ok(self.rate())
    }

    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 requests")]
    fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// Runs a script against an address.
pub async fn run(url: &str, script: &Path, connections: u32, seconds: u32) -> anyhow::Result<Counted> {
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--timeout", "10s", "-s"])
        .arg(script)
        .arg(url)
        .kill_on_drop(true)
        .output()
        .await
        .context("wrk could not be run; apt-get install wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT "));
    let line = line.with_context(|| format!("wrk said: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
    let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [requests, microseconds, refused, failed] = numbers[..] else { anyhow::bail!("wrk said: {line}") };
    #[expect(clippy::cast_precision_loss, reason = "microseconds of some seconds")]
    let seconds = microseconds as f64 / 1e6;
    Ok(Counted { requests, seconds, refused, failed })
}
