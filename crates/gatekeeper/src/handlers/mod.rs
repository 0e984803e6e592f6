//! One file per thing that can be asked for. Handlers extract, call and map.

pub mod activity;
pub mod bookings;
pub mod description;
pub mod events;
pub mod health;
pub mod holds;
pub mod live;
pub mod seats;
pub mod sessions;

use actix_web::web;
use chassis::ApiError;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::service::Gate;

/// What handlers are given.
pub type GateData = web::Data<Gate>;

/// Items a page has unless asked otherwise.
const LIMIT_DEFAULT: u32 = 20;
/// Items a page has at most.
const LIMIT_MAX: u32 = 100;
/// Pages there are at most: a larger number is a mistake.
const PAGE_MAX: u32 = 1_000_000;

/// `?page=1&limit=20`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Counted from 1; 1 unless asked otherwise.
    page: Option<u32>,
    /// At most 100; 20 unless asked otherwise.
    limit: Option<u32>,
}

impl Paging {
    /// Page and limit within bounds.
    fn checked(&self) -> Result<(u32, u32), ApiError> {
        let (page, limit) = (self.page.unwrap_or(1), self.limit.unwrap_or(LIMIT_DEFAULT));
        if !(1..=PAGE_MAX).contains(&page) || !(1..=LIMIT_MAX).contains(&limit) {
            return Err(ApiError::malformed(format!("page is 1 to {PAGE_MAX}, limit 1 to {LIMIT_MAX}.")));
        }
        Ok((page, limit))
    }
}
