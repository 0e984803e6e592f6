//! The gatekeeper's process.

use std::process::ExitCode;

use clap::Parser as _;
use gatekeeper::config::Config;
use gatekeeper::startup::Application;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    if let Err(error) = chassis::log::start(config.log_format, &config.log_filter) {
        eprintln!("the log filter cannot be read: {error}");
        return ExitCode::FAILURE;
    }
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    Application::build(config)?.run().await
}
