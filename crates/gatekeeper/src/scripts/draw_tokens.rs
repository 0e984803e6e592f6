//! `draw_tokens.lua`: tokens of a budget that all replicas share.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Value;

use super::ScriptError;
use super::call::{new_command, script_hash};
use super::registry::send_to_owner;
use crate::keys;
use crate::limits::Charge;
use crate::link::Link;

const NAME: &str = "draw_tokens";
/// The file, as Redis gets it: it stands alone.
pub const SOURCE: &str = include_str!("../../../../lua/draw_tokens.lua");

static HASH: LazyLock<String> = LazyLock::new(|| script_hash(SOURCE));

/// What came of a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// Taken out: not less than was wanted, or none.
    pub granted: u32,
    /// Still in the bucket.
    pub left: u32,
    /// How long until there are enough, if there were not.
    pub wait: Duration,
}

/// Takes what is wanted, or a share of the budget if that is more; with less than that in the bucket, what there is if it is enough,
/// or nothing. Not repeated: a lost reply costs its tokens.
pub async fn call(link: &Link, charge: Charge) -> Result<Drawn, ScriptError> {
    let most = charge.tokens.max(charge.budget.share());
    let value = send(link, charge, most.into(), charge.tokens.into()).await?;
    read(&value).ok_or_else(|| ScriptError::Unknown { script: NAME, reply: format!("{value:?}") })
}

/// Puts them back.
pub async fn give_back(link: &Link, charge: Charge) -> Result<(), ScriptError> {
    let tokens = -i64::from(charge.tokens);
    send(link, charge, tokens, tokens).await.map(|_| ())
}

async fn send(link: &Link, charge: Charge, most: i64, least: i64) -> Result<Value, ScriptError> {
    let Charge { kind, subject, budget, .. } = charge;
    let key = keys::bucket(kind.as_str(), subject.kind(), &subject.id());
    let mut command = new_command("EVALSHA");
    let interval_us = (budget.window.as_secs_f64() * 1e6 / f64::from(budget.tokens)).to_string();
    command.arg(&*HASH).arg(1).arg(&key).arg(most).arg(least).arg(budget.tokens).arg(interval_us);
    send_to_owner(link, &key, &command, Some(SOURCE)).await.map_err(|error| error.of(NAME))
}

pub(crate) fn read(value: &Value) -> Option<Drawn> {
    let Value::Array(fields) = value else { return None };
    let [Value::Int(granted), Value::Int(left), Value::Int(wait_us)] = fields.as_slice() else { return None };
    Some(Drawn {
        granted: u32::try_from(*granted).ok()?,
        left: u32::try_from(*left).ok()?,
        wait: Duration::from_micros(u64::try_from(*wait_us).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_reply_is_read() {
        let reply = |fields: &[i64]| read(&Value::Array(fields.iter().copied().map(Value::Int).collect()));
        assert_eq!(reply(&[2, 18, 0]), Some(Drawn { granted: 2, left: 18, wait: Duration::ZERO }));
        assert_eq!(reply(&[0, 0, 500_000]), Some(Drawn { granted: 0, left: 0, wait: Duration::from_millis(500) }));
        let some = Drawn { granted: 0, left: 6, wait: Duration::from_millis(1_500) };
        assert_eq!(reply(&[0, 6, 1_500_000]), Some(some), "too few are not none");
        for bad in [&[][..], &[1], &[1, 2], &[-1, 0, 0], &[0, -1, 0], &[0, 0, -1], &[1, 2, 3, 4]] {
            assert_eq!(reply(bad), None, "{bad:?}");
        }
        assert_eq!(read(&Value::Nil), None);
    }
}
