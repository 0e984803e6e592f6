//! Commits and resolutions, many in one request.

use std::collections::HashMap;

use actix_web::web;
use chassis::credential::ServiceCaller;
use chassis::{ApiError, Json};
use contract::internal::{Batch, COMMITS_PER_BATCH_MAX, CommitRequest, Outcome, RESOLVES_MAX, ResolveRequest, Verdict};
use futures_util::future::join_all;

use super::check_len;
use crate::committer::{Answer, Command, Committer};

/// `POST /internal/commits`: a verdict for each, in order, once it is durable.
pub async fn commit(
    _: ServiceCaller,
    committer: web::Data<Committer>,
    Json(batch): Json<Batch<CommitRequest>>,
) -> Result<web::Json<Batch<Verdict>>, ApiError> {
    check_len(batch.items.len(), COMMITS_PER_BATCH_MAX)?;
    let submitted: Vec<_> =
        batch.items.into_iter().map(|request| committer.submit(request.event_id, Command::Commit(request))).collect();
    let answers = join_all(submitted.into_iter().map(async |waiting| match waiting {
        Ok(answer) => match answer.await {
            Ok(Ok(Answer::Verdict(verdict))) => verdict,
            _ => Verdict::Unknown,
        },
        Err(_) => Verdict::Unknown,
    }));
    Ok(web::Json(Batch { items: answers.await }))
}

/// `POST /internal/resolve`: what became of each attempt. Those nobody posted can never be posted afterwards.
pub async fn resolve(
    _: ServiceCaller,
    committer: web::Data<Committer>,
    Json(request): Json<ResolveRequest>,
) -> Result<web::Json<HashMap<String, Outcome>>, ApiError> {
    check_len(request.rids.len(), RESOLVES_MAX)?;
    let asked =
        request.rids.into_iter().map(async |rid| match committer.ask(request.event_id, Command::Resolve(rid)).await {
            Ok(Answer::Resolved(Some(outcome))) => Some((rid.to_string(), outcome)),
            _ => None,
        });
    // An attempt that could not be resolved now is simply not in the answer; it stays overdue and is asked again.
    Ok(web::Json(join_all(asked).await.into_iter().flatten().collect()))
}
