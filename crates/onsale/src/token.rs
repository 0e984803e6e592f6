//! `onsale token`: signs tokens with the key the gatekeepers check them with.

use chassis::config::SecretSetting;
use chassis::token::{Identity, Role, TokenKeys};
use contract::CustomerId;
use jiff::{SignedDuration, Timestamp};

/// What is not shown, even if it cannot be used, and may be in a file.
pub const SECRETS: &[SecretSetting] = &[SecretSetting { flag: "token-key", variable: "ONSALE_TOKEN_KEY" }];

/// What the token says.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  ONSALE_TOKEN_KEY=… onsale token --admin\n  ONSALE_TOKEN_KEY=… onsale token --operator --hours 8\n\n\
    The key may be in a file: ONSALE_TOKEN_KEY_FILE names it."
)]
pub struct Arguments {
    /// For an administrator, who makes and changes events, instead of a customer.
    #[arg(long)]
    admin: bool,

    /// For an operator, who pauses, resumes and audits sales.
    #[arg(long, conflicts_with = "admin")]
    operator: bool,

    /// How long it works.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8_760))]
    hours: u32,

    /// The gatekeepers' keys, separated by commas, 32 characters or more each; the first one signs.
    #[arg(long, env = "ONSALE_TOKEN_KEY", hide_env_values = true)]
    token_key: TokenKeys,
}

/// Prints the token alone, so that it can be piped.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let role = match (arguments.admin, arguments.operator) {
        (true, _) => Role::Admin,
        (_, true) => Role::Operator,
        _ => Role::Customer,
    };
    let identity = Identity { customer_id: CustomerId::fresh(), role };
    let (token, expires_at) =
        arguments.token_key.sign(identity, Timestamp::now(), SignedDuration::from_hours(arguments.hours.into()))?;
    println!("{token}");
    eprintln!("works until {expires_at}");
    Ok(())
}
