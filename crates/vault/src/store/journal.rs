//! Reading the journal.

use contract::EventId;
use contract::internal::{JOURNAL_PAGE_MAX, JournalPage, JournalRow};
use tokio::time::timeout;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use super::{CONNECTION_WAIT, Store, StoreError};

/// The NOTIFY channel; its payload is an event's id.
pub const WAKE_CHANNEL: &str = "onsale_journal";

impl Store {
    /// Rows after a position that concern Redis; `None` where there is no such event.
    pub async fn journal(&self, event_id: EventId, after: i64) -> Result<Option<JournalPage>, StoreError> {
        let client = self.client().await?;
        // The head is read first: a row that comes in between is on the next page, never lost between the two.
        let head = client.prepare_cached("SELECT epoch, journal_seq FROM events WHERE event_id = $1").await?;
        let Some(head) = client.query_opt(&head, &[&event_id.0]).await? else { return Ok(None) };
        let last: i64 = head.get("journal_seq");
        let rows = client
            .prepare_cached(
                "SELECT seq, change FROM journal WHERE event_id = $1 AND seq > $2 AND seq <= $3 AND kind <> 'booked' \
                 ORDER BY seq LIMIT $4",
            )
            .await?;
        let rows = client.query(&rows, &[&event_id.0, &after, &last, &JOURNAL_PAGE_MAX]).await?;
        let is_full = i64::try_from(rows.len()) == Ok(JOURNAL_PAGE_MAX);
        let rows: Result<Vec<JournalRow>, StoreError> = rows
            .iter()
            .map(|row| {
                let change =
                    serde_json::from_value(row.get("change")).map_err(|_| StoreError::Unreadable("journal row"))?;
                Ok(JournalRow { seq: row.get("seq"), change })
            })
            .collect();
        let rows = rows?;
        let through = if is_full { rows.last().map_or(last, |row| row.seq) } else { last };
        Ok(Some(JournalPage { epoch: head.get("epoch"), after, through, rows }))
    }

    /// Which of these events have rows after these positions.
    pub async fn journal_behind(&self, positions: &[(EventId, i64)]) -> Result<Vec<EventId>, StoreError> {
        let (ids, seqs): (Vec<Uuid>, Vec<i64>) = positions.iter().map(|(event, seq)| (event.0, *seq)).unzip();
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "SELECT e.event_id FROM events e JOIN unnest($1::uuid[], $2::bigint[]) AS known (id, seq) \
                 ON e.event_id = known.id AND e.journal_seq > known.seq",
            )
            .await?;
        let rows = client.query(&statement, &[&ids, &seqs]).await?;
        Ok(rows.iter().map(|row| EventId(row.get(0))).collect())
    }

    /// Listens for wakes until the connection fails, calling `woken` with each event's id.
    pub async fn listen(&self, woken: impl Fn(EventId)) -> Result<(), StoreError> {
        let connected = timeout(CONNECTION_WAIT, self.config.connect(self.tls.clone())).await;
        let (client, connection) = connected.map_err(|_| StoreError::Silent)??;
        let listening = async { timeout(CONNECTION_WAIT, listen(&client)).await.map_err(|_| StoreError::Silent)? };
        let hearing = hear(connection, woken);
        // The connection has to be driven while LISTEN is answered; only its end ends this.
        tokio::try_join!(hearing, listening).map(|_| ())
    }
}

async fn listen(client: &Client) -> Result<(), StoreError> {
    Ok(client.batch_execute(&format!("LISTEN {WAKE_CHANNEL}")).await?)
}

type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

async fn hear(mut connection: Connection<Socket, Encrypted>, woken: impl Fn(EventId)) -> Result<(), StoreError> {
    loop {
        match std::future::poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(wake))) => {
                if let Ok(event_id) = wake.payload().parse() {
                    woken(event_id);
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
            None => return Ok(()),
        }
    }
}
