//! Identifiers. All are UUIDs; each has its own type, so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id. Version 7: ids made later sort later, so index inserts stay at the right edge.
            #[must_use]
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

id!(
    /// One show with a fixed inventory.
    EventId
);
id!(
    /// General-admission inventory of an event: a named price with a capacity.
    TierId
);
id!(
    /// Whoever the bearer token names.
    CustomerId
);
id!(
    /// A key of a box office or a program.
    ApiKeyId
);
id!(
    /// The `rid`: one attempt to take inventory, chosen before Redis is asked. The hold and the booking that grow
    /// out of the attempt keep it as their own id, so it anchors idempotency from the first script to the last row.
    ReservationId
);
