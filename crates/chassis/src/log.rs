//! Structured logs on standard error, and the traces beside them.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::trace::{self, Export, TraceSettings};

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, for machines.
    Json,
    /// Coloured lines, for people.
    Text,
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("the log format is json or text".into()),
        }
    }
}

/// What a process tells of itself.
#[derive(Debug, Clone)]
pub struct Telling {
    /// Its name.
    pub service: &'static str,
    /// How logs are written.
    pub format: Format,
    /// Which lines, in `env_logger`'s language, such as `info` or `info,vault=debug`.
    pub filter: String,
    /// Where traces go.
    pub traces: TraceSettings,
}

/// Starts logging and tracing; what comes back sends the last spans when it is dropped.
pub fn start(telling: &Telling) -> Result<Option<Export>, Box<dyn std::error::Error + Send + Sync>> {
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match telling.format {
        Format::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        Format::Text => lines.boxed(),
    };
    let lines = lines.with_filter(EnvFilter::try_new(&telling.filter)?);
    let (spans, export) = trace::layer(&telling.traces, telling.service)?.unzip();
    tracing_subscriber::registry().with(lines).with(spans).try_init()?;
    Ok(export)
}
