//! The lab's results as a picture: an SVG of bars and numbers, drawn by hand because it is so little.

use std::fmt::Write as _;

use crate::report::{LabReport, Row};

const WIDTH: f64 = 1_200.0;
const TOP: f64 = 84.0;
const ROW: f64 = 30.0;
/// Where the names end and the columns begin.
const NAMES: f64 = 150.0;
/// Width of a column with bars, and of one with numbers.
const BARS: f64 = 220.0;
const NUMBERS: f64 = 64.0;
/// Room a bar leaves for its number.
const LABEL: f64 = 90.0;

const SOLD: &str = "#2a7ab0";
const OVERSOLD: &str = "#c0392b";
const TIME: &str = "#8e7cc3";

/// Bars for what is sold, how fast, and how late the last percent are; numbers for the rest.
#[must_use]
pub fn svg(report: &LabReport) -> String {
    let rows = &report.strategies;
    let height = TOP + ROW * f64::from(u32::try_from(rows.len()).unwrap_or(u32::MAX)) + 16.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\" role=\"img\" aria-label=\"The race lab\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let title = format!("The same {} tickets, {} ways", report.sale.capacity, rows.len());
    text(&mut svg, 16.0, 30.0, &title, "#111\" font-size=\"17\" font-weight=\"bold");
    let most = |of: fn(&Row) -> f64| rows.iter().map(of).fold(f64::MIN_POSITIVE, f64::max);
    let scales =
        [most(|row| small(row.sold.max(row.capacity))), most(|row| row.requests_per_second), most(|row| row.p99_ms)];
    for (x, head) in columns().zip([
        "sold (red: oversold)",
        "requests a second",
        "p99, ms",
        "lost",
        "5xx",
        "p50, ms",
        "p95, ms",
        "transactions",
    ]) {
        text(&mut svg, x, TOP - 14.0, head, "#555");
    }
    for (at, row) in (0_u32..).zip(rows) {
        draw(&mut svg, row, TOP + ROW * f64::from(at), scales);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Left edges: three columns with bars, then numbers.
fn columns() -> impl Iterator<Item = f64> {
    let bars = (0..3).map(|at| NAMES + BARS * f64::from(at));
    bars.chain((0..5).map(|at| NAMES + 3.0 * BARS + NUMBERS * f64::from(at)))
}

fn draw(svg: &mut String, row: &Row, y: f64, [most_sold, most_requests, most_p99]: [f64; 3]) {
    text(svg, 16.0, y + 17.0, &row.name, "#111");
    let x: Vec<_> = columns().collect();
    let width = |share: f64| (BARS - LABEL) * share;
    let sold = width(small(row.sold.min(row.capacity)) / most_sold);
    let oversold = width(small(row.oversold) / most_sold);
    bar(svg, x[0], y, sold, SOLD);
    bar(svg, x[0] + sold, y, oversold, OVERSOLD);
    text(svg, x[0] + sold + oversold + 6.0, y + 17.0, &format!("{} of {}", row.sold, row.capacity), "#333");
    for (x, share, fill, label) in [
        (x[1], row.requests_per_second / most_requests, SOLD, format!("{:.0}", row.requests_per_second)),
        (x[2], row.p99_ms / most_p99, TIME, format!("{:.1}", row.p99_ms)),
    ] {
        bar(svg, x, y, width(share), fill);
        text(svg, x + width(share) + 6.0, y + 17.0, &label, "#333");
    }
    let numbers = [
        row.lost.to_string(),
        row.errors_5xx.to_string(),
        format!("{:.1}", row.p50_ms),
        format!("{:.1}", row.p95_ms),
        row.postgres_transactions.to_string(),
    ];
    for (x, number) in x[3..].iter().zip(numbers) {
        text(svg, *x, y + 17.0, &number, "#333");
    }
}

fn bar(svg: &mut String, x: f64, y: f64, width: f64, fill: &str) {
    let y = y + 3.0;
    let _ = writeln!(svg, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"18\" fill=\"{fill}\"/>");
}

fn text(svg: &mut String, x: f64, y: f64, text: &str, fill: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{fill}\">{text}</text>");
}

fn small(number: i64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
