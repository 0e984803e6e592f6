//! What becomes of a key, as a pure function.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::ReservationId;
use contract::idempotency::{KeptAnswer, KeyCommand, KeyReply, KeyScope};
use jiff::Timestamp;

/// How long a request counts as being carried out: longer than a gatekeeper works on it (`RUN_MAX`, ten seconds).
pub const CLAIM_TIME: Duration = Duration::from_secs(12);

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The body it came with.
    pub body_digest: String,
    /// The attempt it stands for.
    pub rid: ReservationId,
    /// Whether that attempt was begun.
    pub is_begun: bool,
    /// How often it was claimed.
    pub turn: i64,
    /// Until when it is being carried out.
    pub claimed_until: Timestamp,
    /// What it was answered.
    pub answer: Option<KeptAnswer>,
    /// Whether it is other than it was read.
    pub is_changed: bool,
}

/// Decides commands in order, against keys in which those named for the first time have been put already, by their own rid.
pub fn decide(keys: &mut BTreeMap<KeyScope, Key>, commands: &[KeyCommand], now: Timestamp) -> Vec<KeyReply> {
    commands.iter().map(|command| one(keys, command, now)).collect()
}

fn one(keys: &mut BTreeMap<KeyScope, Key>, command: &KeyCommand, now: Timestamp) -> KeyReply {
    match (keys.get_mut(command.scope()), command) {
        (Some(key), KeyCommand::Claim { body_digest, rid, .. }) => claim(key, body_digest, *rid, now),
        (Some(key), KeyCommand::Keep { turn, answer, .. }) => match &key.answer {
            Some(stands) => KeyReply::Answered(stands.clone()),
            None if key.turn == *turn => {
                (key.answer, key.is_changed) = (Some(answer.clone()), true);
                KeyReply::Done
            }
            None => KeyReply::Unknown,
        },
        (Some(key), KeyCommand::Free { turn, next, .. }) => {
            if key.turn == *turn && key.answer.is_none() {
                key.is_begun = key.rid == *next;
                (key.rid, key.claimed_until, key.is_changed) = (*next, now, true);
            }
            KeyReply::Done
        }
        (None, KeyCommand::Free { .. }) => KeyReply::Done,
        // It is being forgotten at this moment.
        (None, KeyCommand::Claim { .. } | KeyCommand::Keep { .. }) => KeyReply::Unknown,
    }
}

fn claim(key: &mut Key, body_digest: &str, rid: ReservationId, now: Timestamp) -> KeyReply {
    if key.body_digest != body_digest {
        return KeyReply::Reused;
    }
    if let Some(answer) = &key.answer {
        return KeyReply::Answered(answer.clone());
    }
    if key.rid == rid && key.turn == 1 {
        return KeyReply::Claimed { rid, turn: 1, is_repeat: false };
    }
    if key.claimed_until > now {
        return KeyReply::InProgress;
    }
    let is_repeat = key.is_begun;
    (key.claimed_until, key.turn, key.is_begun, key.is_changed) = (now + CLAIM_TIME, key.turn + 1, true, true);
    KeyReply::Claimed { rid: key.rid, turn: key.turn, is_repeat }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::CustomerId;
    use proptest::prelude::*;

    struct Scene {
        keys: BTreeMap<KeyScope, Key>,
        scope: KeyScope,
        first: ReservationId,
        now: Timestamp,
    }

    impl Scene {
        /// A key just claimed by its first request.
        fn claimed() -> Self {
            let scope = KeyScope { customer_id: CustomerId::fresh(), digest: "d".repeat(64) };
            let (first, now) = (ReservationId::fresh(), Timestamp::now());
            let key = Key {
                body_digest: "b".into(),
                rid: first,
                is_begun: true,
                turn: 1,
                claimed_until: now + CLAIM_TIME,
                answer: None,
                is_changed: false,
            };
            Self { keys: BTreeMap::from([(scope.clone(), key)]), scope, first, now }
        }

        fn claim(&mut self, body: &str, rid: ReservationId) -> KeyReply {
            let claim = KeyCommand::Claim { scope: self.scope.clone(), body_digest: body.into(), rid };
            self.say(claim)
        }

        fn keep(&mut self, turn: i64, status: u16) -> KeyReply {
            let answer = KeptAnswer { status, body: "{}".into(), location: None };
            self.say(KeyCommand::Keep { scope: self.scope.clone(), turn, answer })
        }

        fn free(&mut self, turn: i64, next: ReservationId) {
            let free = KeyCommand::Free { scope: self.scope.clone(), turn, next };
            assert_eq!(self.say(free), KeyReply::Done);
        }

        fn say(&mut self, command: KeyCommand) -> KeyReply {
            decide(&mut self.keys, &[command], self.now).remove(0)
        }
    }

    fn claimed(rid: ReservationId, turn: i64, is_repeat: bool) -> KeyReply {
        KeyReply::Claimed { rid, turn, is_repeat }
    }

    fn is_answered(reply: &KeyReply, with: u16) -> bool {
        matches!(reply, KeyReply::Answered(answer) if answer.status == with)
    }

    #[test]
    fn the_first_request_is_carried_out_and_the_next_waits_then_hears_its_answer() {
        let mut scene = Scene::claimed();
        let (first, next) = (scene.first, ReservationId::fresh());
        assert_eq!(scene.claim("b", first), claimed(first, 1, false));
        assert_eq!(scene.claim("b", next), KeyReply::InProgress);
        assert_eq!(scene.claim("other", next), KeyReply::Reused);
        assert_eq!(scene.keep(1, 201), KeyReply::Done);
        assert!(is_answered(&scene.claim("b", next), 201));
        assert_eq!(scene.claim("other", next), KeyReply::Reused);
        assert!(is_answered(&scene.keep(1, 409), 201), "for good, and whoever comes late is told what stands");
    }

    #[test]
    fn a_request_that_was_left_is_continued_under_its_rid_and_the_late_one_is_not_heard() {
        let mut scene = Scene::claimed();
        let first = scene.first;
        scene.now += CLAIM_TIME;
        let next = ReservationId::fresh();
        assert_eq!(scene.claim("b", next), claimed(first, 2, true));
        assert_eq!(scene.claim("b", next), KeyReply::InProgress, "it has its time anew");
        assert_eq!(scene.keep(1, 409), KeyReply::Unknown);
        scene.free(1, next);
        assert_eq!(scene.claim("b", next), KeyReply::InProgress);
        assert_eq!(scene.keep(2, 201), KeyReply::Done);
    }

    #[test]
    fn a_freed_key_goes_on_at_once_and_under_another_rid_only_if_told_so() {
        let mut scene = Scene::claimed();
        let (first, other) = (scene.first, ReservationId::fresh());
        scene.free(1, first);
        assert_eq!(scene.claim("b", ReservationId::fresh()), claimed(first, 2, true));
        scene.free(2, other);
        assert_eq!(scene.claim("b", ReservationId::fresh()), claimed(other, 3, false));
    }

    proptest! {
        /// Whatever comes in whatever order: one answer, once there is one, and never two at work within a claim's time.
        #[test]
        fn one_at_a_time_and_one_answer(steps in proptest::collection::vec((0..4_u8, 0..4_i64, 1..15_i64), 1..60)) {
            let mut scene = Scene::claimed();
            let (mut answer, mut last_turn, mut until) = (None, 1, scene.now + CLAIM_TIME);
            for (what, turn, seconds) in steps {
                let reply = match what {
                    0 => scene.claim("b", ReservationId::fresh()),
                    1 => scene.keep(turn, 200 + u16::try_from(turn).unwrap()),
                    2 => { scene.free(turn, scene.first); if turn == last_turn { until = scene.now; } continue }
                    _ => { scene.now += Duration::from_secs(seconds.unsigned_abs()); continue }
                };
                match (reply, &answer) {
                    (KeyReply::Claimed { turn, .. }, None) => {
                        prop_assert!(scene.now >= until && turn == last_turn + 1);
                        (last_turn, until) = (turn, scene.now + CLAIM_TIME);
                    }
                    (KeyReply::InProgress, None) => prop_assert!(scene.now < until),
                    (KeyReply::Done, None) => {
                        prop_assert_eq!(turn, last_turn);
                        answer = Some(200 + u16::try_from(turn).unwrap());
                    }
                    (KeyReply::Unknown, None) => prop_assert_ne!(turn, last_turn),
                    (KeyReply::Answered(given), Some(first)) => prop_assert_eq!(given.status, *first),
                    (reply, answer) => prop_assert!(false, "{:?} after {:?}", reply, answer),
                }
            }
        }
    }
}
