//! Results: for people on the terminal, for programs as JSON.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Where `--json` goes: a file, or standard output if none is named.
pub const STANDARD_OUTPUT: &str = "-";

/// Prints for people, and writes JSON where it was asked for. Whoever asked for it on standard output gets it there
/// alone; then what is for people goes to standard error.
pub fn tell(people: &impl std::fmt::Display, programs: &impl Serialize, json: Option<&PathBuf>) -> anyhow::Result<()> {
    match json {
        None => print!("{people}"),
        Some(path) if path == Path::new(STANDARD_OUTPUT) => {
            eprint!("{people}");
            println!("{}", serde_json::to_string_pretty(programs)?);
        }
        Some(path) => {
            print!("{people}");
            std::fs::write(path, serde_json::to_vec_pretty(programs)?)
                .with_context(|| format!("{} cannot be written", path.display()))?;
            println!("written to {}", path.display());
        }
    }
    Ok(())
}

/// A spinner with the time and what is being done.
#[must_use]
pub fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}
