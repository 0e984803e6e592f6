//! Numbered inventory: sections of rows of seats, their labels for people and their indexes for machines.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A seat's place in its event's seat map, counted from 0 through the sections in the order they were given.
pub type SeatIndex = u32;

/// The longest section name.
pub const SECTION_NAME_LEN_MAX: usize = 16;
/// The most rows a section may have, and the most seats a row may have.
pub const ROWS_MAX: u32 = 1_000;

/// A seat label that is not `section-row-number`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a seat label is SECTION-ROW-NUMBER, such as A-1-12")]
pub struct SeatLabelError;

/// What people call a seat: `section-row-number`, as in `A-1-12`. Canonical: equal seats have equal labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SeatLabel {
    section: String,
    row: u32,
    number: u32,
}

impl FromStr for SeatLabel {
    type Err = SeatLabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let (Some(section), Some(row), Some(number), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SeatLabelError);
        };
        if !is_section_name(section) {
            return Err(SeatLabelError);
        }
        Ok(Self { section: section.to_owned(), row: ordinal(row)?, number: ordinal(number)? })
    }
}

/// Letters and digits only: no separator, brace, control or look-alike can reach a key, a log or a map.
fn is_section_name(text: &str) -> bool {
    (1..=SECTION_NAME_LEN_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Reads 1 to [`ROWS_MAX`], without sign or leading zero.
fn ordinal(text: &str) -> Result<u32, SeatLabelError> {
    let plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || text.starts_with('0') {
        return Err(SeatLabelError);
    }
    text.parse().ok().filter(|number| *number <= ROWS_MAX).ok_or(SeatLabelError)
}

impl TryFrom<String> for SeatLabel {
    type Error = SeatLabelError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SeatLabel> for String {
    fn from(label: SeatLabel) -> Self {
        label.to_string()
    }
}

impl fmt::Display for SeatLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.section, self.row, self.number)
    }
}

/// A block of equal rows at one price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Letters and digits; the first part of every label in it.
    pub name: String,
    /// Rows, numbered from 1.
    #[serde(deserialize_with = "crate::values::whole")]
    pub rows: u32,
    /// Seats in each row, numbered from 1.
    #[serde(deserialize_with = "crate::values::whole")]
    pub seats_per_row: u32,
    /// Price of one seat in minor units of the event's currency.
    #[serde(deserialize_with = "crate::values::whole")]
    pub price_minor: i64,
}

impl Section {
    /// Rows × seats per row.
    #[must_use]
    pub fn seats(&self) -> u32 {
        self.rows * self.seats_per_row
    }

    /// Whether the name and the counts are within bounds.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        is_section_name(&self.name)
            && (1..=ROWS_MAX).contains(&self.rows)
            && (1..=ROWS_MAX).contains(&self.seats_per_row)
    }
}

/// All sections of an event: translates between labels and indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seating {
    sections: Vec<Section>,
}

impl Seating {
    /// Sections in the order that gives seats their indexes.
    #[must_use]
    pub fn new(sections: Vec<Section>) -> Self {
        Self { sections }
    }

    /// The sections in index order.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The number of seats of all sections.
    #[must_use]
    pub fn seats_total(&self) -> u32 {
        self.sections.iter().map(Section::seats).sum()
    }

    /// Where a label sits, or `None` where the event has no such seat.
    #[must_use]
    pub fn index_of(&self, label: &SeatLabel) -> Option<SeatIndex> {
        let mut first = 0;
        for section in &self.sections {
            if section.name == label.section {
                let exists = label.row <= section.rows && label.number <= section.seats_per_row;
                return exists.then(|| first + (label.row - 1) * section.seats_per_row + (label.number - 1));
            }
            first += section.seats();
        }
        None
    }

    /// The label and price of the seat at `index`, or `None` beyond the last seat.
    #[must_use]
    pub fn seat_at(&self, index: SeatIndex) -> Option<(SeatLabel, i64)> {
        let mut rest = index;
        for section in &self.sections {
            if rest < section.seats() {
                let (row, number) = (rest / section.seats_per_row + 1, rest % section.seats_per_row + 1);
                return Some((SeatLabel { section: section.name.clone(), row, number }, section.price_minor));
            }
            rest -= section.seats();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hall() -> Seating {
        let section =
            |name: &str, rows, seats_per_row| Section { name: name.into(), rows, seats_per_row, price_minor: 1 };
        Seating::new(vec![section("A", 2, 3), section("B", 4, 5)])
    }

    #[test]
    fn every_index_has_a_label_that_leads_back_to_it() {
        let hall = hall();
        assert_eq!(hall.seats_total(), 26);
        for index in 0..26 {
            let (label, _) = hall.seat_at(index).unwrap();
            assert_eq!(hall.index_of(&label), Some(index));
            assert_eq!(label.to_string().parse(), Ok(label));
        }
        assert_eq!(hall.seat_at(26), None);
    }

    #[test]
    fn a_seat_that_is_not_there_has_no_index() {
        for label in ["A-3-1", "A-1-4", "C-1-1", "a-1-1"] {
            assert_eq!(hall().index_of(&label.parse().unwrap()), None, "{label}");
        }
    }

    #[test]
    fn hostile_labels_are_refused() {
        for label in [
            "",
            "A",
            "A-1",
            "A-1-1-1",
            "A-0-1",
            "A-01-1",
            "A-1-+1",
            "A--1-1",
            "A-1-1\0",
            "A-1-1\r\n",
            "{A}-1-1",
            "А-1-1",
            "A-١-1",
            "A-1-1001",
            "A-1-99999999999999999999",
            " A-1-1",
            "A-1-1 ",
            "A-1-１",
        ] {
            assert_eq!(label.parse::<SeatLabel>(), Err(SeatLabelError), "{label:?}");
        }
    }

    proptest! {
        #[test]
        fn a_label_that_parses_prints_as_it_was_written(text in ".{0,24}") {
            if let Ok(label) = text.parse::<SeatLabel>() {
                prop_assert_eq!(label.to_string(), text);
            }
        }
    }
}
