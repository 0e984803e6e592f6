//! The gatekeeper's process.

use std::process::ExitCode;

use chassis::{probe, server};
use gatekeeper::config::{Config, LISTEN, LISTEN_DEFAULT, SECRETS};
use gatekeeper::startup::Application;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    if probe::is_asked_for() {
        return probe::run(LISTEN, LISTEN_DEFAULT);
    }
    let config: Config = chassis::config::parse(SECRETS);
    let (format, filter) = (config.log_format, config.log_filter.clone());
    server::run_process(format, &filter, async { Application::build(config)?.run().await }).await
}
