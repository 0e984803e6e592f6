//! A crowd and a witness. The **crowd** attacks a running system in an open model: everybody comes when they meant to,
//! however slow the system is, so that a stall is seen by all who came during it. Every operation is written down with
//! what was wanted, when, and what was answered. The **witness** then reads Postgres and Redis past the services and
//! checks the whole history against the invariants of docs/PROOF.md.

pub mod arrivals;
pub mod check;
pub mod evidence;
pub mod history;
pub mod http;
pub mod outcome;
pub mod report;
pub mod run;
pub mod scenario;
pub mod settle;
pub mod target;
pub mod visitor;
pub mod watcher;

pub use check::Verdict;
pub use history::History;
pub use report::Report;
pub use run::{Plan, Progress, run};
pub use scenario::Scenario;
pub use target::Target;
