//! The `onsale` program.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use onsale::{bench, token, up};

/// Sells a fixed stock of tickets to far more people than there are tickets, exactly once.
#[derive(Parser)]
#[command(version, about, after_help = "Start with `onsale up`, then open the URL it prints.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, parsed once")]
enum Command {
    /// Start everything on this machine: Redis, Postgres, the vault, gatekeepers and nginx.
    Up(up::Arguments),
    /// Sign a token.
    Token(token::Arguments),
    /// Measure this machine's limits and how near to them Onsale comes.
    Bench(bench::Arguments),
    /// The bare server that `bench` sets the gatekeepers against.
    #[command(hide = true)]
    Baseline(bench::baseline::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Up(arguments) => up::run(arguments).await,
        Command::Token(arguments) => token::run(&arguments),
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Baseline(arguments) => bench::baseline::run(arguments).await,
    };
    if let Err(error) = outcome {
        eprintln!("onsale: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
