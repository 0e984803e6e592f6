//! The `onsale` program.

use std::process::ExitCode;

use chassis::config::{self, SecretSetting};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use onsale::{audit, bench, demo, lab, stampede, target, token, up};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sells a fixed stock of tickets to far more people than there are tickets, exactly once.
#[derive(Parser)]
#[command(version, about, after_help = "Start with `onsale up`, then open the URL it prints.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything on this machine: Redis, Postgres, the vault, gatekeepers and nginx.
    Up(up::Arguments),
    /// Sign a token.
    Token(token::Arguments),
    /// Send a crowd, and check all it was told against Postgres and Redis.
    Stampede(stampede::Arguments),
    /// Check that every ticket of a running system is accounted for.
    Audit(audit::Arguments),
    /// Sell the same tickets in ten ways, the wrong ones too, and compare.
    Lab(lab::Arguments),
    /// Repeat the demonstrations of five well-known systems, on the real thing.
    Demo(demo::Arguments),
    /// Measure this machine's limits and how near to them Onsale comes.
    Bench(bench::Arguments),
    /// The bare server that `bench` sets the gatekeepers against.
    #[command(hide = true)]
    Baseline(bench::baseline::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = command();
    let ends_by_itself = matches!(command, Command::Up(_) | Command::Baseline(_));
    tokio::select! {
        status = carry_out(command) => status,
        // Dropped, a command takes down what it started.
        () = interrupted(), if !ends_by_itself => {
            eprintln!("onsale: interrupted");
            ExitCode::from(130)
        }
    }
}

/// What is asked for.
fn command() -> Command {
    let name = std::env::args().nth(1).unwrap_or_default();
    config::parse::<Arguments>(secrets_of(&name)).command
}

/// What a command takes that is not shown, even if it cannot be used; and may be in a file, named by the variable with `_FILE`
/// behind it.
fn secrets_of(command: &str) -> &'static [SecretSetting] {
    match command {
        "token" => token::SECRETS,
        "stampede" => target::SECRETS,
        "audit" => target::DOOR_SECRETS,
        _ => &[],
    }
}

/// Ctrl-C, or SIGTERM.
async fn interrupted() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

async fn carry_out(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Up(arguments) => up::run(arguments).await.map(done),
        Command::Token(arguments) => token::run(&arguments).map(done),
        Command::Stampede(arguments) => stampede::run(arguments).await,
        Command::Audit(arguments) => audit::run(arguments).await,
        Command::Lab(arguments) => lab::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await.map(done),
        Command::Baseline(arguments) => bench::baseline::run(arguments).await.map(done),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("onsale: {error:#}");
        ExitCode::FAILURE
    })
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_makes_sense() {
        super::Arguments::command().debug_assert();
    }
}
