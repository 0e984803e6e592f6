//! What a service stands on: settings, logs, metrics, request ids, problem bodies, tokens and the server itself.

pub mod api_error;
pub mod config;
pub mod credential;
pub mod deadline;
pub mod faults;
pub mod json;
pub mod log;
pub mod metrics;
pub mod probe;
pub mod retry;
pub mod secret;
pub mod server;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod token;
pub mod trace;

pub use api_error::ApiError;
pub use json::Json;
