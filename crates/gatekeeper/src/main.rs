//! The gatekeeper's process.

use clap::Parser;
use gatekeeper::config::Config;
use gatekeeper::startup::Application;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    chassis::log::start(config.log_format, &config.log_filter).map_err(anyhow::Error::from_boxed)?;
    Application::build(config)?.run().await
}
