//! `onsale demo`: the demonstrations that five well-known systems are built around, on the real thing, each with an
//! outcome that can be otherwise.

mod lab_sales;
mod scene;
mod ticket_booking_system;
mod ticketengine;
mod ticketmain;

use std::process::ExitCode;

use clap::ValueEnum;
use stampede::Verdict;

/// Which demonstration.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  onsale demo                 all five, in about a minute\n  onsale demo ticketblitz\n\n\
    Exit status: 0 everything was as it should be, 3 something was not; 1 it could not be run, 2 bad usage."
)]
pub struct Arguments {
    /// One of them; all if not given.
    #[arg(value_enum)]
    which: Option<Demonstration>,

    /// Show what is right and wrong alone: fewer requests, and no limit on how long they take.
    #[arg(long)]
    slow_machine: bool,
}

/// Whose demonstration it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Demonstration {
    /// One ticket, 50 buyers, with a pause between reading and writing.
    Safeticket,
    /// 100 tickets, 10 clients for 5 seconds, naively and by a script.
    Ticketblitz,
    /// 50 customers lock one seat; 50 lock a seat each and book it; who does not pay loses it.
    TicketBookingSystem,
    /// 500 on one seat; thousands on a hundred seats; 10,000 requests a second. Three replicas behind nginx.
    Ticketengine,
    /// Two visitors on different replicas: one takes a seat, the other sees it go and cannot have it.
    Ticketmain,
}

/// What is said, and whether it is so.
struct Findings(Vec<(bool, String)>);

impl Findings {
    fn say(&mut self, is_so: bool, what: impl Into<String>) {
        let what = what.into();
        println!("  {}  {what}", if is_so { "ok    " } else { "FAILED" });
        self.0.push((is_so, what));
    }
}

/// Demonstrates, and exits by whether it went as it should.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let all = Demonstration::value_variants();
    let mut findings = Findings(Vec::new());
    for which in all.iter().filter(|which| arguments.which.is_none_or(|one| one == **which)) {
        let name = which.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        println!("{name}");
        match which {
            Demonstration::Safeticket => lab_sales::safeticket(&mut findings).await?,
            Demonstration::Ticketblitz => lab_sales::ticketblitz(&mut findings).await?,
            Demonstration::TicketBookingSystem => ticket_booking_system::show(&mut findings).await?,
            Demonstration::Ticketengine => ticketengine::show(&mut findings, arguments.slow_machine).await?,
            Demonstration::Ticketmain => ticketmain::show(&mut findings, arguments.slow_machine).await?,
        }
    }
    let failed = findings.0.iter().filter(|(is_so, _)| !is_so).count();
    println!(
        "{}",
        if failed == 0 { "all as it should be".to_owned() } else { format!("{failed} not as it should be") }
    );
    let verdict = if failed == 0 { Verdict::Ok } else { Verdict::Violated };
    Ok(ExitCode::from(stampede::report::exit_status(verdict)))
}
