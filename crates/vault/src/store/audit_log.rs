//! The audit log.

use contract::api::{Action, LogEntry, LogFilter, LogPage};
use contract::{EventId, Origin};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Store, StoreError, expect_rows};

/// Entries a page has unless asked otherwise, and at most.
const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;

const INSERT: &str = "INSERT INTO audit_log (event_id, actions, actor_kinds, actors, subjects, request_ids, detail) \
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
// A row is one transaction; its changes are told apart by their place in it.
const READ: &str = "SELECT entry_no, place, COALESCE(change.made_at, changed_at) AS at, event_id, action, actor_kind, actor, subject, \
    request_id, COALESCE(change.detail, audit_log.detail) AS detail FROM audit_log CROSS JOIN LATERAL \
    unnest(actions, actor_kinds, actors, subjects, request_ids, audit_log.made_at, details) \
    WITH ORDINALITY AS change (action, actor_kind, actor, subject, request_id, made_at, detail, place)";
/// Pages that are read at a time: an operator who looks for something rare is not to take the connections that bookings need.
pub(super) const READS_MAX: usize = 2;

/// What one transaction changed, as columns.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// What was done.
    pub actions: Vec<&'static str>,
    /// What the actors are.
    pub kinds: Vec<&'static str>,
    /// Who they are.
    pub actors: Vec<Option<Uuid>>,
    /// What was changed.
    pub subjects: Vec<Uuid>,
    /// By which requests.
    pub requests: Vec<&'a str>,
}

impl<'a> Changes<'a> {
    /// One change.
    #[must_use]
    pub fn one(action: Action, origin: &'a Origin, subject: Uuid) -> Self {
        let mut changes = Self::default();
        changes.push(action, origin, subject);
        changes
    }

    /// One more.
    pub fn push(&mut self, action: Action, origin: &'a Origin, subject: Uuid) {
        self.actions.push(action.as_str());
        self.kinds.push(origin.kind.as_str());
        self.actors.push(origin.actor);
        self.subjects.push(subject);
        self.requests.push(&origin.request_id);
    }
}

/// Enters what a transaction changes, within it.
pub(super) async fn enter(
    tx: &deadpool_postgres::Transaction<'_>,
    event: Option<EventId>,
    changes: &Changes<'_>,
    detail: Option<Value>,
) -> Result<(), StoreError> {
    let statement = tx.prepare_cached(INSERT).await?;
    let event = event.map(|event| event.0);
    let Changes { actions, kinds, actors, subjects, requests } = changes;
    let parameters: [&(dyn ToSql + Sync); 7] = [&event, actions, kinds, actors, subjects, requests, &detail];
    expect_rows("enter a change into the audit log", 1, tx.execute(&statement, &parameters).await?)
}

impl Store {
    /// A page of entries, newest first.
    pub async fn audit_log(&self, filter: &LogFilter) -> Result<LogPage, StoreError> {
        let limit = filter.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(StoreError::Malformed(format!("limit is 1 to {LIMIT_MAX}.")));
        }
        let before = filter.before.as_deref().map(cursor).transpose()?;
        let (before_no, before_place) = before.unzip();
        let (event, action) = (filter.event_id.map(|event| event.0), filter.action.map(Action::as_str));
        // Only what is asked for is part of the question, so that an index is used where there is one. What is looked for is
        // looked for in the arrays first: rows that do not have it are not taken apart.
        let mut question = Question::default();
        question.add(event.as_ref().map(|value| value as _), "event_id = $value");
        question
            .add(filter.actor.as_ref().map(|value| value as _), "actors @> ARRAY[$value]::uuid[] AND actor = $value");
        question.add(
            filter.subject.as_ref().map(|value| value as _),
            "subjects @> ARRAY[$value]::uuid[] AND subject = $value",
        );
        question.add(action.as_ref().map(|value| value as _), "actions @> ARRAY[$value]::text[] AND action = $value");
        question.add(before_no.as_ref().map(|value| value as _), "entry_no <= $value");
        question.add(before_place.as_ref().map(|value| value as _), "(entry_no < $before OR place < $value)");
        // One more than asked for tells whether there is a next page.
        let most = i64::from(limit) + 1;
        let text = question.text(&most);
        let _turn = self.log_reads.acquire().await.map_err(|_| StoreError::Silent)?;
        let client = self.client().await?;
        let statement = client.prepare_cached(&text).await?;
        let rows = client.query(&statement, &question.values).await?;
        let mut items = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let next = (items.len() > limit as usize).then(|| {
            items.truncate(limit as usize);
            items.last().map(|entry| entry.entry.clone())
        });
        Ok(LogPage { items, next: next.flatten() })
    }
}

/// A SELECT with the conditions that are asked for, in the order of their values.
#[derive(Default)]
struct Question<'a> {
    conditions: Vec<String>,
    values: Vec<&'a (dyn ToSql + Sync)>,
}

impl<'a> Question<'a> {
    /// One of our own conditions, if there is a value for its `$value`; `$before` is the one before.
    fn add(&mut self, value: Option<&'a (dyn ToSql + Sync)>, condition: &str) {
        let Some(value) = value else { return };
        self.values.push(value);
        let number = self.values.len();
        self.conditions
            .push(condition.replace("$before", &format!("${}", number - 1)).replace("$value", &format!("${number}")));
    }

    fn text(&mut self, most: &'a i64) -> String {
        self.values.push(most);
        let conditions = if self.conditions.is_empty() { "true".to_owned() } else { self.conditions.join(" AND ") };
        format!("{READ} WHERE {conditions} ORDER BY entry_no DESC, place DESC LIMIT ${}", self.values.len())
    }
}

/// `4711-1`: the row and the place in it.
fn cursor(text: &str) -> Result<(i64, i64), StoreError> {
    let parts = text.split_once('-').and_then(|(row, place)| Some((row.parse().ok()?, place.parse().ok()?)));
    let sound = parts.filter(|(row, place)| *row >= 0 && *place >= 0);
    sound.ok_or_else(|| StoreError::Malformed("before is the `next` of a page, such as 4711-1.".into()))
}

fn entry(row: &Row) -> Result<LogEntry, StoreError> {
    let word = |column: &str| Value::String(row.get(column));
    Ok(LogEntry {
        entry: format!("{}-{}", row.get::<_, i64>("entry_no"), row.get::<_, i64>("place")),
        at: row.get("at"),
        action: serde_json::from_value(word("action")).map_err(|_| StoreError::Unreadable("action"))?,
        actor_kind: serde_json::from_value(word("actor_kind")).map_err(|_| StoreError::Unreadable("actor_kind"))?,
        actor: row.get("actor"),
        event_id: row.get::<_, Option<Uuid>>("event_id").map(EventId),
        subject: row.get("subject"),
        request_id: row.get("request_id"),
        detail: row.get("detail"),
    })
}
