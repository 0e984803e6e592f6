//! What somebody sends who means harm, by tables: whatever it is, it is answered with a problem or not at all, nothing crashes,
//! and neither a row nor a key is left behind.

mod access;
mod injections;
mod numbers;
mod slow;
mod smuggling;
mod unicode;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use stack::Client;
use stack::client::{Answer, send};

/// A request with this very text as its body.
async fn raw(client: &Client, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    send(client.request(method, path).header(CONTENT_TYPE, "application/json").body(body)).await.unwrap()
}

/// A refusal, and one that says so as every other does.
fn assert_refused(what: &str, answer: &Answer, statuses: &[u16]) {
    let status = answer.status.as_u16();
    assert!(statuses.contains(&status), "{what}: {status} {}", answer.body);
    assert_eq!(answer.body["status"], status, "{what}: {}", answer.body);
    assert_eq!(answer.body["type"], format!("urn:onsale:problem:{}", answer.code()), "{what}: {}", answer.body);
    assert!(answer.body["request_id"].is_string(), "{what}: {}", answer.body);
}

/// Every byte as a path may have it.
fn percent_coded(text: &str) -> String {
    let bytes: Vec<_> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    bytes.concat()
}
