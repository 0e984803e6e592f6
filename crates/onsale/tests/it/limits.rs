//! How often one may ask, and who "one" is.

use std::time::{Duration, Instant};

use contract::{EventId, ReservationId};
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use redis::AsyncCommands;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use stack::Client;
use stack::client::send;

use crate::bad_input::traces;
use crate::support::{Private, SOON, eventually, hold, private_with};

/// Replicas that each lend a tenth, and one at least.
const REPLICAS: usize = 3;

/// nginx lets everything through, so that the gatekeepers' own budgets show.
async fn limited(budgets: &'static [(&'static str, &'static str)], trusted: &'static [&'static str]) -> Private {
    private_with(move |options| {
        options.limits = true;
        options.address_rate = 1_000_000;
        options.trusted_proxies = trusted.iter().map(|network| (*network).to_owned()).collect();
        let budgets = budgets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        options.gatekeeper_env.extend(budgets);
    })
    .await
}

fn number(headers: &HeaderMap, header: &str, parameter: &str) -> u64 {
    let text = headers[header].to_str().unwrap();
    let part = text.split(';').find_map(|part| part.strip_prefix(parameter)?.strip_prefix('='));
    part.unwrap_or_else(|| panic!("{header}: {text}")).parse().unwrap()
}

async fn read(client: &Client) -> Response {
    client.request(Method::GET, "/api/v1/bookings").send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_shared_by_all_replicas_and_says_when_to_come_back() {
    // One a minute comes back: what is granted is the bucket and what replicas lend.
    let system = limited(&[("ONSALE_CUSTOMER_READS", "30/1800")], &[]).await;
    let (hasty, patient) = (system.guest().await, system.guest().await);
    let replicas: Vec<_> = system.ready.replicas.iter().map(|replica| hasty.at(replica)).collect();
    let replies = join_all((0..120).map(|turn| read(&replicas[turn % REPLICAS]))).await;
    let (served, limited): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status() == 200);
    assert!((30..=30 + 3 * REPLICAS).contains(&served.len()), "{}", served.len());
    for reply in &served {
        assert!(number(reply.headers(), "ratelimit", "r") < 30);
        assert_eq!(reply.headers()["ratelimit-policy"], "\"customer-reads\";q=30;w=1800");
    }
    for reply in limited {
        assert_eq!(reply.status(), 429);
        let wait = number(reply.headers(), "ratelimit", "t");
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(reply.headers()["retry-after"].to_str().unwrap(), wait.to_string());
        let problem: Value = reply.json().await.unwrap();
        assert_eq!((&problem["code"], &problem["retry_after_seconds"]), (&json!("too_many_requests"), &json!(wait)));
    }
    assert_eq!(read(&patient).await.status(), 200, "another customer has a budget of their own");
    // Reads are over; holds and bookings are counted apart. Probes and the description are not counted at all.
    let event = system.seat_event().await;
    let held = hold(hasty.hold_seats(event, &["A-1-1"]).await.unwrap());
    assert_eq!(hasty.book_hold(event, held.hold_id).await.unwrap().status, 201);
    for path in ["/health", "/ready", "/api/openapi.json"] {
        let replies = join_all((0..50).map(|_| replicas[0].get(path))).await;
        assert!(replies.iter().all(|reply| reply.as_ref().unwrap().status == 200), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_comes_back_with_time() {
    let system = limited(&[("ONSALE_CUSTOMER_BOOKINGS", "5/1"), ("ONSALE_KEY_READS", "30/1800")], &[]).await;
    let (event, tier) = system.tier_event(1_000).await;
    let guest = system.guest().await;
    let refused = async || guest.buy(event, tier, 1).await.unwrap().status == 429;
    let mut tries = 0;
    while !refused().await {
        tries += 1;
        assert!(tries < 100, "nobody was told to wait");
    }
    eventually("one more", Duration::from_secs(2), async || !refused().await).await;
    // A key has budgets that are not a customer's.
    let key = system.holder_of(&system.make_api_key("operator").await).await;
    let replies = join_all((0..120).map(|_| read(&key))).await;
    let served = replies.iter().filter(|reply| reply.status() == 200).count();
    assert!((30 - REPLICAS..=30 + 3 * REPLICAS).contains(&served), "{served}");
    let policy = &replies[0].headers()["ratelimit-policy"];
    assert!(policy.to_str().unwrap().contains("q=30;w=1800"), "{policy:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_of_one_address_share_its_budget() {
    let system = limited(&[("ONSALE_ADDRESS_SESSIONS", "20/1200")], &[]).await;
    let anybody = Client::new(&system.ready.url).unwrap();
    let replies = join_all((0..60).map(|_| anybody.post("/api/v1/sessions", &Value::Null))).await;
    let made = replies.into_iter().filter(|reply| reply.as_ref().unwrap().status == 201).count();
    assert!((20..=20 + 2 * REPLICAS).contains(&made), "{made} guests");
}

/// Every way known to claim another address, as header and value.
fn forgeries() -> Vec<(&'static str, String)> {
    let names = [
        "x-forwarded-for",
        "x-real-ip",
        "forwarded",
        "true-client-ip",
        "cf-connecting-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-original-forwarded-for",
        "x-forwarded",
        "forwarded-for",
        "fastly-client-ip",
        "x-azure-clientip",
        "x-remote-ip",
        "x-remote-addr",
        "x-originating-ip",
        "via",
        "x-host",
        "x-proxyuser-ip",
        "wl-proxy-client-ip",
        "proxy-client-ip",
    ];
    let values = |name: &str, turn: usize| match name {
        "forwarded" => format!("for=203.0.113.{turn};proto=https"),
        _ => format!("203.0.113.{turn}"),
    };
    let mut forgeries: Vec<_> = names.iter().enumerate().map(|(turn, name)| (*name, values(name, turn))).collect();
    let lists = [
        "127.0.0.1",
        "127.0.0.1, 127.0.0.1",
        "203.0.113.1, 127.0.0.1",
        "127.0.0.1, 203.0.113.2",
        "::1",
        "::ffff:203.0.113.3",
        "2001:db8::1",
        "[2001:db8::2]:443",
        "203.0.113.4:8080",
        "unknown",
        "localhost",
        "0.0.0.0",
        "255.255.255.255",
        "0x7f000001",
        "2130706433",
        "127.1",
        "10.0.0.1",
        "_hidden",
        "203.0.113.5\t",
        ",",
        ",,,203.0.113.6",
        "203.0.113.7,",
        "203.0.113.8 203.0.113.9",
        "' OR 1=1 --",
        "{e:1}:meta",
    ];
    forgeries.extend(lists.iter().map(|list| ("x-forwarded-for", (*list).to_owned())));
    forgeries.push(("x-forwarded-for", vec!["203.0.113.10"; 200].join(", ")));
    forgeries
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_makes_another_address_of_a_client() {
    let system = limited(&[("ONSALE_ADDRESS_SESSIONS", "10/36000")], &[]).await;
    let http = reqwest::Client::new();
    let url = format!("{}/api/v1/sessions", system.ready.url);
    let ask = async |forgery: HeaderMap| http.post(&url).headers(forgery).send().await.unwrap().status().as_u16();
    eventually("the address is known as hasty everywhere", SOON, async || {
        let replies = join_all((0..12).map(|_| ask(HeaderMap::new()))).await;
        replies.iter().all(|status| *status == 429)
    })
    .await;
    let forgeries = forgeries();
    assert!(forgeries.len() >= 40);
    let before = traces(&system).await;
    for (name, value) in &forgeries {
        let one = (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        let mut twice = HeaderMap::from_iter([one.clone()]);
        assert_eq!(ask(twice.clone()).await, 429, "{name}: {value:.60}");
        twice.append(one.0, one.1);
        assert_eq!(ask(twice).await, 429, "twice {name}: {value:.60}");
    }
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    system.assert_nothing_crashed();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_is_believed_about_addresses_and_only_it() {
    let system = limited(&[("ONSALE_ADDRESS_SESSIONS", "10/36000")], &["127.0.0.1"]).await;
    let http = reqwest::Client::new();
    let url = format!("{}/api/v1/sessions", system.ready.url);
    let from = async |forwarded: &str| {
        http.post(&url).header("x-forwarded-for", forwarded).send().await.unwrap().status().as_u16()
    };
    eventually("one client behind the balancer is hasty", SOON, async || {
        let replies = join_all((0..12).map(|_| from("203.0.113.1"))).await;
        replies.iter().all(|status| *status == 429)
    })
    .await;
    assert_eq!(from("203.0.113.2").await, 201, "another client behind it is not");
    // A household is one address, however many it has; the next is another.
    eventually("a household is hasty", SOON, async || {
        let replies = join_all((0..12).map(|number| from(format!("2001:db8:1:2::{number:x}").leak()))).await;
        replies.iter().all(|status| *status == 429)
    })
    .await;
    assert_eq!(from("2001:db8:1:2:ffff::1").await, 429);
    assert_eq!(from("2001:db8:1:3::1").await, 201);
    // What the hasty one writes itself stands left of what the balancer adds.
    for claimed in ["203.0.113.3", "127.0.0.1", "10.0.0.1", "x", ""] {
        assert_eq!(from(&format!("{claimed}, 203.0.113.1")).await, 429, "{claimed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hoarding_has_an_end() {
    let system = limited(&[("ONSALE_CUSTOMER_HOLDS", "12/1200")], &[]).await;
    let event = system.seat_event_with(|event| event.per_customer_max = 4).await;
    let guest = system.guest().await;
    let held = hold(guest.hold_seats(event, &["A-1-1", "A-1-2", "A-1-3", "A-1-4"]).await.unwrap());
    let more = guest.hold_seats(event, &["A-2-1"]).await.unwrap();
    assert_eq!((more.status.as_u16(), more.code()), (422, "limit_exceeded"), "held and owned together");
    // Given back and taken again, round and round, comes to its budget's end.
    let path = format!("/api/v1/events/{event}/holds/{}", held.hold_id);
    let mut next = path;
    let mut rounds = 0;
    loop {
        let released = guest.call(Method::DELETE, &next, &Value::Null).await.unwrap();
        if released.status == 429 {
            break;
        }
        let again = guest.hold_seats(event, &["A-1-1"]).await.unwrap();
        if again.status == 429 {
            break;
        }
        next = format!("/api/v1/events/{event}/holds/{}", hold(again).hold_id);
        rounds += 1;
        assert!(rounds < 20, "holds have no budget");
    }
    // Bookings have a budget of their own.
    let (other, tier) = system.tier_event(10).await;
    assert_eq!(guest.buy(other, tier, 1).await.unwrap().status, 201);
    // Every ticket counts, not every request: an address with many guests holds no hall.
    let system = limited(&[("ONSALE_ADDRESS_HOLDS", "40/36000")], &[]).await;
    let event = system.seat_event().await;
    let mut held = 0;
    for row in 1..=10 {
        let seats: Vec<_> = (1..=10).map(|seat| format!("A-{row}-{seat}")).collect();
        let labels: Vec<_> = seats.iter().map(String::as_str).collect();
        let answer = system.guest().await.hold_seats(event, &labels).await.unwrap();
        assert!(matches!(answer.status.as_u16(), 201 | 429), "{}", answer.body);
        held += if answer.status == 201 { 10 } else { 0 };
    }
    assert!((30..=52).contains(&held), "{held} of 100 seats");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_told_to_wait_for_ten_seats_gets_them_then_under_the_same_key() {
    let system = limited(&[("ONSALE_CUSTOMER_HOLDS", "20/10")], &[]).await;
    let guest = system.guest().await;
    let seats = ten_seats();
    let events = join_all((0..4).map(|_| system.seat_event())).await;
    let hold_ten = async |path: &str| {
        guest.request(Method::POST, path).header("idempotency-key", "ten").json(&seats).send().await.unwrap()
    };
    let mut refused = None;
    for path in events.iter().map(|event| format!("/api/v1/events/{event}/holds")) {
        let reply = hold_ten(&path).await;
        if reply.status() == 429 {
            refused = Some((path, reply));
            break;
        }
        assert_eq!(reply.status(), 201);
    }
    let (path, refused) = refused.unwrap();
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    // At most ten are missing, and one comes back in half a second.
    assert!((1..=6).contains(&wait), "{wait}");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    // Wherever nginx sends it.
    let held = hold_ten(&path).await;
    assert!(held.status() == 201 && !held.headers().contains_key("idempotent-replayed"), "{}", held.status());
    // A repetition is a request as well.
    eventually("it is given again", SOON, async || hold_ten(&path).await.headers().contains_key("idempotent-replayed"))
        .await;
}

/// Requests that are a hold each, as far as budgets are concerned, and of nothing.
async fn spend(guest: &Client, times: usize) -> Vec<Response> {
    let requests = (0..times).map(|_| {
        let path = format!("/api/v1/events/{}/holds/{}", EventId::fresh(), ReservationId::fresh());
        guest.request(Method::DELETE, &path).send()
    });
    join_all(requests).await.into_iter().map(Result::unwrap).collect()
}

fn ten_seats() -> Value {
    json!({ "seats": (1..=10).map(|seat| format!("A-1-{seat}")).collect::<Vec<_>>() })
}

async fn hold_ten(guest: &Client, event: EventId) -> Response {
    let path = format!("/api/v1/events/{event}/holds");
    guest.request(Method::POST, &path).json(&ten_seats()).send().await.unwrap()
}

fn retry_after(refused: &Response) -> u64 {
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(number(refused.headers(), "ratelimit", "t"), wait);
    wait
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_leaves_room_for_what_the_next_request_draws_itself() {
    // One comes back in a second and a half.
    let system = limited(&[("ONSALE_CUSTOMER_HOLDS", "20/30")], &[]).await;
    let guest = system.guest().await.at(&system.ready.replicas[0]);
    let event = system.seat_event().await;
    // Two from memory and thirteen of the seven times two that are drawn: six are left, and one at hand for the next request.
    assert!(spend(&guest, 15).await.iter().all(|reply| reply.status() == 404));
    let refused = hold_ten(&guest, event).await;
    let wait = retry_after(&refused);
    assert!((3..=6).contains(&wait), "{wait}");
    assert!((6..=8).contains(&number(refused.headers(), "ratelimit", "r")), "too few is not none: {refused:?}");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    // Nothing is at hand: the request's own token draws two, of which it leaves one.
    assert_eq!(hold_ten(&guest, event).await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_at_hand_and_what_is_in_the_bucket_are_enough_together() {
    let system = limited(&[("ONSALE_CUSTOMER_HOLDS", "20/36000")], &[]).await;
    let guest = system.guest().await.at(&system.ready.replicas[0]);
    let event = system.seat_event().await;
    // Two are lent and ten drawn. Of the ten that are left the request's own token draws two, and leaves one.
    assert!(spend(&guest, 12).await.iter().all(|reply| reply.status() == 404));
    assert_eq!(hold_ten(&guest, event).await.status(), 201);
    assert_eq!(spend(&guest, 1).await[0].status(), 429, "and then there are none");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_address_gets_back_pays_for_another_hold_anywhere() {
    // Nothing comes back to the address that would matter.
    let budgets = &[("ONSALE_CUSTOMER_HOLDS", "11/6"), ("ONSALE_ADDRESS_HOLDS", "20/36000")];
    let system = limited(budgets, &[]).await;
    let guest = system.guest().await;
    let [here, there] = [0, 1].map(|replica| guest.at(&system.ready.replicas[replica]));
    let (first, second) = (system.seat_event().await, system.seat_event().await);
    assert_eq!(hold_ten(&here, first).await.status(), 201);
    // Of the eleven that the address has left nine are taken, and given back.
    let refused = hold_ten(&here, second).await;
    let wait = retry_after(&refused);
    assert!(refused.headers()["ratelimit"].to_str().unwrap().contains("customer"), "{refused:?}");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(hold_ten(&there, second).await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hold_of_several_takes_is_told() {
    let system = limited(&[("ONSALE_CUSTOMER_HOLDS", "20/36000")], &[]).await;
    let guest = system.guest().await.at(&system.ready.replicas[0]);
    let held = hold_ten(&guest, system.seat_event().await).await;
    assert_eq!(held.status(), 201);
    // One from memory and nine from the bucket.
    assert_eq!(number(held.headers(), "ratelimit", "r"), 11);
    assert_eq!(number(spend(&guest, 1).await[0].headers(), "ratelimit", "r"), 10, "and it is known afterwards");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_hold_of_several_asks_for_its_tokens_once() {
    let system = limited(&[], &[]).await;
    let replica = &system.ready.replicas[0];
    let guest = system.guest().await.at(replica);
    let event = system.seat_event().await;
    let redis = system.stack.child(stack::Role::Redis).unwrap();
    redis.signal(Signal::SIGSTOP);
    let asked = Instant::now();
    let replies = join_all((0..10).map(|_| hold_ten(&guest, event))).await;
    let took = asked.elapsed();
    redis.signal(Signal::SIGCONT);
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status().as_u16()).collect();
    assert!(statuses.iter().all(|status| *status == 503), "nothing was refused: {statuses:?}");
    assert!(took < SOON, "{took:?}");
    let metrics = reqwest::get(format!("{replica}/metrics")).await.unwrap().text().await.unwrap();
    let open = metrics.lines().find_map(|line| line.strip_prefix("gatekeeper_limits_open_total ")).unwrap();
    // The customer's bucket and the address's; once more each, should a second have gone by.
    assert!((1..=4).contains(&open.parse().unwrap()), "{open}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_full_in_a_century_is_so_after_its_window() {
    // Seventeen seconds in fifteen parts: fifteen of them are a little more than seventeen, as numbers go.
    let system = limited(&[("ONSALE_CUSTOMER_HOLDS", "15/17")], &[]).await;
    let guest = system.guest().await.at(&system.ready.replicas[0]);
    assert!(spend(&guest, 8).await.iter().all(|reply| reply.status() == 404), "one is lent, and the others drawn");
    let mut redis = system.redis().await;
    let buckets: Vec<String> = redis.keys("limit:holds:customer:*").await.unwrap();
    assert_eq!(buckets.len(), 1, "{buckets:?}");
    let in_a_century_us = 4_900_000_000_000_000_u64;
    let _: () = redis.set(&buckets[0], in_a_century_us).await.unwrap();
    let refused = &spend(&guest, 1).await[0];
    assert_eq!(refused.status(), 429, "an empty bucket is no reply that cannot be read");
    assert!((1..=2).contains(&number(refused.headers(), "ratelimit", "t")));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_too_much_leaves_the_seats_tokens_to_others_of_the_address() {
    let budgets = &[("ONSALE_CUSTOMER_HOLDS", "11/36000"), ("ONSALE_ADDRESS_HOLDS", "30/36000")];
    let system = limited(budgets, &[]).await;
    let replica = &system.ready.replicas[0];
    let (hasty, other) = (system.guest().await.at(replica), system.guest().await.at(replica));
    let seats: Vec<_> = (1..=10).map(|seat| format!("A-1-{seat}")).collect();
    let seats: Vec<_> = seats.iter().map(String::as_str).collect();
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(hasty.hold_seats(system.seat_event().await, &seats).await.unwrap().status.as_u16());
    }
    assert_eq!(answers, [201, 429, 429, 429]);
    // Ten and a few are gone of the address's; nine for each of the refused would leave too few.
    assert_eq!(other.hold_seats(system.seat_event().await, &seats).await.unwrap().status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_nobody_is_taken_for_hasty() {
    let system = limited(&[("ONSALE_CUSTOMER_READS", "10/3600")], &[]).await;
    let guest = system.guest().await.at(&system.ready.replicas[0]);
    let redis = system.stack.child(stack::Role::Redis).unwrap();
    redis.signal(Signal::SIGSTOP);
    let asked = Instant::now();
    let replies = join_all((0..60).map(|_| read(&guest))).await;
    let took = asked.elapsed();
    redis.signal(Signal::SIGCONT);
    // Bookings are read from the vault; that nobody could be counted is no reason not to.
    assert!(
        replies.iter().all(|reply| reply.status() == 200),
        "{:?}",
        replies.iter().map(Response::status).collect::<Vec<_>>()
    );
    assert!(took < SOON, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_limited_is_counted_and_nobody_is_named() {
    let system = limited(&[("ONSALE_CUSTOMER_READS", "1/36000")], &[]).await;
    let guest = system.guest().await;
    let replica = guest.at(&system.ready.replicas[0]);
    for _ in 0..5 {
        send(replica.request(Method::GET, "/api/v1/bookings")).await.unwrap();
    }
    let metrics = reqwest::get(format!("{}/metrics", system.ready.replicas[0])).await.unwrap().text().await.unwrap();
    let counted = metrics.lines().filter(|line| line.starts_with("gatekeeper_limited_total") && !line.ends_with(" 0"));
    assert_eq!(counted.collect::<Vec<_>>(), ["gatekeeper_limited_total{kind=\"reads\",subject=\"customer\"} 3"]);
}
