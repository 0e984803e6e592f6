//! Several servers of each store, one of which dies or gives way: the sale goes on, nothing is oversold, and every booking that
//! somebody was told of is there.

use std::time::{Duration, Instant};

use ::stampede::{Progress, Report, Scenario, Target, Verdict};
use contract::{EventId, TierId};
use nix::sys::signal::Signal;
use redis::aio::MultiplexedConnection;
use stack::{PostgresShape, RedisShape, Role};

use crate::rebuilding::{everything_adds_up, only_honest, sells_again, some_sold};
use crate::stampede::plan;
use crate::support::{Crowd, Private, booked, eventually, hold, private_with, tally};
use crate::watcher::Watcher;

/// The servers agree after a second that one is gone, vote, and the gatekeepers load the event into another.
const FAILOVER_WAIT: Duration = Duration::from_secs(20);

async fn try_server(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    redis::Client::open(url)?.get_multiplexed_async_connection().await
}

async fn server(url: &str) -> MultiplexedConnection {
    try_server(url).await.unwrap()
}

fn role(index: usize) -> Role {
    if index == 0 { Role::Redis } else { Role::RedisServer(index) }
}

/// Which of the servers takes an event's writes now, and which one follows it, if there are two that have it.
async fn find_shard(system: &Private, event: EventId) -> Option<(usize, usize)> {
    let meta = format!("{{e:{event}}}:meta");
    let (mut primary, mut replica) = (None, None);
    for (index, url) in system.ready.redis_servers.iter().enumerate() {
        // One may be down.
        let Ok(mut connection) = try_server(url).await else { continue };
        // On a replica of a Cluster, only whoever says so may read.
        let _ = redis::cmd("READONLY").query_async::<()>(&mut connection).await;
        let has_it = redis::cmd("EXISTS").arg(&meta).query_async::<i64>(&mut connection).await == Ok(1);
        let said: Vec<redis::Value> = redis::cmd("ROLE").query_async(&mut connection).await.unwrap();
        let role: String = redis::from_redis_value(said[0].clone()).unwrap();
        match (has_it, role.as_str()) {
            (true, "master") => primary = Some(index),
            (true, "slave") => replica = Some(index),
            _ => {}
        }
    }
    Some((primary?, replica?))
}

/// The same, once the replica has it as well.
async fn shard_of(system: &Private, event: EventId) -> (usize, usize) {
    let until = Instant::now() + FAILOVER_WAIT;
    loop {
        if let Some(shard) = find_shard(system, event).await {
            return shard;
        }
        assert!(Instant::now() < until, "no two servers have the event");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn down(system: &Private, role: Role) {
    let child = system.stack.child(role).unwrap();
    tokio::task::spawn_blocking(move || child.down(Signal::SIGKILL)).await.unwrap();
}

/// Has a replica of a Cluster take over from its primary, as before work on that. One that has only just come may be refused: Redis
/// gives up after five seconds, and is asked again.
async fn take_over(system: &Private, event: EventId, index: usize) {
    for _ in 0..3 {
        let mut replica = server(&system.ready.redis_servers[index]).await;
        redis::cmd("CLUSTER").arg("FAILOVER").query_async::<()>(&mut replica).await.unwrap();
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(6) {
            if find_shard(system, event).await.is_some_and(|(primary, _)| primary == index) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    panic!("redis {} was told to take over, and has not", index + 1);
}

/// Two events that are on different shards.
async fn two_shards(system: &Private) -> [(EventId, TierId); 2] {
    let first = system.tier_event(100_000).await;
    let (of_first, _) = shard_of(system, first.0).await;
    loop {
        let second = system.tier_event(100_000).await;
        if shard_of(system, second.0).await.0 != of_first {
            return [first, second];
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_fails_over_and_the_sale_goes_on_while_the_others_notice_nothing() {
    let system = private_with(|options| options.redis = RedisShape::Cluster).await;
    let [(failing, its_tier), (other, other_tier)] = two_shards(&system).await;
    let crowd = Crowd::buying(&system.admin, failing, its_tier, 10);
    let bystanders = Crowd::buying(&system.admin, other, other_tier, 5);
    some_sold(&system, failing, 30).await;
    let mut watcher = Watcher::at(&system.ready.replicas[0], failing).await;

    // Its primary dies and stays dead.
    let (primary, replica) = shard_of(&system, failing).await;
    down(&system, role(primary)).await;
    let (before, others_before) = (system.bookings(failing).await, system.bookings(other).await);
    let sells_on = async || system.bookings(failing).await > before + 30;
    eventually("it is sold by the replica", FAILOVER_WAIT, sells_on).await;
    assert!(system.bookings(other).await > others_before, "the other event is sold meanwhile");

    // The dead one comes back as a replica, and takes over as it is told to: nothing dies, and connections stay.
    system.stack.child(role(primary)).unwrap().up();
    let knows_it = async || {
        let mut leading = server(&system.ready.redis_servers[replica]).await;
        let info: String = redis::cmd("INFO").arg("replication").query_async(&mut leading).await.unwrap();
        info.contains("state=online")
    };
    eventually("it follows", FAILOVER_WAIT, knows_it).await;
    take_over(&system, failing, primary).await;
    let before = system.bookings(failing).await;
    eventually("it is sold by the first one again", FAILOVER_WAIT, async || {
        system.bookings(failing).await > before + 30
    })
    .await;

    let bystanders = bystanders.stop().await;
    assert!(bystanders.iter().all(|answer| answer.status == 201), "{:?}", tally(&bystanders));
    let answers = crowd.stop().await;
    everything_adds_up(&system, failing, its_tier, answers).await;
    let left = system.clean_audit(failing).await.tiers[0].available;
    watcher.until("the watcher sees what is left", |watcher| watcher.tiers.get(&its_tier) == Some(&left)).await;
}

/// Worse than dead: it has connections and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_falls_silent_is_given_up_and_the_others_notice_nothing() {
    let system = private_with(|options| options.redis = RedisShape::Cluster).await;
    let [(failing, its_tier), (other, other_tier)] = two_shards(&system).await;
    let crowd = Crowd::buying(&system.admin, failing, its_tier, 5);
    let bystanders = Crowd::buying(&system.admin, other, other_tier, 5);
    some_sold(&system, failing, 20).await;
    let mut watcher = Watcher::at(&system.ready.replicas[0], other).await;
    let mut watcher_of_failing = Watcher::at(&system.ready.replicas[0], failing).await;
    let (primary, _) = shard_of(&system, failing).await;
    let silent = system.stack.child(role(primary)).unwrap();
    silent.signal(Signal::SIGSTOP);

    // Every gatekeeper stays ready all the while, and the other event is sold without a pause that is worth the name.
    let before = system.bookings(failing).await;
    let began = Instant::now();
    let mut pauses = Vec::new();
    while system.bookings(failing).await <= before + 20 {
        assert!(began.elapsed() < FAILOVER_WAIT, "it is sold by the replica");
        for replica in &system.ready.replicas {
            assert_eq!(system.admin.at(replica).get("/ready").await.unwrap().status, 200);
        }
        let asked = Instant::now();
        assert_eq!(system.guest().await.buy(other, other_tier, 1).await.unwrap().status, 201);
        pauses.push(asked.elapsed());
    }
    assert!(pauses.iter().all(|pause| *pause < Duration::from_secs(1)), "{pauses:?}");
    // Events that nobody has loaded yet, wherever they are.
    for _ in 0..3 {
        let (event, tier) = system.tier_event(10).await;
        let buys = async || system.guest().await.buy(event, tier, 1).await.unwrap().status == 201;
        eventually("a new event is sold", FAILOVER_WAIT, buys).await;
    }
    silent.signal(Signal::SIGCONT);

    let bystanders = bystanders.stop().await;
    assert!(bystanders.iter().all(|answer| answer.status == 201), "{:?}", tally(&bystanders));
    let left = system.clean_audit(other).await.tiers[0].available;
    watcher.until("the watcher sees what is left", |watcher| watcher.tiers.get(&other_tier) == Some(&left)).await;
    let answers = crowd.stop().await;
    everything_adds_up(&system, failing, its_tier, answers).await;
    let sees_none = |watcher: &Watcher| watcher.tiers.get(&its_tier) == Some(&0);
    watcher_of_failing.until("its watcher sees that it is sold out", sees_none).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_primary_that_sentinels_watch_dies_and_the_sale_goes_on() {
    let system = private_with(|options| options.redis = RedisShape::Sentinel).await;
    let (event, tier) = system.tier_event(100_000).await;
    let crowd = Crowd::buying(&system.admin, event, tier, 10);
    some_sold(&system, event, 30).await;
    let mut watcher = Watcher::at(&system.ready.replicas[0], event).await;
    let (primary, _) = shard_of(&system, event).await;
    down(&system, role(primary)).await;
    // A Sentinel as well: two are enough.
    down(&system, Role::Sentinel(0)).await;
    let before = system.bookings(event).await;
    eventually("it is sold by the replica", FAILOVER_WAIT, async || system.bookings(event).await > before + 30).await;

    let answers = crowd.stop().await;
    everything_adds_up(&system, event, tier, answers).await;
    let left = system.clean_audit(event).await.tiers[0].available;
    watcher.until("the watcher sees what is left", |watcher| watcher.tiers.get(&tier) == Some(&left)).await;
}

/// The replica is cut off while everything is sold, and takes over without knowing of it.
async fn a_replica_behind_sells_nothing_again(shape: RedisShape) {
    let system = private_with(move |options| options.redis = shape).await;
    let (event, tier) = system.tier_event(40).await;
    let early = system.guests(2).await;
    assert_eq!(early[0].buy(event, tier, 1).await.unwrap().status, 201);
    let held = hold(early[1].hold_tier(event, tier, 1).await.unwrap()).hold_id;
    let (primary, replica) = shard_of(&system, event).await;
    let left_on = async |index: usize| {
        let mut connection = server(&system.ready.redis_servers[index]).await;
        let _ = redis::cmd("READONLY").query_async::<()>(&mut connection).await;
        let (meta, field) = (format!("{{e:{event}}}:meta"), format!("t:{tier}"));
        redis::cmd("HGET").arg(meta).arg(field).query_async::<Option<i64>>(&mut connection).await.unwrap()
    };
    eventually("the replica knows of both", FAILOVER_WAIT, async || left_on(replica).await == Some(38)).await;
    // Its link is cut, and with a wrong password it gets no other.
    let mut behind = server(&system.ready.redis_servers[replica]).await;
    let _: () = redis::cmd("CONFIG").arg("SET").arg("masterauth").arg("wrong").query_async(&mut behind).await.unwrap();
    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("master").query_async::<i64>(&mut behind).await.unwrap();
    for guest in system.guests(38).await {
        assert_eq!(guest.buy(event, tier, 1).await.unwrap().status, 201);
    }
    assert_eq!(left_on(primary).await, Some(0));
    down(&system, role(primary)).await;
    assert_eq!(left_on(replica).await, Some(38), "it has missed all of them");

    // 39 are booked; what was held is the only one that may be sold, and to whoever comes first.
    let crowd = Crowd::buying(&system.admin, event, tier, 10);
    eventually("it is sold out again", FAILOVER_WAIT, async || system.bookings(event).await == 40).await;
    let answers = crowd.stop().await;
    assert_eq!(booked(&answers).len(), 1, "{:?}", tally(&answers));
    only_honest(&answers);
    let too_late = early[1].book_hold(event, held).await.unwrap();
    assert!(!too_late.status.is_success() && too_late.status != 500, "{}", too_late.body);
    let audit = system.clean_audit(event).await;
    assert_eq!((audit.tiers[0].sold, audit.tiers[0].available), (40, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_of_a_cluster_that_is_behind_sells_nothing_again() {
    a_replica_behind_sells_nothing_again(RedisShape::Cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_under_sentinels_that_is_behind_sells_nothing_again() {
    a_replica_behind_sells_nothing_again(RedisShape::Sentinel).await;
}

/// Everything in the plan is asked, and what nobody knew the outcome of is asked again: the history is judged as any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_stampede_through_a_failover_of_redis_and_one_of_postgres_breaks_nothing() {
    let system = private_with(|options| {
        options.redis = RedisShape::Cluster;
        options.postgres = PostgresShape::Standby;
    })
    .await;
    let (comes, come) = std::sync::mpsc::channel();
    let comes = std::sync::Mutex::new(comes);
    let tell = |progress| {
        if matches!(progress, Progress::Coming { come, .. } if come > 300) {
            let _ = comes.lock().unwrap().send(());
        }
    };
    let killing = async {
        tokio::task::spawn_blocking(move || come.recv_timeout(Duration::from_mins(1)).unwrap()).await.unwrap();
        let event = newest_event(&system).await;
        let (primary, _) = shard_of(&system, event).await;
        down(&system, role(primary)).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        down(&system, Role::Postgres).await;
        (event, promote(&system).await)
    };
    let target = Target::from(&system.ready);
    let (history, (event, promoted_with)) =
        tokio::join!(::stampede::run(&target, plan(Scenario::Mixed, 150, 12), &tell), killing);
    let report = Report::of(&history.unwrap()).unwrap();
    assert_eq!((report.verdict, report.unsent), (Verdict::Ok, 0), "{report}");
    assert!(report.outcomes.keys().any(|kind| kind.starts_with('5')), "the shard's failover was seen: {report}");
    assert!(system.bookings(event).await > promoted_with, "the standby has sold as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_promoted_in_the_middle_of_a_sale_has_every_booking() {
    let system = private_with(|options| options.postgres = PostgresShape::Standby).await;
    let (event, tier) = system.tier_event(100_000).await;
    let crowd = Crowd::buying(&system.admin, event, tier, 20);
    some_sold(&system, event, 100).await;
    // Nothing is acknowledged that the standby does not have.
    let receiver: i32 =
        standby(&system).await.query_one("SELECT pid FROM pg_stat_wal_receiver", &[]).await.unwrap().get(0);
    stack::process::send(receiver.unsigned_abs(), Signal::SIGSTOP);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stopped_at = system.bookings(event).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(system.bookings(event).await, stopped_at, "commits wait for the standby");
    stack::process::send(receiver.unsigned_abs(), Signal::SIGCONT);
    some_sold(&system, event, stopped_at + 50).await;

    down(&system, Role::Postgres).await;
    let before = promote(&system).await;
    eventually("it is sold by the standby", FAILOVER_WAIT, async || system.bookings(event).await > before + 100).await;
    sells_again(&system, event, tier).await;
    let answers = crowd.stop().await;
    everything_adds_up(&system, event, tier, answers).await;
}

async fn standby(system: &Private) -> tokio_postgres::Client {
    let is_server = |part: &&str| part.starts_with("127.");
    let primary = system.ready.postgres.split(['@', '/', ',']).find(is_server).unwrap();
    let standby = system.ready.postgres.replace(&format!("{primary},"), "").replace("read-write", "any");
    let (client, connection) = tokio_postgres::connect(&standby, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Makes the standby the primary; says how many bookings it has.
async fn promote(system: &Private) -> i64 {
    let standby = standby(system).await;
    let bookings = standby.query_one("SELECT count(*) FROM bookings", &[]).await.unwrap().get(0);
    assert!(standby.query_one("SELECT pg_promote()", &[]).await.unwrap().get::<_, bool>(0));
    bookings
}

/// The one made last.
async fn newest_event(system: &Private) -> EventId {
    let newest = "SELECT event_id FROM events ORDER BY created_at DESC LIMIT 1";
    EventId(system.postgres().await.query_one(newest, &[]).await.unwrap().get(0))
}
