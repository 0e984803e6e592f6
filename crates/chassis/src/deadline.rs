//! The longest any request may take.

use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, ResponseError as _, web};
use contract::Code;

use crate::ApiError;

/// Set as app data; without it a request may take as long as it likes.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimit(pub Duration);

/// What takes longer is given up and answered with 503. For middleware around resources: further out, where the path has not
/// been matched yet, the request may not be kept for the answer, as actix wants it to itself.
pub async fn keep(
    request: ServiceRequest,
    then: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<BoxBody>, Error>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(limit) = request.app_data::<web::Data<RequestLimit>>().map(|limit| limit.0) else {
        return then(request).await;
    };
    let asked = request.request().clone();
    if let Ok(response) = tokio::time::timeout(limit, then(request)).await {
        return response;
    }
    let error = ApiError::new(
        Code::Unavailable,
        "The request took too long and was given up. It may or may not have been carried out.",
    );
    Ok(ServiceResponse::new(asked, error.error_response()))
}
