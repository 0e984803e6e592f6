//! What was measured: tables for people, JSON for programs, and a page with charts for the documentation.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::feed::FeedFigures;
use super::meter::Cpu;
use super::series::{RATIOS, Series, What, median, spread};

/// Everything measured so far.
#[derive(Default)]
pub struct Report {
    series: Vec<Series>,
    memory_mib: BTreeMap<&'static str, f64>,
    feed: Option<FeedFigures>,
}

/// A ratio over all pairs.
struct Ratio {
    name: &'static str,
    limit: What,
    values: Vec<f64>,
    target: Option<f64>,
}

impl Report {
    /// Adds one round of something.
    pub fn add(&mut self, what: What, rate: f64, cpu: &Cpu, seconds: u32) {
        let at = self.series.iter().position(|series| series.what == what).unwrap_or_else(|| {
            self.series.push(Series::of(what));
            self.series.len() - 1
        });
        self.series[at].add(rate, cpu, f64::from(seconds));
    }

    /// Adds what the processes take in memory.
    pub fn set_memory(&mut self, memory_mib: BTreeMap<&'static str, f64>) {
        self.memory_mib = memory_mib;
    }

    /// Adds what the live feed did.
    pub fn set_feed(&mut self, figures: FeedFigures) {
        self.feed = Some(figures);
    }

    /// Fails where what was measured was not even right.
    pub fn check(&self) -> anyhow::Result<()> {
        self.feed.as_ref().map_or(Ok(()), FeedFigures::check)
    }

    fn rates(&self, what: What) -> &[f64] {
        self.series.iter().find(|series| series.what == what).map_or(&[], |series| &series.rates)
    }

    fn ratios(&self) -> Vec<Ratio> {
        let ratio = |(name, ours, limit, target): (&'static str, What, What, Option<f64>)| {
            let pairs = self.rates(ours).iter().zip(self.rates(limit));
            Ratio { name, limit, values: pairs.map(|(ours, limit)| ours / limit).collect(), target }
        };
        RATIOS.into_iter().map(ratio).filter(|ratio| !ratio.values.is_empty()).collect()
    }

    /// `ratios`, `figures`, `memory_mib`, `feed` and `machine`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let ratios =
            self.ratios().into_iter().map(|ratio| (ratio.name.to_owned(), json!(round(median(&ratio.values)))));
        let figures = self.series.iter().map(|series| {
            let (least, most) = spread(&series.rates);
            let cpu: serde_json::Map<_, _> =
                series.cpu_us.iter().map(|(role, us)| ((*role).to_owned(), json!(round(median(us))))).collect();
            let figure = json!({
                "is": series.what.is, "unit": series.what.unit, "per_second": round(median(&series.rates)),
                "least": round(least), "most": round(most), "rounds": series.rates.len(), "cpu_us_each": cpu,
            });
            (series.what.name.to_owned(), figure)
        });
        json!({
            "ratios": ratios.collect::<serde_json::Map<_, _>>(),
            "figures": figures.collect::<serde_json::Map<_, _>>(),
            "memory_mib": self.memory_mib,
            "feed": self.feed,
            "machine": { "cores": cores(), "processor": processor() },
        })
    }

    /// The page of the documentation.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut page = String::from(
            "# Benchmarks\n\nWritten by `make bench`; run it for your own machine. Load, limits and Onsale share the \
             machine, each ratio is the median of what was measured within the same round, and speeds by \
             themselves say more about the machine than about anything on it.\n\n",
        );
        let day = jiff::Timestamp::now().strftime("%Y-%m-%d");
        let machine = format!("{} cores, {}", cores(), processor());
        let _ = writeln!(page, "Measured on {day}. Machine: {machine}.\n\n![Speeds](pictures/bench.svg)\n");
        let _ = write!(page, "{self}");
        page
    }

    /// The chart of that page: every speed as a bar, ours in another colour than the limits.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let most = self.series.iter().map(|series| median(&series.rates)).fold(1.0, f64::max);
        let count = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        let height = 60 + 24 * count;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 {height}\" font-family=\"sans-serif\" \
             font-size=\"12\" role=\"img\" aria-label=\"Speeds\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"16\" y=\"28\" font-size=\"16\" font-weight=\"bold\" fill=\"#111\">A second, by the logarithm; \
             blue is Onsale, grey are the limits</text>\n"
        );
        for (at, series) in (0_u32..).zip(&self.series) {
            let (y, rate) = (48 + 24 * at, median(&series.rates));
            let fill = if series.what.is.starts_with("Onsale") { "#2a7ab0" } else { "#9aa5b1" };
            // From 100 a second on; below there is nothing to see.
            let width = 400.0 * (rate / 100.0).max(1.0).log10() / (most / 100.0).max(10.0).log10();
            let _ = writeln!(
                svg,
                "<text x=\"16\" y=\"{0}\" fill=\"#111\">{1}</text><rect x=\"400\" y=\"{y}\" width=\"{width:.0}\" \
                 height=\"17\" fill=\"{fill}\"/><text x=\"{2:.0}\" y=\"{0}\" fill=\"#333\">{rate:.0}</text>",
                y + 13,
                series.what.is.replace('&', "&amp;").replace('`', ""),
                406.0 + width,
            );
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn write_ratios(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = table(&["ratio", "to", "median", "spread", "target", "met"]);
        for ratio in self.ratios() {
            let (least, most) = spread(&ratio.values);
            table.add_row([
                ratio.name.to_owned(),
                ratio.limit.is.to_owned(),
                format!("{:.2}", median(&ratio.values)),
                format!("{least:.2} to {most:.2}"),
                ratio.target.map(|target| format!("{target}")).unwrap_or_default(),
                ratio
                    .target
                    .map(|target| if median(&ratio.values) >= target { "yes" } else { "no" })
                    .unwrap_or_default()
                    .to_owned(),
            ]);
        }
        writeln!(f, "{table}\n")
    }

    fn write_speeds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = table(&["what", "a second", "spread", "of"]);
        for series in &self.series {
            let (least, most) = spread(&series.rates);
            table.add_row([
                series.what.is.to_owned(),
                format!("{:.0}", median(&series.rates)),
                format!("{least:.0} to {most:.0}"),
                series.what.unit.to_owned(),
            ]);
        }
        writeln!(f, "{table}\n")
    }

    fn write_costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles = ["nginx", "gatekeeper", "redis", "vault", "postgres"];
        let mut costs = table(&["CPU µs each", "nginx", "gatekeepers", "Redis", "vault", "Postgres", "together"]);
        for series in self.series.iter().filter(|series| !series.cpu_us.is_empty()) {
            let us = roles.map(|role| series.cpu_us.get(role).map_or(0.0, |us| median(us)));
            let cells = us.iter().copied().chain([us.iter().sum()]).map(|us| format!("{us:.1}"));
            costs.add_row(std::iter::once(series.what.is.to_owned()).chain(cells).collect::<Vec<_>>());
        }
        writeln!(f, "{costs}\n")?;
        let memory =
            roles.iter().map(|role| format!("{role} {:.0} MiB", self.memory_mib.get(role).copied().unwrap_or(0.0)));
        writeln!(f, "Memory after all this, shared pages shared out: {}.\n", memory.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.series.is_empty() {
            self.write_ratios(f)?;
            self.write_speeds(f)?;
            self.write_costs(f)?;
            let rounds = self.series.first().map_or(0, |series| series.rates.len());
            writeln!(f, "Medians of {rounds} rounds, in each of which everything is measured once.\n")?;
        }
        self.feed.as_ref().map_or(Ok(()), |feed| write!(f, "{feed}"))
    }
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(head.iter().copied());
    table
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    line.unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::series::{BARE_CONSTANT, REFUSE_LATCH_ON};
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_pairs() {
        let mut report = Report::default();
        for (limit, ours) in [(100.0, 90.0), (50.0, 50.0), (200.0, 100.0)] {
            report.add(BARE_CONSTANT, limit, &Cpu::new(), 1);
            report.add(REFUSE_LATCH_ON, ours, &Cpu::new(), 1);
        }
        assert!((report.to_json()["ratios"]["refuse_latch_on"].as_f64().unwrap() - 0.9).abs() < 1e-9);
        assert!(report.to_json()["ratios"]["book_vs_row_lock"].is_null(), "what was not measured has no ratio");
        assert!(report.to_markdown().contains("0.50 to 1.00"));
        assert!(report.to_svg().contains("latch"));
    }
}
