//! `onsale token`: signs tokens with the key the gatekeepers check them with.

use chassis::token::{Identity, Role, TokenKey};
use contract::CustomerId;
use jiff::{SignedDuration, Timestamp};

/// What the token says.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  ONSALE_TOKEN_KEY=… onsale token --admin\n  ONSALE_TOKEN_KEY=… onsale token --hours 1"
)]
pub struct Arguments {
    /// For an administrator instead of a guest.
    #[arg(long)]
    admin: bool,

    /// How long it works.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8_760))]
    hours: u32,

    /// The gatekeepers' key: at least 32 characters.
    #[arg(long, env = "ONSALE_TOKEN_KEY", hide_env_values = true)]
    token_key: TokenKey,
}

/// Prints the token alone, so that it can be piped.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let role = if arguments.admin { Role::Admin } else { Role::Guest };
    let identity = Identity { customer_id: CustomerId::fresh(), role };
    let (token, expires_at) =
        arguments.token_key.sign(identity, Timestamp::now(), SignedDuration::from_hours(arguments.hours.into()))?;
    println!("{token}");
    eprintln!("works until {expires_at}");
    Ok(())
}
