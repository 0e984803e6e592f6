//! What a request did, from nginx to SQL, as a collector is told.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpListener;

use crate::support::{Crowd, SOON, eventually, private_with};

/// A span, as far as it is looked at.
#[derive(Debug, Clone)]
struct Span {
    service: String,
    name: String,
    id: String,
    parent: String,
    trace: String,
    attributes: HashMap<String, String>,
}

/// An OTLP collector that takes JSON by HTTP.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self::default();
        let taking = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(taking.clone().take(BufStream::new(stream)));
            }
        });
        (collector, address)
    }

    async fn take(self, mut stream: BufStream<tokio::net::TcpStream>) {
        loop {
            let (mut path, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                let line = line.trim().to_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                } else if line.starts_with("post ") {
                    line.split(' ').nth(1).unwrap().clone_into(&mut path);
                } else if line.is_empty() {
                    break;
                }
            }
            assert_eq!(path, "/v1/traces");
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            self.keep(&serde_json::from_slice(&body).unwrap());
            let reply = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
            stream.write_all(reply.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    }

    fn keep(&self, request: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let attributes = |value: &Value| -> HashMap<String, String> {
            let list = value.as_array().into_iter().flatten();
            let pair = |entry: &Value| {
                let value = entry["value"].as_object().and_then(|value| value.values().next()).cloned();
                let value = value.unwrap_or_default();
                (text(&entry["key"]), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            };
            list.map(pair).collect()
        };
        for resource in request["resourceSpans"].as_array().unwrap() {
            let service = attributes(&resource["resource"]["attributes"])["service.name"].clone();
            for span in
                resource["scopeSpans"].as_array().unwrap().iter().flat_map(|scope| scope["spans"].as_array().unwrap())
            {
                self.0.lock().unwrap().push(Span {
                    service: service.clone(),
                    name: text(&span["name"]),
                    id: text(&span["spanId"]),
                    parent: text(&span["parentSpanId"]),
                    trace: text(&span["traceId"]),
                    attributes: attributes(&span["attributes"]),
                });
            }
        }
    }

    fn of(&self, trace: &str) -> Vec<Span> {
        self.0.lock().unwrap().iter().filter(|span| span.trace == trace).cloned().collect()
    }
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN: &str = "b7ad6b7169203331";

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_one_trace_from_nginx_to_sql() {
    let (collector, address) = Collector::start().await;
    let endpoint = ("ONSALE_OTLP_ENDPOINT".to_owned(), address);
    let verbose = ("ONSALE_LOG".to_owned(), "info,chassis=debug".to_owned());
    let system = private_with(move |options| {
        options.traced = "100%".into();
        for environment in [&mut options.gatekeeper_env, &mut options.vault_env] {
            environment.extend([endpoint.clone(), verbose.clone()]);
        }
    })
    .await;
    let (event, tier) = system.tier_event(10).await;
    let guest = system.guest().await;
    assert_eq!(guest.get("/api/v1/bookings").await.unwrap().status, 200);
    // Whichever replica it is, the event is not what it has to ask for.
    for replica in &system.ready.replicas {
        assert_eq!(guest.at(replica).get(&format!("/api/v1/events/{event}")).await.unwrap().status, 200);
    }
    // That the client would not have it traced is not for the client to say.
    let request = guest
        .request(reqwest::Method::POST, "/api/v1/bookings")
        .header("traceparent", format!("00-{TRACE}-{CLIENT_SPAN}-00"))
        .json(&json!({ "event_id": event, "tier_id": tier, "quantity": 1 }));
    let booked = stack::client::send(request).await.unwrap();
    assert_eq!(booked.status, 201, "{}", booked.body);

    let chain = [
        // (service, span, operation), and which of these it is a part of.
        (("gatekeeper", "request", ""), None),
        (("gatekeeper", "redis", "check_and_decrement"), Some(0)),
        (("gatekeeper", "commit batch", ""), Some(0)),
        (("gatekeeper", "vault", ""), Some(2)),
        (("vault", "request", ""), Some(3)),
        (("vault", "batch", ""), Some(4)),
        (("vault", "postgres", "read"), Some(5)),
        (("vault", "postgres", "write"), Some(5)),
        (("vault", "postgres", "commit"), Some(5)),
        (("gatekeeper", "redis", "settle"), Some(2)),
    ];
    eventually("all spans are there", SOON * 2, async || collector.of(TRACE).len() >= chain.len()).await;
    let spans = collector.of(TRACE);
    let find = |(service, name, operation): (&str, &str, &str)| {
        let is_it = |span: &&Span| {
            let done = span.attributes.get("db.operation.name").map_or("", String::as_str);
            (&*span.service, &*span.name, done) == (service, name, operation)
        };
        spans.iter().find(is_it).unwrap_or_else(|| panic!("{service} {name} {operation} in {spans:#?}"))
    };
    for (what, part_of) in chain {
        let parent = part_of.map_or(CLIENT_SPAN, |at: usize| &find(chain[at].0).id);
        assert_eq!(find(what).parent, parent, "{what:?} in {spans:#?}");
    }
    assert_eq!(spans.len(), chain.len(), "and no others: {spans:#?}");
    let first = &find(chain[0].0).attributes;
    assert_eq!((&*first["http.route"], &*first["http.response.status_code"]), ("/api/v1/bookings", "201"));

    // Whose it was is in none of them, and every log names the trace.
    let customer = booked.body["customer_id"].as_str().unwrap();
    assert!(!format!("{spans:?}").contains(customer), "{spans:#?}");
    let logs = system.stack.data().join("logs");
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let names_it = async || {
        let gatekeepers: String = (1..=3).map(|at| read(logs.join(format!("gatekeeper-{at}.log")))).collect();
        let named = |text: &str, field: &str| text.contains(&format!("\"{field}\":\"{TRACE}"));
        named(&gatekeepers, "trace_id")
            && named(&read(logs.join("vault.log")), "trace_id")
            && named(&read(system.stack.data().join("nginx/access.log")), "trace")
    };
    eventually("the logs name the trace", SOON, names_it).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_in_a_crowd_that_is_not_traced_keeps_its_trace() {
    let (collector, address) = Collector::start().await;
    let endpoint = ("ONSALE_OTLP_ENDPOINT".to_owned(), address);
    let system = private_with(move |options| {
        options.replicas = 1;
        options.gatekeeper_env.push(endpoint.clone());
        options.vault_env.push(endpoint.clone());
    })
    .await;
    let (event, tier) = system.tier_event(100_000).await;
    let crowd = Crowd::buying(&system.admin.at(&system.ready.replicas[0]), event, tier, 12);
    let guest = system.guest().await.at(&system.ready.replicas[0]);
    let traces: Vec<_> = (1..=6).map(|at| format!("{at:032x}")).collect();
    for trace in &traces {
        let request = guest
            .request(reqwest::Method::POST, "/api/v1/bookings")
            .header("traceparent", format!("00-{trace}-{CLIENT_SPAN}-01"))
            .json(&json!({ "event_id": event, "tier_id": tier, "quantity": 1 }));
        assert_eq!(stack::client::send(request).await.unwrap().status, 201);
    }
    let has_its_end = |trace: &String| {
        let spans = collector.of(trace);
        let did = |operation: &str| {
            spans.iter().any(|span| span.attributes.get("db.operation.name").is_some_and(|done| done == operation))
        };
        did("check_and_decrement") && did("commit") && did("settle")
    };
    eventually("each goes on to SQL and back", SOON * 2, async || traces.iter().all(has_its_end)).await;
    crowd.stop().await;
    let all = collector.0.lock().unwrap().iter().map(|span| span.trace.clone()).collect::<HashSet<_>>();
    assert_eq!(all, traces.into_iter().collect(), "nobody else is traced");
}
