//! Changes of holds as scripts write them, each in the step that makes it: `epoch:number:ms:action:rid:kind:actor:request:tier:quantity:seats`.

use contract::api::Action;
use contract::internal::{Items, LoggedChange};
use contract::origin::ActorKind;
use contract::{Origin, ReservationId};
use jiff::Timestamp;

use super::call::new_command;
use super::registry::query;
use super::{ScriptError, hold};
use crate::keys::EventKeys;
use crate::link::Link;

/// How long a replica that enters changes may be silent before another takes over. Two at once do work twice, and no harm.
const ENTERING_MS: u64 = 5_000;

/// Who caused a change, as scripts take it.
pub(super) fn origin(origin: &Origin) -> String {
    let actor = origin.actor.map(|actor| actor.to_string()).unwrap_or_default();
    format!("{}:{actor}:{}", origin.kind.as_str(), origin.request_id)
}

/// An event's oldest changes.
#[derive(Debug, Default)]
pub struct Page {
    /// Lines that were read.
    pub lines: usize,
    /// Those of them that are changes.
    pub changes: Vec<LoggedChange>,
    /// The newest line's epoch and number, of those that have them.
    pub newest: (i64, i64),
}

/// Reads an event's oldest changes, at most so many.
pub async fn read(link: &Link, keys: &EventKeys, most: usize) -> Result<Page, ScriptError> {
    let mut command = new_command("LRANGE");
    command.arg(keys.changes()).arg(0).arg(most.saturating_sub(1));
    let lines: Vec<Vec<u8>> = query(link, keys.changes(), "read_changes", &command).await?;
    Ok(page(&lines))
}

/// What lines say, those that say anything.
pub(crate) fn page(lines: &[Vec<u8>]) -> Page {
    let texts: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
    Page {
        lines: texts.len(),
        changes: texts.iter().filter_map(|text| parse(text)).collect(),
        newest: texts.iter().filter_map(|text| place(text)).max().unwrap_or_default(),
    }
}

/// How many changes wait.
pub async fn count(link: &Link, keys: &EventKeys) -> Result<i64, ScriptError> {
    let mut command = new_command("LLEN");
    command.arg(keys.changes());
    query(link, keys.changes(), "count_changes", &command).await
}

/// Makes this replica the one that enters the event's changes; false if another is at it.
pub async fn claim(link: &Link, keys: &EventKeys) -> Result<bool, ScriptError> {
    let mut command = new_command("SET");
    command.arg(keys.entering()).arg(1).arg("NX").arg("PX").arg(ENTERING_MS);
    Ok(query::<Option<String>>(link, keys.entering(), "claim_changes", &command).await?.is_some())
}

/// Keeps others from it for the full time again.
pub async fn renew(link: &Link, keys: &EventKeys) -> Result<(), ScriptError> {
    let mut command = new_command("PEXPIRE");
    command.arg(keys.entering()).arg(ENTERING_MS);
    let _: i64 = query(link, keys.entering(), "renew_changes", &command).await?;
    Ok(())
}

/// Lets others enter the event's changes.
pub async fn let_go(link: &Link, keys: &EventKeys) -> Result<(), ScriptError> {
    let mut command = new_command("DEL");
    command.arg(keys.entering());
    let _: i64 = query(link, keys.entering(), "let_go_of_changes", &command).await?;
    Ok(())
}

/// A line's epoch and number, by which it is forgotten, whatever else it says.
fn place(text: &str) -> Option<(i64, i64)> {
    let mut parts = text.splitn(3, ':');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Reads what `lua/ledger.lua` writes.
fn parse(text: &str) -> Option<LoggedChange> {
    let mut parts = text.splitn(11, ':');
    let mut next = || parts.next();
    let (epoch, number) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let at = Timestamp::from_millisecond(next()?.parse().ok()?).ok()?;
    let action = next()?;
    let action = Action::ALL.iter().copied().find(|known| known.as_str() == action)?;
    let subject: ReservationId = next()?.parse().ok()?;
    let kind = next()?;
    let kind = ActorKind::ALL.iter().copied().find(|known| known.as_str() == kind)?;
    let actor = match next()? {
        "" => None,
        actor => Some(actor.parse().ok()?),
    };
    let origin = Origin { kind, actor, request_id: next()?.to_owned() };
    // Gatekeepers from before migration V7 wrote nothing of these.
    let items = [next(), next(), next()];
    Some(LoggedChange { epoch, number, at, action, subject, items: read_items(items), origin })
}

fn read_items([tier, quantity, seats]: [Option<&str>; 3]) -> Option<Items> {
    hold::items(tier?, quantity?.parse().ok()?, seats?)
}

#[cfg(test)]
mod tests {
    use contract::{Quantity, TierId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_a_script_writes_of_a_change_is_read_as_it_was_meant() {
        let (rid, customer, tier) = (ReservationId::fresh(), Uuid::now_v7(), TierId::fresh());
        let caller = Origin { kind: ActorKind::ApiKey, actor: Some(customer), request_id: "a-b-c".into() };
        let read = |action: &str, origin: &str, items: &str| {
            parse(&format!("3:17:1766000000123:{action}:{rid}:{origin}{items}"))
        };
        let (two, origin) = (format!(":{tier}:2:"), origin(&caller));
        let held = read("held", &origin, &two).unwrap();
        assert_eq!((held.epoch, held.number, held.at.as_millisecond()), (3, 17, 1_766_000_000_123));
        assert_eq!((held.action, held.subject, held.origin), (Action::Held, rid, caller.clone()));
        assert_eq!(held.items, Some(Items::Tier(tier, Quantity::try_from(2).unwrap())));
        assert_eq!(read("expired", "system::", &two).unwrap().origin, Origin::system());
        let seats = |items: &str| read("held", &origin, items).unwrap().items;
        assert_eq!(seats("::2:5,16"), Some(Items::Seats(vec![5, 16])));
        assert_eq!(seats("::1:0"), Some(Items::Seats(vec![0])));
        // What happened is told though it is not said of what: the version before did not, and what is wrong is no reason.
        for unclear in ["", "::1:", ":x:1:", "::x:5"] {
            let told = read("held", &origin, unclear).unwrap();
            assert_eq!((told.action, told.origin, told.items), (Action::Held, caller.clone(), None), "{unclear}");
        }
        for wrong in [
            read("stolen", "system::", &two),
            read("held", "nobody::", &two),
            read("held", "system:x:", &two),
            read("held", "system", ""),
        ] {
            assert_eq!(wrong, None);
        }
        assert_eq!(parse(""), None);
        assert_eq!([place("3:17:later:words"), place("3:x:"), place("")], [Some((3, 17)), None, None]);
    }
}
