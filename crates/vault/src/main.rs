//! The vault's process.

use std::process::ExitCode;

use chassis::{probe, server};
use vault::config::{Config, LISTEN, LISTEN_DEFAULT, SECRETS};
use vault::startup::{self, Application};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    if probe::is_asked_for() {
        return probe::run(LISTEN, LISTEN_DEFAULT);
    }
    let config: Config = chassis::config::parse(SECRETS);
    let telling = config.telling();
    let build = async {
        if config.migrate_only {
            return startup::migrate(&config).await.map(|()| None);
        }
        Application::build(config).await.map(Some)
    };
    server::run_process(&telling, build, Application::run).await
}
