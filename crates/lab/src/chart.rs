//! The lab's results as a picture: an SVG of bars, drawn by hand because it is so little.

use std::fmt::Write as _;

use crate::report::LabReport;

const WIDTH: f64 = 900.0;
const LABELS: f64 = 150.0;
const ROW: f64 = 30.0;
const TOP: f64 = 70.0;

/// Three columns of bars: sold against what there was, requests a second, p99.
#[must_use]
pub fn svg(report: &LabReport) -> String {
    let rows = &report.strategies;
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let height = TOP + ROW * f64::from(count) + 20.0;
    let column = (WIDTH - LABELS) / 3.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\" role=\"img\" aria-label=\"The race lab\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"17\" font-weight=\"bold\" fill=\"#111\">The same flash sale, ten ways</text>\n"
    );
    let heads = ["tickets sold (red: oversold)", "requests a second", "p99, ms"];
    let most_sold = rows.iter().map(|row| row.sold.max(row.capacity)).max().unwrap_or(1);
    let most_requests = rows.iter().map(|row| row.requests_per_second).fold(1.0, f64::max);
    let most_p99 = rows.iter().map(|row| row.p99_ms).fold(0.01, f64::max);
    for (at, head) in (0_u32..).zip(heads) {
        let x = LABELS + column * f64::from(at);
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"56\" fill=\"#555\">{head}</text>");
    }
    for (at, row) in (0_u32..).zip(rows) {
        let y = TOP + ROW * f64::from(at);
        let _ = writeln!(svg, "<text x=\"16\" y=\"{}\" fill=\"#111\">{}</text>", y + 17.0, row.name);
        let share = |part: i64| small(part) / small(most_sold);
        let sold = format!("{} of {}", row.sold, row.capacity);
        bar(&mut svg, LABELS, y, column, share(row.sold.min(row.capacity)), "#2a7ab0", "");
        let within = LABELS + (column - 90.0) * share(row.sold.min(row.capacity));
        bar(&mut svg, within, y, column, share(row.oversold), "#c0392b", &sold);
        let requests = row.requests_per_second;
        let number = format!("{requests:.0}");
        bar(&mut svg, LABELS + column, y, column, requests / most_requests, "#2a7ab0", &number);
        let p99 = format!("{:.1}", row.p99_ms);
        bar(&mut svg, LABELS + 2.0 * column, y, column, row.p99_ms / most_p99, "#8e7cc3", &p99);
    }
    svg.push_str("</svg>\n");
    svg
}

fn bar(svg: &mut String, x: f64, y: f64, column: f64, share: f64, fill: &str, label: &str) {
    let width = (column - 90.0) * share;
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"18\" fill=\"{fill}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#333\">{label}</text>",
        y + 3.0,
        x + width + 6.0,
        y + 17.0,
    );
}

fn small(number: i64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
