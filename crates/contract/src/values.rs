//! Small validated values.

use std::fmt;

use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// The most tickets one hold or booking may take.
pub const QUANTITY_MAX: u32 = 10;
/// The largest price in minor units: far above any ticket, far below where sums could leave 2^53.
pub const PRICE_MINOR_MAX: i64 = 100_000_000_000;
/// The largest capacity of a tier and the most seats of an event.
pub const CAPACITY_MAX: i64 = 1_000_000;

/// Why a quantity was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Zero or negative.
    #[error("quantity must be at least 1")]
    TooSmall,
    /// Above [`QUANTITY_MAX`].
    #[error("at most {QUANTITY_MAX} tickets a booking")]
    TooLarge,
}

/// A number of tickets, 1 to [`QUANTITY_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Quantity(u32);

impl Quantity {
    /// The count, 1 to [`QUANTITY_MAX`].
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<i64> for Quantity {
    type Error = QuantityError;

    fn try_from(count: i64) -> Result<Self, Self::Error> {
        match u32::try_from(count) {
            Ok(0) | Err(_) if count <= 0 => Err(QuantityError::TooSmall),
            Ok(count) if count <= QUANTITY_MAX => Ok(Self(count)),
            _ => Err(QuantityError::TooLarge),
        }
    }
}

impl From<Quantity> for i64 {
    fn from(quantity: Quantity) -> Self {
        Self::from(quantity.0)
    }
}

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Z]{3}$")]
pub struct Currency([u8; 3]);

impl TryFrom<String> for Currency {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err("currency must be three capital letters, as in ISO 4217".into()),
        }
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.to_string()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({self})")
    }
}

/// A whole number, for `deserialize_with`: `2` and `2.0`, which JSON does not tell apart, but nothing beyond what every client
/// can count exactly (2^53).
pub fn whole<'de, D: Deserializer<'de>, T: TryFrom<i64>>(deserializer: D) -> Result<T, D::Error> {
    let number = deserializer.deserialize_any(Whole)?;
    T::try_from(number).map_err(|_| D::Error::invalid_value(Unexpected::Signed(number), &Whole))
}

/// The same where there may be none.
pub fn whole_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    struct Number(#[serde(deserialize_with = "whole")] i64);
    Ok(Option::<Number>::deserialize(deserializer)?.map(|Number(number)| number))
}

struct Whole;

impl Whole {
    const MOST: u64 = 1 << 53;
}

impl Visitor<'_> for Whole {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number that fits")
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<i64, E> {
        if number.unsigned_abs() > Self::MOST {
            return Err(E::invalid_value(Unexpected::Signed(number), &self));
        }
        Ok(number)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<i64, E> {
        let fits = i64::try_from(number).ok().filter(|_| number <= Self::MOST);
        fits.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "within 2^53 and without a fraction"
    )]
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<i64, E> {
        if number.fract() == 0.0 && number.abs() <= Self::MOST as f64 {
            return Ok(number as i64);
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_one_to_ten() {
        assert_eq!(Quantity::try_from(0), Err(QuantityError::TooSmall));
        assert_eq!(Quantity::try_from(-1), Err(QuantityError::TooSmall));
        assert_eq!(Quantity::try_from(i64::MIN), Err(QuantityError::TooSmall));
        assert_eq!(Quantity::try_from(1).map(Quantity::get), Ok(1));
        assert_eq!(Quantity::try_from(10).map(Quantity::get), Ok(10));
        assert_eq!(Quantity::try_from(11), Err(QuantityError::TooLarge));
        assert_eq!(Quantity::try_from(i64::MAX), Err(QuantityError::TooLarge));
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert!(Currency::try_from("EUR".to_owned()).is_ok());
        for wrong in ["", "eur", "EU", "EURO", "E\u{0}R", "ЕUR"] {
            assert!(Currency::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn whole_numbers_are_whole_however_they_are_written() {
        #[derive(Deserialize)]
        struct Has {
            #[serde(deserialize_with = "whole")]
            n: i64,
        }
        let read = |text: &str| serde_json::from_str::<Has>(&format!("{{\"n\":{text}}}")).ok().map(|has| has.n);
        for (text, meant) in
            [("2", 2), ("2.0", 2), ("2e0", 2), ("-0.0", 0), ("0.2e1", 2), ("9007199254740992", 1 << 53)]
        {
            assert_eq!(read(text), Some(meant), "{text}");
        }
        for text in [
            "2.5",
            "1e309",
            "9007199254740993",
            "-9007199254740993",
            "18446744073709551616",
            "1e17",
            "\"2\"",
            "null",
            "true",
            "[2]",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
