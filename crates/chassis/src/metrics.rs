//! The registry and what every service measures of its HTTP side.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use prometheus::core::Collector;
use prometheus::{
    Encoder, Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

/// Upper bounds in seconds: fine below a millisecond, where refusals live, and up to the 30 s request limit.
pub const BOUNDS_SECONDS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Metrics of one process.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
}

impl Metrics {
    /// A registry with process figures and the request histogram in it.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let requests = HistogramVec::new(
            HistogramOpts::new("http_request_duration_seconds", "Time from a request's head to its reply's head.")
                .buckets(BOUNDS_SECONDS.to_vec()),
            &["route", "method", "status"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        Ok(Self { registry, requests })
    }

    /// A number that grows.
    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.registered(IntCounter::new(name, help)?)
    }

    /// One for each value of a label. They are there from the start, so that the first of its kind is an increase and not a new
    /// series.
    pub fn counters(&self, name: &str, help: &str, label: &str, values: &[&str]) -> Result<IntCounterVec, Error> {
        let counters = self.registered(IntCounterVec::new(Opts::new(name, help), &[label])?)?;
        for value in values {
            counters.with_label_values(&[value]);
        }
        Ok(counters)
    }

    /// A number that comes and goes.
    pub fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.registered(IntGauge::new(name, help)?)
    }

    /// Sizes or times, by upper bounds.
    pub fn histogram(&self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram, Error> {
        self.registered(Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec()))?)
    }

    /// One for each value of a label.
    pub fn histograms(&self, name: &str, help: &str, label: &str, bounds: &[f64]) -> Result<HistogramVec, Error> {
        self.registered(HistogramVec::new(HistogramOpts::new(name, help).buckets(bounds.to_vec()), &[label])?)
    }

    /// For what is none of the above.
    pub fn registered<C: Collector + Clone + 'static>(&self, collector: C) -> Result<C, Error> {
        self.registry.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    /// Counts one request. `route` is the pattern, never the path; `status` becomes its class.
    pub fn observe_request(&self, route: &str, method: &str, status: u16, took: Duration) {
        const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
        // A method is whatever a client sends: only known ones become series.
        let method = METHODS.iter().find(|known| **known == method).copied().unwrap_or("other");
        let class = CLASSES.get(usize::from(status / 100)).copied().unwrap_or("other");
        self.requests.with_label_values(&[route, method, class]).observe(took.as_secs_f64());
    }
}

/// `GET /metrics`.
pub async fn expose(metrics: web::Data<Metrics>) -> HttpResponse {
    let mut text = Vec::new();
    match TextEncoder::new().encode(&metrics.registry.gather(), &mut text) {
        Ok(()) => HttpResponse::Ok().content_type(prometheus::TEXT_FORMAT).body(text),
        Err(error) => {
            tracing::error!(%error, "metrics could not be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}
