//! Traces: what a request did, where, and how long each part of it took (W3C Trace Context, sent by OTLP). Without somewhere to send
//! them there are none, and asking for a span costs a comparison.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use clap::Args;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

/// What our spans are under; only logs at the level `trace` have them.
pub const TARGET: &str = "onsale_trace";
/// How long the collector may take to answer.
const EXPORT_WAIT: Duration = Duration::from_secs(5);
/// How long the last spans of a process may take on their way out.
const FLUSH_WAIT: Duration = Duration::from_secs(2);
/// The W3C header.
pub const TRACEPARENT: &str = "traceparent";
/// Spans of one batch that are told which requests it is for.
const LINKS_MAX: usize = 64;

/// Where traces go.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Traces")]
pub struct TraceSettings {
    /// An OTLP collector that takes HTTP, such as `http://collector:4318`. Without one nothing is traced.
    #[arg(long, env = "ONSALE_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,

    /// Of the requests about which nobody before has decided, how many are traced, from 0 to 1. nginx decides for those that come by
    /// it: leave this at 0 behind it.
    #[arg(long, env = "ONSALE_TRACE_RATIO", default_value_t = 0.0, value_parser = ratio)]
    pub trace_ratio: f64,
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "a number from 0 to 1".into())
}

/// A span of ours, with OpenTelemetry's names for what it says.
#[macro_export]
macro_rules! span {
    ($name:literal $(, $($fields:tt)*)?) => {
        ::tracing::trace_span!(target: $crate::trace::TARGET, $name $(, $($fields)*)?)
    };
}

/// Sends spans as long as it is there, and the last of them when it goes.
pub struct Export(SdkTracerProvider);

impl Drop for Export {
    fn drop(&mut self) {
        // Nobody is left who could be told.
        let _ = self.0.shutdown_with_timeout(FLUSH_WAIT);
    }
}

/// What takes spans to the collector, if there is one.
pub fn layer<S>(
    settings: &TraceSettings,
    service: &'static str,
) -> Result<Option<(impl Layer<S>, Export)>, Box<dyn std::error::Error + Send + Sync>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    // Compose gives an empty one for none.
    let Some(endpoint) = settings.otlp_endpoint.as_ref().filter(|endpoint| !endpoint.is_empty()) else {
        return Ok(None);
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(EXPORT_WAIT)
        .build()?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.trace_ratio))))
        .with_resource(Resource::builder().with_service_name(service).build())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("onsale"));
    let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
    let ours = Targets::new().with_target(TARGET, tracing::Level::TRACE);
    Ok(Some((layer.with_filter(ours), Export(provider))))
}

/// Makes a span a part of what the headers say it is a part of.
pub fn continue_from(span: &Span, headers: &HeaderMap) {
    if !span.is_disabled() {
        // Without a parent, or with one that is none, it is the beginning of a trace.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(headers)));
    }
}

/// What the next service is told of the current span, if there is one.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let span = Span::current();
    if span.is_disabled() {
        return None;
    }
    let mut carrier = Carrier::default();
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.0
}

/// A batch is a part of what the first of its requests that is traced does, and is said to be for the others as well. If none is, it
/// is not either.
pub fn for_all<'a>(batch: &Span, requests: impl Iterator<Item = &'a Span>) {
    if batch.is_disabled() {
        return;
    }
    let mut traced = requests.map(OpenTelemetrySpanExt::context).filter(|context| {
        let span = context.span();
        span.span_context().is_valid() && span.span_context().is_sampled()
    });
    let first = traced.next().unwrap_or_else(untraced);
    // It has no other parent: nothing can be in the way.
    let _ = batch.set_parent(first);
    for other in traced.take(LINKS_MAX) {
        batch.add_link(other.span().span_context().clone());
    }
}

/// What is a part of this is not traced.
fn untraced() -> Context {
    let (trace, span) = (TraceId::from(1), SpanId::from(1));
    Context::new().with_remote_span_context(SpanContext::new(
        trace,
        span,
        TraceFlags::NOT_SAMPLED,
        true,
        TraceState::NONE,
    ))
}

/// The trace that the headers name, for logs.
#[must_use]
pub fn id(headers: &HeaderMap) -> Option<&str> {
    let parent = headers.get(TRACEPARENT)?.to_str().ok()?;
    let mut parts = parent.split('-').skip(1);
    parts.next().filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(actix_web::http::header::HeaderName::as_str).collect()
    }
}

#[derive(Default)]
struct Carrier(Option<String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}
