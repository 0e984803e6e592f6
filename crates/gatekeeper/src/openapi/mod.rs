//! The public API described by itself (`OpenAPI` 3.1). The types of the page are generated from it: `make types` renews them.

mod bounds;
mod errors;
pub mod examples;
mod headers;
mod links;

use std::sync::LazyLock;

use contract::live::{LiveMessage, LiveRequest};
use contract::paths;
use contract::problem::Problem;
use serde_json::Value;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, Server};
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

/// The description as JSON, made once.
#[must_use]
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}", description()));
    &TEXT
}

/// What the types say, and what they do not: errors, bounds, examples.
fn description() -> Value {
    let mut api = serde_json::to_value(Description::openapi()).unwrap_or_default();
    bounds::enter(&mut api);
    examples::enter(&mut api);
    for operation in operations(&mut api) {
        // Handlers are called `create` and `read` in each of their modules; here a name must be the only one.
        let name = format!(
            "{}_{}",
            operation["tags"][0].as_str().unwrap_or_default(),
            operation["operationId"].as_str().unwrap_or_default()
        );
        operation["operationId"] = name.into();
        bounds::of_parameters(operation);
        errors::enter(operation);
        headers::enter(operation);
        links::enter(operation);
    }
    api
}

fn operations(api: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = api["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    paths.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()).filter(|value| value.is_object())
}

/// Where the API is, and how a token is sent.
struct Common;

impl Modify for Common {
    fn modify(&self, api: &mut OpenApi) {
        api.servers = Some(vec![Server::new(paths::API)]);
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description =
            Some("A token of `POST /sessions`, of `onsale token` or of an issuer that was named, or an API key".into());
        let bearer = SecurityScheme::Http(bearer);
        api.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

    /// `path method`, as written in `routes.rs`.
    fn routed() -> BTreeSet<String> {
        let resources = include_str!("../routes.rs").split("resource(").skip(1);
        let of_resource = |text: &str| {
            let (_, text) = text.split_once('"').unwrap_or_default();
            let (path, rest) = text.split_once('"').unwrap_or_default();
            let ways = rest.split_once('[').and_then(|(_, rest)| rest.split_once(']')).unwrap_or_default().0;
            let methods = METHODS.iter().filter(|method| ways.contains(&format!("{method}(")));
            methods.map(|method| format!("{path} {method}")).collect::<Vec<_>>()
        };
        resources.flat_map(of_resource).collect()
    }

    #[test]
    fn every_route_is_described() {
        let api = description();
        let described = api["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
            let methods = METHODS.iter().filter(|method| item.get(**method).is_some());
            methods.map(|method| format!("{path} {method}")).collect::<Vec<_>>()
        });
        let described: BTreeSet<_> = described.collect();
        assert_eq!(described, routed());
        assert!(described.len() >= 30);
    }

    #[test]
    fn every_body_has_an_example_and_every_call_its_errors() {
        let mut api = description();
        let schemas = api["components"]["schemas"].clone();
        for operation in operations(&mut api) {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().all(|status| status != "default"), "{name}");
            assert!(["400", "413", "429", "500", "503"].iter().all(|status| responses.contains_key(*status)), "{name}");
            assert_eq!(operation.get("security").is_some(), responses.contains_key("401"), "{name}");
            let parameters = operation["parameters"].as_array().unwrap();
            for parameter in parameters.iter().filter(|parameter| parameter["required"] == true) {
                assert!(parameter["example"].is_string(), "{name}: {parameter}");
            }
            let bodies = responses.values().chain(operation.get("requestBody"));
            for schema in bodies.filter_map(|body| body["content"]["application/json"].get("schema")) {
                let named = schema["$ref"].as_str().or_else(|| schema["items"]["$ref"].as_str());
                let named =
                    named.or_else(|| schema["oneOf"][0]["$ref"].as_str()).unwrap_or_else(|| panic!("{name}: {schema}"));
                let schema = &schemas[named.rsplit('/').next().unwrap()];
                assert!(schema.get("examples").is_some(), "{name}: {named}");
            }
        }
        for message in ["LiveMessage", "LiveRequest"] {
            assert!(schemas[message].get("examples").is_some(), "{message}");
        }
    }

    #[test]
    fn the_description_the_page_is_built_from_is_current() {
        let kept = include_str!("../../../../web/openapi.json");
        assert!(kept.trim_end() == text(), "web/openapi.json is not current; run `make types`");
    }
}
