//! A Redis Cluster: which server has which slot, as one of them says, asked again whenever it turns out not to be so.
//!
//! An event's keys are in one slot, so a script runs on one server. Servers are known by their `run_id` like any other
//! Redis: a replica that takes a slot over, or a server a slot is moved to, has inventory it was not loaded with, and none of it counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use super::LinkError;
use super::address::{HostPort, Manner};
use super::node::{Live, Node, Place};
use crate::scripts::topology::{self, SlotRange};

/// Slots there are.
const SLOTS: u16 = 16_384;
/// How long one server may take to say who has which slot.
const ANSWER_WAIT: Duration = Duration::from_millis(300);
/// Between two times of asking, however many would like to know.
const ASK_PAUSE: Duration = Duration::from_millis(100);
/// Servers that are asked in one go.
const ASKED_MAX: usize = 6;

/// A Cluster.
pub(super) struct Cluster {
    seeds: Vec<HostPort>,
    manner: Manner,
    state: Mutex<State>,
    asking: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    ranges: Vec<SlotRange>,
    nodes: HashMap<HostPort, Arc<Node>>,
    /// Slots of which a server has said since that another has them.
    moved: HashMap<u16, HostPort>,
    /// Whether something has shown that the ranges may be others by now.
    is_suspect: bool,
    asked: Option<Instant>,
    /// Whom to ask first; another one each time, for one that was cut off goes on saying what was.
    turn: usize,
}

impl Cluster {
    /// A Cluster with these servers in it; asks when first used.
    pub(super) fn new(seeds: Vec<HostPort>, manner: Manner) -> Self {
        Self { seeds, manner, state: Mutex::default(), asking: Arc::default() }
    }

    /// A connection to the server that has this key.
    pub(super) async fn live(self: &Arc<Self>, key: &str) -> Result<Live, LinkError> {
        let live = self.owner(key).await?.live().await;
        if live.is_err() {
            self.suspect();
        }
        live
    }

    /// The server that has this key.
    pub(super) async fn owner(self: &Arc<Self>, key: &str) -> Result<Arc<Node>, LinkError> {
        let address = self.address_of(key).await?;
        self.node(&address)
    }

    /// Where it is.
    pub(super) async fn address_of(self: &Arc<Self>, key: &str) -> Result<HostPort, LinkError> {
        let slot = slot_of(key);
        if let Some(owner) = self.known_owner(slot) {
            // Whoever's server is well does not wait for news of the others.
            self.ask_meanwhile();
            return Ok(owner);
        }
        self.suspect();
        // Boxed, or everything that waits for a script would be as large.
        Box::pin(self.ask_again()).await?;
        self.known_owner(slot).ok_or_else(|| LinkError::new("nobody in the Cluster has the slot"))
    }

    /// The servers that take writes.
    pub(super) async fn primaries(self: &Arc<Self>) -> Result<Vec<Arc<Node>>, LinkError> {
        if self.lock().ranges.is_empty() {
            self.ask_again().await?;
        }
        self.ask_meanwhile();
        let mut primaries: Vec<_> = self.lock().ranges.iter().map(|range| range.primary.clone()).collect();
        primaries.sort_unstable();
        primaries.dedup();
        primaries.iter().map(|address| self.node(address)).collect()
    }

    /// Something has shown that slots may have moved: whoever comes next has it asked.
    pub(super) fn suspect(&self) {
        self.lock().is_suspect = true;
    }

    /// A server has said who has a slot instead of it.
    pub(super) fn moved(&self, slot: u16, address: HostPort) {
        let mut state = self.lock();
        state.is_suspect = true;
        state.moved.insert(slot, address);
    }

    fn known_owner(&self, slot: u16) -> Option<HostPort> {
        let state = self.lock();
        let of_range = || state.ranges.iter().find(|range| range.slots.contains(&slot)).map(|range| &range.primary);
        state.moved.get(&slot).or_else(of_range).cloned()
    }

    fn node(&self, address: &HostPort) -> Result<Arc<Node>, LinkError> {
        let mut state = self.lock();
        if let Some(node) = state.nodes.get(address) {
            return Ok(node.clone());
        }
        let node = Node::new(Place::Server(self.manner.client(address)?));
        state.nodes.insert(address.clone(), node.clone());
        Ok(node)
    }

    /// Has it asked in the background who has which slot, if that is in doubt and nobody is asking.
    fn ask_meanwhile(self: &Arc<Self>) {
        if !self.is_to_be_asked() {
            return;
        }
        if let Ok(only_one) = self.asking.clone().try_lock_owned() {
            let cluster = self.clone();
            tokio::spawn(async move { cluster.ask_in_turn(only_one).await });
        }
    }

    /// Asks who has which slot, unless somebody just has. While nobody can say, what was known last is tried.
    async fn ask_again(&self) -> Result<(), LinkError> {
        let only_one = self.asking.clone().lock_owned().await;
        self.ask_in_turn(only_one).await
    }

    async fn ask_in_turn(&self, _only_one: OwnedMutexGuard<()>) -> Result<(), LinkError> {
        if !self.is_to_be_asked() {
            return Ok(());
        }
        let mut why = LinkError::new("no server of the Cluster answers");
        for address in self.to_ask() {
            match self.ask(&address).await {
                Ok(ranges) => {
                    self.learn(ranges);
                    return Ok(());
                }
                Err(error) => why = error,
            }
        }
        let mut state = self.lock();
        state.asked = Some(Instant::now());
        if state.ranges.is_empty() { Err(why) } else { Ok(()) }
    }

    fn is_to_be_asked(&self) -> bool {
        let state = self.lock();
        let is_wanted = state.is_suspect || state.ranges.is_empty();
        is_wanted && state.asked.is_none_or(|asked| asked.elapsed() >= ASK_PAUSE)
    }

    /// Servers that may know, in another order each time.
    fn to_ask(&self) -> Vec<HostPort> {
        let mut state = self.lock();
        let of_range =
            |range: &SlotRange| range.replicas.iter().cloned().chain([range.primary.clone()]).collect::<Vec<_>>();
        let mut known: Vec<_> = state.ranges.iter().flat_map(of_range).chain(self.seeds.iter().cloned()).collect();
        known.sort_unstable();
        known.dedup();
        state.turn = state.turn.wrapping_add(1);
        let first = state.turn % known.len().max(1);
        known.rotate_left(first);
        known.truncate(ASKED_MAX);
        known
    }

    async fn ask(&self, address: &HostPort) -> Result<Vec<SlotRange>, LinkError> {
        let node = self.node(address)?;
        let answer = async {
            let live = node.live().await?;
            let ranges = timeout(ANSWER_WAIT, topology::slot_ranges(&mut live.connection.clone(), &address.0)).await;
            match ranges {
                // One that has just been made anew knows of nobody.
                Ok(Ok(ranges)) if ranges.is_empty() => Err(LinkError::new("a server of the Cluster knows of no slots")),
                Ok(Ok(ranges)) => Ok(ranges),
                Ok(Err(error)) => {
                    live.broken();
                    Err(error.into())
                }
                Err(_) => {
                    live.broken();
                    Err(LinkError::new("a server of the Cluster is silent"))
                }
            }
        };
        // Also for connecting, which may take longer.
        timeout(ANSWER_WAIT * 2, answer)
            .await
            .unwrap_or_else(|_| Err(LinkError::new("a server of the Cluster is silent")))
    }

    fn learn(&self, ranges: Vec<SlotRange>) {
        let mut state = self.lock();
        let is_member = |address: &HostPort| {
            let in_range = |range: &SlotRange| range.primary == *address || range.replicas.contains(address);
            ranges.iter().any(in_range) || self.seeds.contains(address)
        };
        state.nodes.retain(|address, _| is_member(address));
        let covered: usize = ranges.iter().map(|range| range.slots.len()).sum();
        state.ranges = ranges;
        state.moved.clear();
        // Half a Cluster is one that is being formed, or mended: there will be more to know.
        state.is_suspect = covered < usize::from(SLOTS);
        state.asked = Some(Instant::now());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key's slot: of what is between its first braces, if there is something.
fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    crc16::State::<crc16::XMODEM>::calculate(hashed.as_bytes()) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_in_the_slot_that_redis_says() {
        // By CLUSTER KEYSLOT of a Redis 7.
        for (key, slot) in [("123456789", 12_739), ("onsale:events", 13_272), ("{e:1}:meta", 15_543), ("x{}y", 16_116)]
        {
            assert_eq!(slot_of(key), slot, "{key}");
        }
        assert_eq!(slot_of("{e:1}:meta"), slot_of("{e:1}:ledger"));
    }
}
