//! How a script is called and its reply read.

use std::sync::LazyLock;
use std::time::Instant;

use chassis::span;
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::keys::EventKeys;
use crate::link::{Link, LinkError, Live};

/// Goes in front of every script.
pub const PRELUDE: &str = include_str!("../../../../lua/prelude.lua");
/// Goes after it, or where the script says.
const LEDGER: &str = include_str!("../../../../lua/ledger.lua");
/// How a script says it.
const LEDGER_PLACE: &str = "--@ ledger\n";

/// Why a call gave no outcome.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// Redis cannot be reached.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Redis was reached and failed, or did not answer in time; the script may have run.
    #[error("{script} failed: {source}")]
    Redis {
        /// Which script.
        script: &'static str,
        /// What Redis or the connection said.
        source: RedisError,
    },
    /// The event's inventory is not in this Redis.
    #[error("{script}: the inventory is not loaded")]
    NotLoaded {
        /// Which script.
        script: &'static str,
    },
    /// The audit log is so far behind that no hold may change.
    #[error("{script}: too many changes wait for the audit log")]
    LogFull {
        /// Which script.
        script: &'static str,
    },
    /// The script answered something its module does not know: a bug.
    #[error("{script} answered {reply}")]
    Unknown {
        /// Which script.
        script: &'static str,
        /// What it answered.
        reply: String,
    },
}

/// A script and what is known of it.
pub struct LuaScript {
    /// The file's name without `.lua`.
    pub name: &'static str,
    /// The file, without the prelude.
    pub source: &'static str,
    /// Fixed arguments, the `run_id` included.
    pub arguments: usize,
    /// Whether any number of further arguments may follow.
    pub takes_more: bool,
    loaded: LazyLock<(String, String)>,
}

impl LuaScript {
    /// What `lua_script!` declares; `load` gives the text and the hash that Redis knows it by.
    #[must_use]
    pub const fn new(
        name: &'static str,
        source: &'static str,
        arguments: usize,
        takes_more: bool,
        load: fn() -> (String, String),
    ) -> Self {
        Self { name, source, arguments, takes_more, loaded: LazyLock::new(load) }
    }

    /// Calls it once, and once more if the first reply was lost, over a new connection if that broke: every script is
    /// idempotent by rid (an extension has one more entry in the audit log). A connection that stays silent twice is given up.
    pub async fn call(&self, link: &Link, keys: &EventKeys, arguments: &[Arg<'_>]) -> Result<Reply, ScriptError> {
        let given = arguments.len() + 1;
        debug_assert!(given == self.arguments || (self.takes_more && given > self.arguments), "{}: {given}", self.name);
        let started = Instant::now();
        let span = span!("redis", otel.kind = "client", db.system.name = "redis", db.operation.name = self.name);
        let reply = self.call_twice(link, keys, arguments).instrument(span).await;
        let is_answered = matches!(reply, Ok(_) | Err(ScriptError::NotLoaded { .. } | ScriptError::LogFull { .. }));
        link.metrics().observe(self.name, started.elapsed(), is_answered);
        reply
    }

    async fn call_twice(&self, link: &Link, keys: &EventKeys, arguments: &[Arg<'_>]) -> Result<Reply, ScriptError> {
        let key = keys.feed();
        let live = link.live(key).await?;
        match self.call_on(link, &live, keys, arguments).await {
            Err(ScriptError::Redis { source, .. }) if is_lost(&source) || link.is_elsewhere(&source) => {
                let live = link.live(key).await?;
                self.call_on(link, &live, keys, arguments).await
            }
            outcome => outcome,
        }
    }

    async fn call_on(
        &self,
        link: &Link,
        live: &Live,
        keys: &EventKeys,
        arguments: &[Arg<'_>],
    ) -> Result<Reply, ScriptError> {
        let mut connection = live.connection.clone();
        let command = self.command(&live.run_id, keys, arguments);
        let answer = send_script(&mut connection, &command, &self.loaded.0).await;
        link.judge(live, &answer);
        let value = answer.map_err(|source| ScriptError::Redis { script: self.name, source })?;
        Reply::read(self.name, value)
    }

    fn command(&self, run_id: &str, keys: &EventKeys, arguments: &[Arg<'_>]) -> Cmd {
        let mut command = new_command("EVALSHA");
        command.arg(&self.loaded.1).arg(keys.for_scripts().len()).arg(keys.for_scripts()).arg(run_id);
        for argument in arguments {
            argument.append_to(&mut command);
        }
        command
    }
}

/// Declares the script of a file in `lua/`, with its fixed arguments and whether more may follow.
macro_rules! lua_script {
    ($name:literal, $arguments:literal, $takes_more:literal) => {
        $crate::scripts::LuaScript::new(
            $name,
            include_str!(concat!("../../../../lua/", $name, ".lua")),
            $arguments,
            $takes_more,
            || $crate::scripts::call::load(include_str!(concat!("../../../../lua/", $name, ".lua"))),
        )
    };
}
pub(crate) use lua_script;

/// The whole text of a script and its hash.
pub(crate) fn load(source: &str) -> (String, String) {
    let (before, after) = source.split_once(LEDGER_PLACE).unwrap_or(("", source));
    let text = format!("{PRELUDE}\n{before}\n{LEDGER}\n{after}");
    #[cfg(feature = "faults")]
    let text = super::mutants::mutate(text);
    let hash = script_hash(&text);
    (text, hash)
}

/// What Redis knows a script by.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub(super) fn script_hash(text: &str) -> String {
    redis::Script::new(text).get_hash().to_owned()
}

/// A Redis command to be filled.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub(super) fn new_command(name: &str) -> Cmd {
    redis::cmd(name)
}

/// Sends a command; what the server answers as an error is one.
pub(super) async fn send(connection: &mut MultiplexedConnection, command: &Cmd) -> Result<Value, RedisError> {
    connection.req_packed_command(command).await.and_then(Value::extract_error)
}

/// Sends an EVALSHA, after loading the script if this Redis does not know it.
pub(super) async fn send_script(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
    text: &str,
) -> Result<Value, RedisError> {
    match send(connection, command).await {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            let mut load = new_command("SCRIPT");
            load.arg("LOAD").arg(text);
            send(connection, &load).await?;
            send(connection, command).await
        }
        answer => answer,
    }
}

/// Whether there is no reply to go by, though the script may have run.
fn is_lost(error: &RedisError) -> bool {
    error.is_timeout() || is_broken(error)
}

/// Whether the connection has to be opened anew: it broke, or leads to a server that no longer takes writes.
pub(crate) fn is_broken(error: &RedisError) -> bool {
    let read_only = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
    !error.is_timeout() && (error.is_io_error() || error.is_connection_dropped() || read_only)
}

/// One argument of a script.
#[derive(Debug, Clone, Copy)]
pub enum Arg<'a> {
    /// As it is.
    Text(&'a str),
    /// In decimal.
    Int(i64),
    /// With hyphens.
    Id(Uuid),
}

impl Arg<'_> {
    fn append_to(&self, command: &mut Cmd) {
        match self {
            Self::Text(text) => command.arg(text),
            Self::Int(number) => command.arg(number),
            Self::Id(id) => command.arg(&*id.hyphenated().encode_lower(&mut Uuid::encode_buffer())),
        };
    }
}

/// A script's reply: a code, then fields.
#[derive(Debug)]
pub struct Reply {
    script: &'static str,
    /// What the first field says.
    pub code: i64,
    fields: Vec<Value>,
}

impl Reply {
    pub(crate) fn read(script: &'static str, value: Value) -> Result<Self, ScriptError> {
        let unknown = |value: &Value| ScriptError::Unknown { script, reply: format!("{value:?}") };
        let Value::Array(fields) = value else { return Err(unknown(&value)) };
        match fields.first() {
            Some(Value::Int(super::code::NOT_LOADED)) => Err(ScriptError::NotLoaded { script }),
            Some(Value::Int(super::code::LOG_FULL)) => Err(ScriptError::LogFull { script }),
            Some(Value::Int(code)) => Ok(Self { script, code: *code, fields }),
            _ => Err(unknown(&Value::Array(fields))),
        }
    }

    /// How many fields there are, the code included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Never: a reply has at least its code.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// A field as a number.
    pub fn int(&self, at: usize) -> Result<i64, ScriptError> {
        match self.fields.get(at) {
            Some(Value::Int(number)) => Ok(*number),
            Some(Value::BulkString(bytes)) => {
                std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or_else(|| self.unknown())
            }
            _ => Err(self.unknown()),
        }
    }

    /// A field as text.
    pub fn text(&self, at: usize) -> Result<&str, ScriptError> {
        match self.fields.get(at) {
            Some(Value::BulkString(bytes)) => std::str::from_utf8(bytes).map_err(|_| self.unknown()),
            _ => Err(self.unknown()),
        }
    }

    /// A field as an id.
    pub fn id(&self, at: usize) -> Result<Uuid, ScriptError> {
        Uuid::try_parse(self.text(at)?).map_err(|_| self.unknown())
    }

    /// The error for a reply nobody expected: loud, with the script's name and all it said.
    #[must_use]
    pub fn unknown(&self) -> ScriptError {
        ScriptError::Unknown { script: self.script, reply: format!("{:?}", self.fields) }
    }
}
