//! Pairs of limit and ours, as a table and as JSON.

use std::fmt;

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::feed::FeedFigures;

struct Figure {
    name: &'static str,
    limit: &'static str,
    pairs: Vec<(f64, f64)>,
}

/// Everything measured so far.
#[derive(Default)]
pub struct Report {
    figures: Vec<Figure>,
    feed: Option<FeedFigures>,
}

impl Report {
    /// Adds one pair.
    pub fn pair(&mut self, name: &'static str, limit: &'static str, theirs: f64, ours: f64) {
        match self.figures.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.pairs.push((theirs, ours)),
            None => self.figures.push(Figure { name, limit, pairs: vec![(theirs, ours)] }),
        }
    }

    /// Adds what the live feed did.
    pub fn set_feed(&mut self, figures: FeedFigures) {
        self.feed = Some(figures);
    }

    /// Fails where what was measured was not even right.
    pub fn check(&self) -> anyhow::Result<()> {
        self.feed.as_ref().map_or(Ok(()), FeedFigures::check)
    }

    /// `ratios`, `figures`, `feed` and `machine`.
    pub fn to_json(&self) -> Value {
        let ratios = self.figures.iter().map(|figure| (figure.name.to_owned(), json!(round(median(figure.ratios())))));
        let figures = self.figures.iter().map(|figure| {
            let pairs =
                figure.pairs.iter().map(|(limit, ours)| json!({ "limit": round(*limit), "ours": round(*ours) }));
            let figure_json = json!({
                "limit": figure.limit,
                "limit_per_second": round(median(figure.limits())),
                "ours_per_second": round(median(figure.ours())),
                "pairs": pairs.collect::<Vec<_>>(),
            });
            (figure.name.to_owned(), figure_json)
        });
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        json!({
            "ratios": ratios.collect::<serde_json::Map<_, _>>(),
            "figures": figures.collect::<serde_json::Map<_, _>>(),
            "feed": self.feed,
            "machine": { "cores": cores, "processor": processor() },
        })
    }
}

impl Figure {
    fn limits(&self) -> Vec<f64> {
        self.pairs.iter().map(|pair| pair.0).collect()
    }

    fn ours(&self) -> Vec<f64> {
        self.pairs.iter().map(|pair| pair.1).collect()
    }

    fn ratios(&self) -> Vec<f64> {
        self.pairs.iter().map(|(limit, ours)| ours / limit).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.figures.is_empty() {
            self.write_table(f)?;
        }
        self.feed.as_ref().map_or(Ok(()), |feed| write!(f, "{feed}"))
    }
}

impl Report {
    fn write_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(["figure", "limit", "limit/s", "ours/s", "ratio", "spread"]);
        for figure in &self.figures {
            let ratios = figure.ratios();
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let most = ratios.iter().copied().fold(0.0, f64::max);
            table.add_row([
                figure.name.to_owned(),
                figure.limit.to_owned(),
                format!("{:.0}", median(figure.limits())),
                format!("{:.0}", median(figure.ours())),
                format!("{:.2}", median(ratios)),
                format!("{least:.2} to {most:.2}"),
            ]);
        }
        writeln!(f, "{table}")?;
        writeln!(
            f,
            "Medians over {} interleaved pairs; a ratio is the median of the pairs' ratios.",
            self.figures.first().map_or(0, |figure| figure.pairs.len())
        )
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    line.unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_pairs() {
        let mut report = Report::default();
        for (limit, ours) in [(100.0, 90.0), (50.0, 50.0), (200.0, 100.0)] {
            report.pair("x", "y", limit, ours);
        }
        assert!((report.to_json()["ratios"]["x"].as_f64().unwrap() - 0.9).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0]) - 2.5).abs() < 1e-9);
    }
}
