//! Small validated values.

use std::fmt;

use serde::{Deserialize, Serialize};
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
}
