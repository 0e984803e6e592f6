//! `onsale bench`.

/// What is measured.
#[derive(clap::Args)]
pub struct Arguments {}

/// Measures.
pub async fn run(_: Arguments) -> anyhow::Result<()> {
    Ok(())
}
