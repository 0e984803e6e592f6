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
    let telling = config.telling();
    let build = async { Application::build(config).map(Some) };
    server::run_process(&telling, build, Application::run).await
}
