//! Pages of other origins that may use the API: those that are named, and no cookie with them. Tokens are sent by header, so a
//! page that has none gets nowhere.

use std::str::FromStr;

use actix_cors::Cors;
use actix_web::http::Uri;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, LOCATION, RETRY_AFTER};
use chassis::telemetry::REQUEST_ID;

use crate::idempotency::{IDEMPOTENCY_KEY, REPLAYED};
use crate::identity::VISITOR_HEADER;
use crate::limits::{RATE_LIMIT, RATE_LIMIT_POLICY};

/// How long a browser may remember that it was allowed.
const REMEMBERED_SECONDS: usize = 3_600;

/// Origins besides our own whose pages may use the API and watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Vec<String>);

impl FromStr for AllowedOrigins {
    type Err = String;

    /// Separated by commas. As browsers name them: scheme, host, and the port if it is not the usual one.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let read = |origin: &str| {
            let is_one = origin.parse::<Uri>().is_ok_and(|uri| {
                matches!(uri.scheme_str(), Some("https" | "http"))
                    && uri.authority().is_some_and(|authority| origin.ends_with(authority.as_str()))
            });
            let is_one = is_one && !origin.contains('@') && origin == origin.to_ascii_lowercase();
            is_one.then(|| origin.to_owned()).ok_or_else(|| {
                format!(
                    "{origin:?} is no origin such as https://tickets.example: scheme and host in small letters, no path"
                )
            })
        };
        named.map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl AllowedOrigins {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn includes(&self, origin: &str) -> bool {
        self.0.iter().any(|one| one == origin)
    }
}

/// What these origins' pages may send and read.
pub fn allowing(origins: &AllowedOrigins) -> Cors {
    let visitor = HeaderName::from_static(VISITOR_HEADER);
    let cors = origins.0.iter().fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
    cors.allowed_methods(["GET", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([&AUTHORIZATION, &CONTENT_TYPE, &IF_NONE_MATCH, &IDEMPOTENCY_KEY, &REQUEST_ID, &visitor])
        .expose_headers([&LOCATION, &RETRY_AFTER, &ETAG, &REPLAYED, &REQUEST_ID, &RATE_LIMIT, &RATE_LIMIT_POLICY])
        .max_age(REMEMBERED_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_named_as_browsers_name_them() {
        let read = |text: &str| text.parse::<AllowedOrigins>();
        let two = read(" https://a.example, http://localhost:5173 ,").unwrap();
        assert!(
            two.includes("https://a.example")
                && two.includes("http://localhost:5173")
                && !two.includes("https://a.example/")
        );
        assert!(read("").unwrap().is_empty());
        for bad in [
            "https://a/",
            "https://a/b",
            "a.example",
            "https://",
            "*",
            "null",
            "https://A.example",
            "https://x@a",
            "ftp://a",
            "https://a b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
