//! Whatever is asked, in whatever order and by whomever, whether or not Redis let it through: the decision keeps I1–I5 and
//! I7–I9 and agrees with a model that keeps only the list of what was posted.

use std::collections::{HashMap, HashSet};

use contract::api::{Action, BookingStatus, SaleState};
use contract::internal::{Booking, BookingAnswer, CommitRequest, Items, Outcome, Refusal, Verdict};
use contract::{Currency, CustomerId, EventId, Origin, Quantity, ReservationId, SeatIndex, TierId};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;
use vault::committer::decide::decide;
use vault::committer::model::{Answer, Command, EventState, Fate, SeatState, Snapshot, TierState, Writes};

const EPOCH: i64 = 3;
const CAPACITY: i64 = 6;
const SEATS: SeatIndex = 5;
const LIMIT: i64 = 4;
const PAYMENT: SignedDuration = SignedDuration::from_secs(10);

fn rid(number: u8) -> ReservationId {
    ReservationId(Uuid::from_u128(u128::from(number)))
}
fn customer(number: u8) -> CustomerId {
    CustomerId(Uuid::from_u128(1_000 + u128::from(number)))
}
fn tier() -> TierId {
    TierId(Uuid::from_u128(7))
}

/// Postgres as the committer sees it, kept by hand from one batch to the next.
struct Database {
    now: Timestamp,
    state: SaleState,
    bookings: HashMap<ReservationId, Booking>,
    voids: HashMap<ReservationId, Refusal>,
    sold: i64,
}

impl Database {
    fn new() -> Self {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        Self { now, state: SaleState::Open, bookings: HashMap::new(), voids: HashMap::new(), sold: 0 }
    }

    fn live(&self) -> impl Iterator<Item = &Booking> {
        self.bookings.values().filter(|booking| booking.status.is_live())
    }

    fn snapshot(&self) -> Snapshot {
        let taken: HashSet<SeatIndex> = self.live().flat_map(|booking| seats(&booking.items)).collect();
        let mut tickets_of = HashMap::new();
        for booking in self.live() {
            *tickets_of.entry(booking.customer_id).or_default() += i64::from(booking.items.quantity());
        }
        let posted = self.bookings.iter().map(|(rid, booking)| (*rid, Fate::Posted(booking.clone())));
        let voids = self.voids.iter().map(|(rid, refusal)| (*rid, Fate::Void(refusal.clone())));
        Snapshot {
            now: self.now,
            event: EventState {
                event_id: EventId(Uuid::from_u128(9)),
                epoch: EPOCH,
                sale_state: self.state,
                on_sale_at: Timestamp::UNIX_EPOCH,
                ends_at: Timestamp::MAX,
                currency: Currency::try_from("EUR".to_owned()).unwrap(),
                per_customer_max: LIMIT,
                payment_ttl_seconds: PAYMENT.as_secs(),
                journal_seq: 0,
            },
            tiers: [(tier(), TierState { price_minor: 500, capacity: CAPACITY, sold: self.sold })].into(),
            seats: (0..SEATS)
                .map(|seat| (seat, SeatState { price_minor: 900, taken: taken.contains(&seat) }))
                .collect(),
            fates: posted.chain(voids).collect(),
            tickets_of,
        }
    }

    /// Writes as the store does, with the constraints of the schema as assertions.
    fn write(&mut self, writes: Writes) {
        for (rid, name) in writes.confirmed {
            let booking = self.bookings.get_mut(&rid).unwrap();
            assert_eq!(booking.status, BookingStatus::Reserved);
            (booking.status, booking.payment_reference) = (BookingStatus::Confirmed, name);
        }
        for (rid, status) in writes.released {
            let booking = self.bookings.get_mut(&rid).unwrap();
            assert!(booking.status.is_live(), "released once");
            booking.status = status;
        }
        for new in writes.posted {
            let rid = new.booking.booking_id;
            assert!(!self.voids.contains_key(&rid), "I7: posted xor void");
            assert!(self.bookings.insert(rid, new.booking).is_none(), "I4: one booking a rid");
        }
        for (rid, refusal) in writes.voided {
            assert!(!self.bookings.contains_key(&rid), "I7: posted xor void");
            assert!(self.voids.insert(rid, refusal).is_none());
        }
        self.sold += writes.sold_deltas.values().sum::<i64>();
    }

    fn check(&self) {
        let tickets: i64 = self
            .live()
            .filter(|booking| seats(&booking.items).is_empty())
            .map(|booking| i64::from(booking.items.quantity()))
            .sum();
        assert!(tickets <= CAPACITY, "I1: sold within capacity");
        assert_eq!(tickets, self.sold, "the counter counts the rows");
        let taken: Vec<SeatIndex> = self.live().flat_map(|booking| seats(&booking.items)).collect();
        assert_eq!(taken.iter().collect::<HashSet<_>>().len(), taken.len(), "I1: a live booking a seat");
        for number in 0..4 {
            let owned: u32 = self
                .live()
                .filter(|booking| booking.customer_id == customer(number))
                .map(|booking| booking.items.quantity())
                .sum();
            assert!(i64::from(owned) <= LIMIT);
        }
    }
}

fn seats(items: &Items) -> Vec<SeatIndex> {
    match items {
        Items::Seats(seats) => seats.clone(),
        Items::Tier(..) => Vec::new(),
    }
}

fn items() -> impl Strategy<Value = Items> {
    prop_oneof![
        (1..=3_i64).prop_map(|quantity| Items::Tier(tier(), Quantity::try_from(quantity).unwrap())),
        proptest::collection::vec(0..SEATS + 1, 1..4).prop_map(Items::Seats),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let commit = (0..24_u8, 0..4_u8, items(), prop_oneof![9 => Just(EPOCH), 1 => Just(EPOCH - 1)]);
    prop_oneof![
        6 => commit.prop_map(|(number, who, items, epoch)| Command::Commit(CommitRequest {
            rid: rid(number), event_id: EventId(Uuid::from_u128(9)), epoch, customer_id: customer(who), items, origin: Origin::system(),
        })),
        1 => (0..24_u8).prop_map(|number| Command::Resolve(rid(number))),
        1 => (0..4_u8, 0..24_u8).prop_map(|(who, number)| Command::Confirm {
            customer_id: customer(who), booking_id: rid(number), payment_reference: None,
            origin: Origin::system(),
        }),
        1 => (0..4_u8, 0..24_u8).prop_map(|(who, number)| Command::Cancel { customer_id: customer(who), booking_id: rid(number), origin: Origin::system() }),
        1 => (0..24_u8).prop_map(|number| Command::Expire(rid(number))),
    ]
}

/// A batch, how much time passes before it, and whether the sale is paused meanwhile.
fn batches() -> impl Strategy<Value = Vec<(Vec<Command>, i64, bool)>> {
    let pause = prop_oneof![9 => Just(false), 1 => Just(true)];
    proptest::collection::vec((proptest::collection::vec(command(), 1..12), 0..8_i64, pause), 1..12)
}

/// Keeps what the lane guarantees: no batch changes a booking that it makes.
fn as_the_lane_would(commands: Vec<Command>) -> Vec<Vec<Command>> {
    let mut parts = vec![Vec::new()];
    let mut made = HashSet::new();
    for command in commands {
        match &command {
            Command::Commit(request) => {
                made.insert(request.rid);
            }
            Command::Resolve(_) => {}
            change if made.contains(&change.rid()) => {
                made.clear();
                parts.push(Vec::new());
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(command);
        }
    }
    parts
}

/// What was ever answered about a rid must stay true.
fn check_answer(
    command: &Command,
    answer: &Answer,
    database: &Database,
    owners: &HashMap<ReservationId, CustomerId>,
    refused: &mut HashSet<ReservationId>,
) {
    let rid = command.rid();
    match (command, answer) {
        (Command::Commit(request), Answer::Verdict(Verdict::Posted(booking))) => {
            assert_eq!((booking.booking_id, booking.customer_id), (rid, request.customer_id), "I2, I9");
            assert!(!refused.contains(&rid), "I5: refused stays refused");
            assert!(database.bookings.contains_key(&rid), "I2: a row for each yes");
        }
        (Command::Commit(_), Answer::Verdict(Verdict::Refused(Refusal::NotYours))) => {
            assert!(database.bookings.contains_key(&rid));
        }
        (Command::Commit(_), Answer::Verdict(Verdict::Refused(refusal))) => {
            assert_eq!(database.voids.get(&rid), Some(refusal), "I4: a replay hears the same");
            refused.insert(rid);
        }
        (Command::Resolve(_), Answer::Resolved(Some(Outcome::Void))) => {
            assert!(database.voids.contains_key(&rid));
            refused.insert(rid);
        }
        (Command::Resolve(_), Answer::Resolved(Some(Outcome::Posted))) => assert!(database.bookings.contains_key(&rid)),
        (Command::Confirm { customer_id, .. } | Command::Cancel { customer_id, .. }, Answer::Booking(answer)) => {
            // A batch changes only bookings that were there before it.
            let owned = owners.get(&rid) == Some(customer_id);
            assert_eq!(owned, !matches!(**answer, BookingAnswer::NotFound), "I9: the owner's alone");
        }
        (Command::Expire(_), Answer::Expired(_)) => {}
        (command, answer) => panic!("{answer:?} is no answer to {command:?}"),
    }
    assert!(!refused.contains(&rid) || !database.bookings.contains_key(&rid), "I5: no row for a refusal");
}

/// What changes is entered into the audit log, once, and nothing else is.
fn check_log(writes: &Writes) -> Result<(), TestCaseError> {
    let mut meant: Vec<_> = writes.posted.iter().map(|new| (new.booking.booking_id, Action::Booked)).collect();
    meant.extend(writes.confirmed.iter().map(|(rid, _)| (*rid, Action::Confirmed)));
    let ended =
        |status: &BookingStatus| if *status == BookingStatus::Cancelled { Action::Cancelled } else { Action::Expired };
    meant.extend(writes.released.iter().map(|(rid, status)| (*rid, ended(status))));
    let mut logged: Vec<_> = writes.logged.iter().map(|entry| (entry.booking_id, entry.action)).collect();
    let order = |(rid, action): &(ReservationId, Action)| (*rid, action.as_str());
    meant.sort_by_key(order);
    logged.sort_by_key(order);
    prop_assert_eq!(meant, logged);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_sequence_of_commands_breaks_the_invariants(batches in batches()) {
        let mut database = Database::new();
        let mut refused = HashSet::new();
        for (commands, seconds, is_paused) in batches {
            database.now += SignedDuration::from_secs(seconds);
            database.state = if is_paused { SaleState::Paused } else { SaleState::Open };
            for part in as_the_lane_would(commands) {
                let owners: HashMap<_, _> = database.bookings.iter().map(|(rid, booking)| (*rid, booking.customer_id)).collect();
                let (answers, writes) = decide(database.snapshot(), &part);
                prop_assert_eq!(answers.len(), part.len());
                prop_assert!(!is_paused || writes.posted.is_empty(), "nothing is posted while the sale is paused");
                for change in &writes.posted {
                    let asked = part.iter().any(|command| matches!(command, Command::Commit(request)
                        if request.rid == change.booking.booking_id && request.items == change.booking.items && request.epoch == EPOCH));
                    prop_assert!(asked, "I3, I8: asked for, under the current epoch");
                }
                check_log(&writes)?;
                let posted = writes.posted.len();
                database.write(writes);
                prop_assert_eq!(database.bookings.len(), owners.len() + posted);
                database.check();
                for (command, answer) in part.iter().zip(&answers) {
                    check_answer(command, answer, &database, &owners, &mut refused);
                }
            }
        }
    }

    #[test]
    fn a_tier_with_room_is_never_refused_as_sold_out(quantities in proptest::collection::vec(1..=3_i64, 1..10)) {
        let mut left = CAPACITY;
        let commands: Vec<_> = (0..).zip(&quantities).map(|(number, quantity)| Command::Commit(CommitRequest {
            rid: rid(number), event_id: EventId(Uuid::from_u128(9)), epoch: EPOCH, customer_id: customer(number),
            items: Items::Tier(tier(), Quantity::try_from(*quantity).unwrap()), origin: Origin::system(),
        })).collect();
        let (answers, _) = decide(Database::new().snapshot(), &commands);
        for (quantity, answer) in quantities.iter().zip(answers) {
            let fits = *quantity <= left;
            if fits {
                left -= quantity;
            }
            let posted = matches!(answer, Answer::Verdict(Verdict::Posted(_)));
            prop_assert_eq!(posted, fits);
        }
    }
}
