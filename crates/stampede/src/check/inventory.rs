//! I1 and I6: the accounts.

use std::collections::{BTreeMap, HashMap};

use contract::{CustomerId, TierId};

use super::Examination;
use crate::evidence::{BookingRow, Evidence, RedisState};
use crate::settle::SETTLED_WITHIN;

pub(crate) fn nothing_is_sold_twice(evidence: &Evidence) -> Examination {
    let mut examination = Examination::default();
    let postgres = &evidence.postgres;
    let sold = sold_by_tier(&postgres.bookings);
    for (tier, (capacity, counter)) in &postgres.tiers {
        let sold = sold.get(tier).copied().unwrap_or(0);
        if sold > *capacity {
            examination.offend(format!("tier {tier} has {capacity} tickets and sold {sold}"), None);
        }
        if sold != *counter {
            examination.offend(format!("tier {tier} counts {counter} sold, and its bookings come to {sold}"), None);
        }
    }
    let mut owners: HashMap<&str, &BookingRow> = HashMap::new();
    for booking in &postgres.bookings {
        examination.examine();
        let expected = if booking.status.is_live() { booking.items } else { 0 };
        if booking.items == 0 || booking.items_live != expected {
            let (id, status) = (booking.booking_id, booking.status.as_str());
            let what = format!("booking {id} is {status} with {} of {} items", booking.items_live, booking.items);
            examination.offend(what, None);
        }
        for seat in booking.seats.iter().filter(|_| booking.status.is_live()) {
            if let Some(other) = owners.insert(seat, booking) {
                let (one, two) = (other.booking_id, booking.booking_id);
                examination.offend(format!("seat {seat} is booked by {one} and by {two}"), None);
            }
        }
    }
    examination
}

pub(crate) fn every_ticket_is_accounted_for(evidence: &Evidence) -> Examination {
    let mut examination = Examination::default();
    let accounts = evidence.postgres.tiers.len() + usize::from(evidence.postgres.seats_total > 0);
    (0..accounts).for_each(|_| examination.examine());
    for what in unevenness(evidence) {
        examination.offend(what, None);
    }
    examination
}

/// Every account that does not come out even, in words.
#[must_use]
pub fn unevenness(evidence: &Evidence) -> Vec<String> {
    let Some(redis) = &evidence.redis else { return vec!["the inventory is not in Redis".into()] };
    let mut uneven = Vec::new();
    let epoch = evidence.postgres.epoch;
    if redis.epoch != epoch {
        uneven.push(format!("Redis has epoch {}, Postgres {epoch}", redis.epoch));
    }
    if redis.applied_seq < evidence.postgres.journal_seq {
        let (applied, last) = (redis.applied_seq, evidence.postgres.journal_seq);
        uneven.push(format!("Redis has followed the journal to {applied}, and it goes to {last}"));
    }
    let allowed_ms = i64::try_from(SETTLED_WITHIN.as_millis()).unwrap_or(i64::MAX);
    if let Some(overdue_ms) = redis.overdue_ms().filter(|overdue| *overdue > allowed_ms) {
        uneven.push(format!("an attempt keeps its inventory {overdue_ms} ms after its deadline"));
    }
    tiers(evidence, redis, &mut uneven);
    seats(evidence, redis, &mut uneven);
    customers(evidence, redis, &mut uneven);
    uneven
}

fn tiers(evidence: &Evidence, redis: &RedisState, uneven: &mut Vec<String>) {
    let sold = sold_by_tier(&evidence.postgres.bookings);
    for (tier, (capacity, _)) in &evidence.postgres.tiers {
        let available = redis.tiers.get(tier).copied().unwrap_or(0);
        let of_tier = redis.ledger.values().filter(|entry| entry.tier == Some(*tier));
        let held: i64 = of_tier.map(|entry| entry.quantity).sum();
        let sold = sold.get(tier).copied().unwrap_or(0);
        let leak = capacity - available - held - sold;
        if leak != 0 {
            let account = format!("{capacity} tickets, {available} available, {held} held, {sold} sold");
            uneven.push(format!("tier {tier} leaks {leak}: {account}"));
        }
    }
}

fn seats(evidence: &Evidence, redis: &RedisState, uneven: &mut Vec<String>) {
    let mut taken: BTreeMap<_, i64> = BTreeMap::new();
    for rid in redis.seats.values() {
        *taken.entry(*rid).or_default() += 1;
    }
    let held = redis.ledger.iter().filter(|(_, entry)| entry.tier.is_none()).map(|(rid, entry)| (*rid, entry.quantity));
    let of_seats = |booking: &&BookingRow| booking.status.is_live() && !booking.seats.is_empty();
    let booked = evidence.postgres.bookings.iter().filter(of_seats).map(|row| (row.booking_id, row.quantity));
    let expected: BTreeMap<_, i64> = held.chain(booked).collect();
    for (rid, seats) in &expected {
        let has = taken.remove(rid).unwrap_or(0);
        if has != *seats {
            uneven.push(format!("{rid} has {seats} seats, and {has} in Redis"));
        }
    }
    for (rid, seats) in taken {
        uneven.push(format!("{rid} keeps {seats} seats in Redis, and nowhere else"));
    }
    let free = evidence.postgres.seats_total - i64::try_from(redis.seats.len()).unwrap_or(i64::MAX);
    let on_map = i64::try_from(redis.map.bytes().filter(|letter| *letter == b'a').count()).unwrap_or(i64::MAX);
    if on_map != free || redis.seats_available != free {
        let counter = redis.seats_available;
        uneven.push(format!("{free} seats are free, the map shows {on_map}, the counter {counter}"));
    }
}

fn customers(evidence: &Evidence, redis: &RedisState, uneven: &mut Vec<String>) {
    let mut expected: HashMap<CustomerId, i64> = HashMap::new();
    for entry in redis.ledger.values() {
        *expected.entry(entry.customer).or_default() += entry.quantity;
    }
    for booking in evidence.postgres.bookings.iter().filter(|booking| booking.status.is_live()) {
        *expected.entry(booking.customer_id).or_default() += booking.quantity;
    }
    let everyone = expected.keys().chain(redis.customers.keys().filter(|id| !expected.contains_key(id)));
    for customer in everyone {
        let has = expected.get(customer).copied().unwrap_or(0);
        let counted = redis.customers.get(customer).copied().unwrap_or(0);
        if has != counted {
            uneven.push(format!("customer {customer} has {has} tickets, and Redis counts {counted}"));
        }
    }
}

/// Tickets in live bookings.
fn sold_by_tier(bookings: &[BookingRow]) -> HashMap<TierId, i64> {
    let mut sold = HashMap::new();
    for booking in bookings.iter().filter(|booking| booking.status.is_live()) {
        if let Some(tier) = booking.tier_id {
            *sold.entry(tier).or_default() += booking.quantity;
        }
    }
    sold
}
