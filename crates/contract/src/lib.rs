//! What both services and every tool agree on: ids, values, wire types, error codes and paths. No I/O.
//!
//! Values are parsed here once, by constructors that can fail; inside the services nothing is re-checked.

pub mod api;
pub mod idempotency;
pub mod ids;
pub mod internal;
pub mod live;
pub mod origin;
pub mod paths;
pub mod problem;
pub mod seat;
pub mod values;

pub use ids::{ApiKeyId, CustomerId, EventId, ReservationId, TierId};
pub use origin::Origin;
pub use problem::{Code, Problem};
pub use seat::{SeatIndex, SeatLabel, Seating, Section};
pub use values::{Currency, Quantity};
