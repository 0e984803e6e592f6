//! The steps of starting a stack, each of which waits until what it started is ready.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chassis::probe;
use contract::paths;

use crate::children::{Children, Managed, Role};
use crate::options::{Options, PostgresShape, RedisShape};
use crate::ports::Ports;
use crate::postgres::Postgres;
use crate::process::{self, tail};
use crate::ready::ReadyFile;
use crate::redis::Redis;
use crate::secrets::Secrets;
use crate::stack::Reporter;
use crate::tools::{self, Tools};
use crate::{nginx, prometheus, services};

/// How long anything may take to become ready.
const READY_WAIT: Duration = Duration::from_mins(1);
/// How often it is asked.
const READY_POLL: Duration = Duration::from_millis(20);
/// A stack that is being started; on an error, what was started is taken down again.
pub struct Launch<'a> {
    options: &'a Options,
    tools: &'a Tools,
    children: Children,
    report: Reporter,
    is_complete: bool,
}

impl Drop for Launch<'_> {
    fn drop(&mut self) {
        if !self.is_complete {
            let children = std::mem::take(&mut *self.children.lock().unwrap_or_else(PoisonError::into_inner));
            children.iter().rev().for_each(|child| child.stop(Duration::ZERO));
        }
    }
}

impl<'a> Launch<'a> {
    /// Nothing is started yet.
    pub fn new(options: &'a Options, tools: &'a Tools, children: Children, report: Reporter) -> Self {
        Self { options, tools, children, report, is_complete: false }
    }

    /// All is started, and stays.
    pub fn complete(mut self) -> Children {
        self.is_complete = true;
        self.children.clone()
    }

    /// Postgres, and its standby.
    pub fn postgres(&self, postgres: &Postgres<'_>) -> anyhow::Result<()> {
        postgres.init().context("Postgres could not be set up")?;
        self.child(Role::Postgres, postgres.spec(&self.options.postgres_settings));
        self.wait(Role::Postgres, || postgres.is_ready(postgres.port))?;
        postgres.create_database()?;
        let Some(standby_port) = postgres.standby_port else { return Ok(()) };
        postgres.copy_for_standby().context("Postgres could not be copied for its standby")?;
        self.child(Role::Standby, postgres.standby_spec(standby_port, &self.options.postgres_settings));
        self.wait(Role::Standby, || postgres.is_ready(standby_port))?;
        postgres.wait_for_standby()?;
        self.wait(Role::Standby, || postgres.is_followed())
    }

    /// One server, or several and what makes them one Redis.
    pub fn redis(&self, redis: &Redis<'_>, shape: RedisShape) -> anyhow::Result<()> {
        let role = |index| if index == 0 { Role::Redis } else { Role::RedisServer(index) };
        for index in 0..redis.ports.servers.len() {
            self.child(role(index), redis.server(index)?);
        }
        for (index, port) in redis.ports.servers.iter().enumerate() {
            self.wait(role(index), || is_open(*port))?;
        }
        match shape {
            RedisShape::Server => Ok(()),
            RedisShape::Cluster => {
                redis.form_cluster().context("the Cluster could not be formed")?;
                (0..redis.ports.servers.len()).try_for_each(|index| self.wait(role(index), || redis.has_formed(index)))
            }
            RedisShape::Sentinel => {
                self.wait(Role::RedisServer(1), || redis.is_followed())?;
                for index in 0..redis.ports.sentinels.len() {
                    self.child(Role::Sentinel(index), redis.sentinel(index)?);
                }
                let mut sentinels = redis.ports.sentinels.iter().enumerate();
                sentinels.try_for_each(|(index, port)| self.wait(Role::Sentinel(index), || redis.is_watched_by(*port)))
            }
        }
    }

    /// What makes of Postgres a store.
    pub fn vault(&self, postgres: &Postgres<'_>, ports: &Ports, logs: &Path, secrets: &Secrets) -> anyhow::Result<()> {
        self.child(Role::Vault, services::vault(self.options, logs, ports.vault, &postgres.vault_url(), secrets));
        self.wait(Role::Vault, || is_ready(ports.vault))
    }

    /// The gatekeepers, which are ready once they have both.
    pub fn services(&self, ports: &Ports, ready: &ReadyFile, logs: &Path, secrets: &Secrets) -> anyhow::Result<()> {
        for gatekeeper in ports.gatekeepers.iter().copied().enumerate() {
            let spec = services::gatekeeper(self.options, logs, gatekeeper, (&ready.redis, &ready.vault), secrets);
            self.child(Role::Gatekeeper(gatekeeper.0), spec);
        }
        for (index, port) in ports.gatekeepers.iter().enumerate() {
            self.wait(Role::Gatekeeper(index), || is_ready(*port))?;
        }
        Ok(())
    }

    /// nginx.
    pub fn front(&self, ports: &Ports, data: &Path, logs: &Path) -> anyhow::Result<()> {
        let settings = nginx::Settings {
            folder: &data.join("nginx"),
            port: ports.nginx,
            upstreams: &ports.gatekeepers,
            limits: self.options.limits,
            rate: self.options.address_rate,
            traced: &self.options.traced,
            idle_seconds: self.options.idle_seconds,
            trusted_proxies: &self.options.trusted_proxies,
            page: self.options.page.as_deref(),
        };
        self.child(Role::Nginx, nginx::spec(self.tools, &settings, logs)?);
        self.wait(Role::Nginx, || is_ready(ports.nginx))
    }

    /// Prometheus, if it is wanted.
    pub fn prometheus(&self, ports: &Ports, data: &Path, logs: &Path) -> anyhow::Result<()> {
        let Some(port) = ports.prometheus else { return Ok(()) };
        let settings = prometheus::Settings {
            program: tools::prometheus()?,
            folder: &data.join("prometheus"),
            port,
            gatekeepers: &ports.gatekeepers,
            vault: ports.vault,
        };
        self.child(Role::Prometheus, prometheus::spec(&settings, logs)?);
        self.wait(Role::Prometheus, || answers(port, "/-/ready"))
    }

    fn child(&self, role: Role, spec: process::Spec) {
        // Of several servers, one that died is followed by another; started again at once, and empty, it would be back before that.
        let child = Managed::start(role, spec, self.tools.clone(), self.is_restarted(role), self.report.clone());
        self.children.lock().unwrap_or_else(PoisonError::into_inner).push(child);
    }

    fn is_restarted(&self, role: Role) -> bool {
        let is_followed = match role {
            Role::Redis | Role::RedisServer(_) => self.options.redis != RedisShape::Server,
            Role::Postgres | Role::Standby => self.options.postgres != PostgresShape::Server,
            _ => false,
        };
        self.options.restart && !is_followed
    }

    fn wait(&self, role: Role, is_ready: impl Fn() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WAIT;
        while !is_ready() {
            let has_given_up = self.has_given_up(role);
            if has_given_up || Instant::now() > deadline {
                anyhow::bail!("{role} did not become ready; its log ends with:\n{}", self.log_of(role));
            }
            std::thread::sleep(READY_POLL);
        }
        Ok(())
    }

    /// A child that died three times before it was ready will not become so.
    fn has_given_up(&self, role: Role) -> bool {
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        let most = if self.is_restarted(role) { 3 } else { 1 };
        children.iter().any(|child| child.role() == role && child.pid() == 0 && child.starts() >= most)
    }

    fn log_of(&self, role: Role) -> String {
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.iter().find(|child| child.role() == role).map(|child| tail(child.log())).unwrap_or_default()
    }
}

fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Asks for readiness as an orchestrator's probe would.
fn is_ready(port: u16) -> bool {
    answers(port, paths::READY)
}

fn answers(port: u16, path: &str) -> bool {
    probe::status(SocketAddr::from(([127, 0, 0, 1], port)), path).is_ok_and(|status| status == "200")
}
