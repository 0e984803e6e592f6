//! Mutants: scripts made wrong on purpose, in test builds alone, to see that a test or the checker notices
//! (`crates/onsale/tests/it/mutants.rs`). Each is the switch that turns it on, a text in a script, and what it becomes.

/// The gate's mutants.
const MUTANTS: &[(&str, &str, &str)] = &[
    // What a hold had comes back twice.
    (
        "double-return",
        "  give_back(rid, entry)\n  entry.state, entry.deadline = 'x'",
        "  give_back(rid, entry)\n  if entry.tier ~= '' then give_back_tier(entry.tier, entry.quantity) end\n  entry.state, entry.deadline = 'x'",
    ),
    // Anyone may give anyone's hold back.
    (
        "release-without-owner-check",
        "local entry, refusal = entry_for(rid, customer, meta[2], now)\nif not entry then\n  return refusal\nelseif entry.state == 'c' then\n  return { IN_PROGRESS, meta[2] }\nelseif not can_log() then\n  return { LOG_FULL }\nend\n\nlocal rest",
        "local entry, refusal = entry_of(rid), { NOT_FOUND, meta[2] }\nif not entry then\n  return refusal\nelseif entry.state == 'c' then\n  return { IN_PROGRESS, meta[2] }\nend\n\nlocal rest",
    ),
    // Anyone may book anyone's hold.
    (
        "key-without-customer",
        "local entry, refusal = entry_for(rid, ARGV[3], meta[2], now)\nif not entry then\n  return refusal\nelseif entry.state == 'h' and not is_open",
        "local entry, refusal = entry_of(rid), { NOT_FOUND, meta[2] }\nif not entry then\n  return refusal\nelseif entry.state == 'h' and not is_open",
    ),
    // Rows of the journal are applied by everyone who brings them.
    ("journal-applied-twice", "if tonumber(ARGV[at]) > applied then", "if true then"),
    // An inventory that is not there is without end.
    (
        "absent-is-infinite",
        "if not meta then\n  return { NOT_LOADED }\nend\nlocal epoch, available",
        "if not meta then\n  return { OK, '1', int(now_ms() + 10000) }\nend\nlocal epoch, available",
    ),
    // Twenty tickets are never sold.
    (
        "sold-out-early",
        "if available < quantity and opens and not known then",
        "if available < quantity + 20 and opens and not known then",
    ),
    // A seat that somebody has may be held by the next.
    ("gate-forgets-seats", "  if holder then", "  if false then"),
    // Seats are booked, and no watcher hears of it.
    ("silent-booking", "        say_seat(index, 'r')\n", ""),
];

/// The script as the switches that are on make it.
pub(super) fn mutate(mut text: String) -> String {
    for (_, original, mutant) in MUTANTS.iter().filter(|(switch, ..)| chassis::faults::is_on(switch)) {
        text = text.replace(original, mutant);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mutant_is_of_one_script_as_it_is() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../lua");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let scripts: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        for (switch, original, _) in MUTANTS {
            assert_eq!(scripts.matches(original).count(), 1, "{switch}");
        }
    }
}
