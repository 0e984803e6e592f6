//! Supervises children as an orchestrator would: one that dies is reported and started again, with growing waits.

use std::fmt;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chassis::retry::Backoff;
use nix::sys::signal::Signal;

use crate::process::{Spec, describe, send, send_group};
use crate::tools::Tools;

/// Waits between starts of a child that keeps dying.
const RESTART_FIRST: Duration = Duration::from_millis(100);
const RESTART_LONGEST: Duration = Duration::from_secs(5);
/// A child that lived this long starts over with the shortest wait.
const STABLE_AFTER: Duration = Duration::from_secs(10);

/// Which process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// redis-server; the first, if there are several.
    Redis,
    /// The others, counted from 1.
    RedisServer(usize),
    /// Sentinels, counted from 0.
    Sentinel(usize),
    /// postgres.
    Postgres,
    /// The postgres that follows it.
    Standby,
    /// The vault.
    Vault,
    /// The gatekeepers, counted from 0.
    Gatekeeper(usize),
    /// nginx.
    Nginx,
    /// Prometheus.
    Prometheus,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis => f.write_str("redis"),
            Self::RedisServer(index) => write!(f, "redis {}", index + 1),
            Self::Sentinel(index) => write!(f, "sentinel {}", index + 1),
            Self::Postgres => f.write_str("postgres"),
            Self::Standby => f.write_str("standby"),
            Self::Vault => f.write_str("vault"),
            Self::Gatekeeper(index) => write!(f, "gatekeeper {}", index + 1),
            Self::Nginx => f.write_str("nginx"),
            Self::Prometheus => f.write_str("prometheus"),
        }
    }
}

impl Role {
    /// How it is asked to end in an orderly way, when all do: no client is left for whom to take time.
    fn stop_signal(self) -> Signal {
        match self {
            Self::Postgres | Self::Standby | Self::Vault | Self::Gatekeeper(_) => Signal::SIGINT,
            Self::Redis | Self::RedisServer(_) | Self::Sentinel(_) | Self::Nginx | Self::Prometheus => Signal::SIGTERM,
        }
    }

    /// How it is ended at once. nginx' workers would outlive a killed master, Postgres' backends linger.
    fn kill_signal(self) -> Signal {
        match self {
            Self::Nginx => Signal::SIGTERM,
            Self::Postgres | Self::Standby => Signal::SIGQUIT,
            _ => Signal::SIGKILL,
        }
    }
}

/// Something that happened to a child.
#[derive(Debug, Clone)]
pub enum Report {
    /// It was started, with this process id.
    Started(Role, u32),
    /// It ended by itself, and how.
    Died(Role, String),
    /// It could not be started.
    Failed(Role, String),
}

#[derive(Default)]
struct State {
    is_wanted: bool,
    is_over: bool,
    pid: u32,
    starts: u64,
}

/// All of a stack, in the order they were started.
pub type Children = Arc<Mutex<Vec<Arc<Managed>>>>;

/// A supervised process.
pub struct Managed {
    role: Role,
    spec: Spec,
    tools: Tools,
    restart: bool,
    state: Mutex<State>,
    changed: Condvar,
    report: Arc<dyn Fn(Report) + Send + Sync>,
}

impl Managed {
    /// Starts it and keeps it running.
    pub fn start(
        role: Role,
        spec: Spec,
        tools: Tools,
        restart: bool,
        report: Arc<dyn Fn(Report) + Send + Sync>,
    ) -> Arc<Self> {
        let state = Mutex::new(State { is_wanted: true, ..State::default() });
        let managed = Arc::new(Self { role, spec, tools, restart, state, changed: Condvar::new(), report });
        std::thread::spawn({
            let managed = managed.clone();
            move || managed.supervise()
        });
        managed
    }

    /// Its role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its process id; 0 while it is down.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.lock().pid
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &std::path::Path {
        &self.spec.log
    }

    /// How often it was started.
    #[must_use]
    pub fn starts(&self) -> u64 {
        self.lock().starts
    }

    /// Sends a signal. What dies of it is started again.
    pub fn signal(&self, signal: Signal) {
        let pid = self.pid();
        if pid != 0 {
            send(pid, signal);
        }
    }

    /// Kills it as by `kill -9` and returns once it is gone, its connections closed; it is started again.
    pub fn kill(&self) {
        let mut state = self.lock();
        let pid = state.pid;
        while pid != 0 && state.pid == pid {
            send(pid, Signal::SIGKILL);
            state =
                self.changed.wait_timeout(state, Duration::from_millis(200)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends it by this signal and keeps it down until [`Self::up`].
    pub fn down(&self, signal: Signal) {
        let mut state = self.lock();
        state.is_wanted = false;
        while state.pid != 0 {
            send(state.pid, signal);
            state =
                self.changed.wait_timeout(state, Duration::from_millis(200)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Starts it again after [`Self::down`].
    pub fn up(&self) {
        self.lock().is_wanted = true;
        self.changed.notify_all();
    }

    /// Ends it for good: in an orderly way within `patience`, then at once.
    pub fn stop(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        state.is_over = true;
        state.is_wanted = false;
        self.changed.notify_all();
        let mut asked = false;
        while state.pid != 0 {
            if Instant::now() >= deadline {
                send(state.pid, self.role.kill_signal());
                // One that was stopped hears nothing until it goes on.
                send_group(state.pid, Signal::SIGCONT);
            } else if !asked {
                send(state.pid, self.role.stop_signal());
                asked = true;
            }
            state =
                self.changed.wait_timeout(state, Duration::from_millis(50)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn supervise(&self) {
        let mut backoff = Backoff::new(RESTART_FIRST, RESTART_LONGEST);
        while self.wait_until_wanted() {
            let started = Instant::now();
            match self.spec.start(&self.tools) {
                Ok(child) => self.attend(child),
                Err(error) => {
                    (self.report)(Report::Failed(self.role, format!("{error:#}")));
                    if !self.restart {
                        self.lock().is_wanted = false;
                    }
                }
            }
            if started.elapsed() >= STABLE_AFTER {
                backoff.reset();
            }
            if self.lock().is_wanted {
                std::thread::sleep(backoff.next_wait());
            }
        }
    }

    /// False when it is over.
    fn wait_until_wanted(&self) -> bool {
        let mut state = self.lock();
        while !state.is_wanted && !state.is_over {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.is_over
    }

    fn attend(&self, mut child: Child) {
        let pid = child.id();
        let mut state = self.lock();
        state.pid = pid;
        state.starts += 1;
        if !state.is_wanted {
            // Told to be down while it was being started.
            send(pid, self.role.kill_signal());
        }
        drop(state);
        self.changed.notify_all();
        (self.report)(Report::Started(self.role, pid));
        let status = child.wait();
        // A master that was killed leaves workers behind; they are of its group.
        send_group(pid, Signal::SIGKILL);

        let mut state = self.lock();
        state.pid = 0;
        let died = state.is_wanted;
        state.is_wanted &= self.restart;
        drop(state);
        self.changed.notify_all();
        if died {
            (self.report)(Report::Died(self.role, status.map_or_else(|error| error.to_string(), describe)));
        }
    }
}
