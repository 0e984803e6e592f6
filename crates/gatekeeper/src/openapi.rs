//! The public API described by itself (`OpenAPI` 3.1). The types of the page are generated from it: `make types` renews them.

use std::sync::LazyLock;

use contract::live::{LiveMessage, LiveRequest};
use contract::paths;
use contract::problem::{CONTENT_TYPE, Problem};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, ResponseBuilder, Server};
use utoipa::{Modify, OpenApi as _};

use crate::handlers::{activity, api_keys, audit_log, bookings, events, holds, live, profile, seats, sessions};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Onsale", description = "Sells a fixed stock of tickets to far more people than there are tickets."),
    paths(
        sessions::create,
        events::create,
        events::list,
        events::read,
        events::change,
        events::audit,
        activity::read,
        seats::map,
        seats::states,
        seats::available,
        seats::all,
        seats::lock,
        seats::unlock,
        holds::create,
        holds::read,
        holds::extend,
        holds::release,
        bookings::create,
        bookings::list,
        bookings::read,
        bookings::confirm,
        bookings::cancel,
        live::watch,
        profile::read,
        profile::write,
        profile::remove,
        api_keys::create,
        api_keys::list,
        api_keys::revoke,
        audit_log::read,
    ),
    components(schemas(Problem, LiveMessage, LiveRequest)),
    modifiers(&Common)
)]
struct Description;

/// The description as JSON, made once. Empty if it cannot be written as such, which a test would have shown.
#[must_use]
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| Description::openapi().to_pretty_json().unwrap_or_default());
    &TEXT
}

/// What holds for every call: where the API is, how a token is sent, what an error looks like.
struct Common;

impl Modify for Common {
    fn modify(&self, api: &mut OpenApi) {
        api.servers = Some(vec![Server::new(paths::API)]);
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        api.components.get_or_insert_default().add_security_scheme("bearer", bearer);
        for operation in api.paths.paths.values_mut().flat_map(operations) {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let problem =
                ResponseBuilder::new().description("What went wrong (RFC 9457)").content(CONTENT_TYPE, content);
            // Handlers are called `create` and `read` in each of their modules; here a name must be the only one.
            let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
            operation.operation_id = operation.operation_id.take().map(|name| format!("{tag}_{name}"));
            operation.responses.responses.insert("default".into(), problem.build().into());
        }
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, post, put, patch, delete, .. } = path;
    [get, post, put, patch, delete].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// `path method`, as written in `routes.rs`.
    fn routed() -> BTreeSet<String> {
        let resources = include_str!("routes.rs").split("resource(\"").skip(1);
        let of_resource = |text: &str| {
            let (path, rest) = text.split_once('"').unwrap();
            let methods: Vec<_> = rest.split("().to(").collect();
            let (_, routes) = methods.split_last().unwrap();
            let method =
                |text: &&str| text.rsplit(|letter: char| !letter.is_ascii_lowercase()).next().unwrap().to_owned();
            routes.iter().map(|text| format!("{path} {}", method(text))).collect::<Vec<_>>()
        };
        resources.flat_map(of_resource).collect()
    }

    #[test]
    fn every_route_is_described() {
        let mut api = Description::openapi();
        let described = api.paths.paths.iter_mut().flat_map(|(path, item)| {
            let PathItem { get, post, put, patch, delete, .. } = item;
            let methods = [("get", get), ("post", post), ("put", put), ("patch", patch), ("delete", delete)];
            let there = methods.into_iter().filter(|(_, operation)| operation.is_some());
            there.map(|(method, _)| format!("{path} {method}")).collect::<Vec<_>>()
        });
        assert_eq!(described.collect::<BTreeSet<_>>(), routed());
    }

    #[test]
    fn the_description_the_page_is_built_from_is_current() {
        let kept = include_str!("../../../web/openapi.json");
        assert!(kept.trim_end() == text(), "web/openapi.json is not current; run `make types`");
    }
}
