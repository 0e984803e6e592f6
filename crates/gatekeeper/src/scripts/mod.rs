//! The atomic scripts: one Lua file, one module, one typed call each. Only here is Redis spoken.

pub mod activity;
pub mod admission;
pub mod apply_journal;
pub mod audit_event;
pub mod begin_commit;
pub mod call;
pub mod changes;
pub mod channel;
pub mod check_and_decrement;
pub mod draw_tokens;
pub mod extend_hold;
pub mod forget_changes;
pub mod hold;
pub mod hold_seats;
pub mod load_event;
#[cfg(feature = "faults")]
mod mutants;
pub mod read_hold;
pub mod read_inventory;
pub mod registry;
pub mod release_hold;
pub mod retire_event;
pub mod settle;
pub mod sweep;
pub mod topology;

pub use admission::Admission;
pub use call::{Arg, LuaScript, Reply, ScriptError};
pub use hold::{Hold, HoldRefusal};
pub use registry::read_run_id;

/// All scripts by name.
pub const SCRIPTS: &[&str] = &[
    "apply_journal",
    "audit_event",
    "begin_commit",
    "check_and_decrement",
    "extend_hold",
    "forget_changes",
    "hold_seats",
    "load_event",
    "read_hold",
    "read_inventory",
    "release_hold",
    "retire_event",
    "settle",
    "sweep",
];

/// Reply codes; the same numbers as in `lua/prelude.lua`.
pub mod code {
    /// Done.
    pub const OK: i64 = 1;
    /// The event's inventory is not in this Redis, or was loaded into another.
    pub const NOT_LOADED: i64 = 0;
    /// Fewer tickets are left than were asked for.
    pub const SOLD_OUT: i64 = 2;
    /// At least one seat belongs to somebody.
    pub const SEAT_TAKEN: i64 = 3;
    /// The sale is paused, over, or has not begun.
    pub const CLOSED: i64 = 4;
    /// The customer would have too many.
    pub const LIMIT: i64 = 5;
    /// The event has no such tier or seat.
    pub const UNKNOWN_ITEM: i64 = 6;
    /// There is no such entry.
    pub const NOT_FOUND: i64 = 7;
    /// The entry is another customer's.
    pub const NOT_OWNER: i64 = 8;
    /// The hold ran out.
    pub const EXPIRED: i64 = 9;
    /// The hold's commit is under way.
    pub const IN_PROGRESS: i64 = 10;
    /// The epoch is not the one that was meant.
    pub const STALE: i64 = 11;
    /// Journal rows are missing in between.
    pub const GAP: i64 = 12;
    /// There is more than was to be read.
    pub const TOO_MANY: i64 = 13;
    /// As many changes wait for the audit log as may.
    pub const LOG_FULL: i64 = 14;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [&'static LuaScript; 14] {
        [
            &apply_journal::SCRIPT,
            &audit_event::SCRIPT,
            &begin_commit::SCRIPT,
            &check_and_decrement::SCRIPT,
            &extend_hold::SCRIPT,
            &forget_changes::SCRIPT,
            &hold_seats::SCRIPT,
            &load_event::SCRIPT,
            &read_hold::SCRIPT,
            &read_inventory::SCRIPT,
            &release_hold::SCRIPT,
            &retire_event::SCRIPT,
            &settle::SCRIPT,
            &sweep::SCRIPT,
        ]
    }

    #[test]
    fn every_script_is_named() {
        assert_eq!(all().map(|script| script.name), SCRIPTS);
    }

    /// The numbered arguments a header names, and whether more may follow.
    fn header(source: &str) -> (usize, bool) {
        let lines = source.lines().take_while(|line| line.starts_with("--"));
        let text: String =
            lines.skip_while(|line| !line.contains("ARGV")).take_while(|line| !line.contains("Reply")).collect();
        let words = text.split_whitespace();
        let numbers = words.filter(|word| word.trim_end_matches('…').parse::<usize>().is_ok());
        numbers.fold((0, false), |_, word| {
            let number = word.trim_end_matches('…').parse().unwrap_or(0);
            if word.ends_with('…') { (number - 1, true) } else { (number, false) }
        })
    }

    #[test]
    fn every_script_takes_what_its_header_says() {
        for script in all() {
            assert_eq!(header(script.source), (script.arguments, script.takes_more), "{}", script.name);
        }
    }

    #[test]
    fn the_prelude_and_the_module_name_the_same_codes() {
        let prelude = call::PRELUDE;
        assert!(
            prelude.contains("OK, NOT_LOADED, SOLD_OUT, SEAT_TAKEN, CLOSED, LIMIT, UNKNOWN_ITEM = 1, 0, 2, 3, 4, 5, 6")
        );
        assert!(prelude.contains(
            "NOT_FOUND, NOT_OWNER, EXPIRED, IN_PROGRESS, STALE, GAP, TOO_MANY, LOG_FULL = 7, 8, 9, 10, 11, 12, 13, 14"
        ));
    }
}
