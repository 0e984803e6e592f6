//! The whole stack: started in order, ready or an error, stopped in reverse.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chassis::probe;
use chassis::token::{Identity, Role as TokenRole, TokenKeys};
use contract::{CustomerId, paths};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::children::{Managed, Report, Role};
use crate::options::{Options, RedisShape};
use crate::postgres::Postgres;
use crate::process::{self, tail};
use crate::ready::{Pids, ReadyFile};
use crate::redis::Redis;
use crate::secrets::{Secrets, write_private};
use crate::tools::{self, Tools};
use crate::{nginx, ports, prometheus, redis, services};

/// How long anything may take to become ready.
const READY_WAIT: Duration = Duration::from_mins(1);
/// How often it is asked.
const READY_POLL: Duration = Duration::from_millis(20);
/// How long a child may take to stop in an orderly way.
const STOP_WAIT: Duration = Duration::from_secs(10);
/// How long the administrator's token works.
const ADMIN_TIME: SignedDuration = SignedDuration::from_hours(24 * 30);

/// What is told while a stack starts and runs.
pub type Reporter = Arc<dyn Fn(Report) + Send + Sync>;

/// A running stack. Dropped, it takes everything with it.
pub struct Stack {
    children: Arc<Mutex<Vec<Arc<Managed>>>>,
    ready: ReadyFile,
    data: PathBuf,
    ready_file: Option<PathBuf>,
    // Held as long as anything of ours may be using the folder.
    _lock: File,
    // Removed last, when no child uses them any more.
    _temporary: Vec<TempDir>,
}

struct Ports {
    redis: redis::Ports,
    postgres: u16,
    standby: Option<u16>,
    vault: u16,
    gatekeepers: Vec<u16>,
    nginx: u16,
    prometheus: Option<u16>,
}

impl Ports {
    fn choose(options: &Options) -> std::io::Result<Self> {
        Ok(Self {
            redis: redis::Ports::choose(options.redis)?,
            postgres: ports::free()?,
            standby: options.standby.then(ports::free).transpose()?,
            vault: ports::free()?,
            gatekeepers: (0..options.replicas).map(|_| ports::free()).collect::<Result<_, _>>()?,
            nginx: options.port.map_or_else(ports::free, Ok)?,
            prometheus: options.prometheus.then(ports::free).transpose()?,
        })
    }
}

impl Stack {
    /// Starts everything and waits until it is ready.
    pub fn start(options: &Options, report: Reporter) -> anyhow::Result<Self> {
        let tools = Tools::find()?;
        if options.prometheus {
            // Said now rather than when everything else is running.
            tools::prometheus()?;
        }
        check_fits(options)?;
        if let Some(stale) = options.ready_file.as_deref().filter(|path| path.exists()) {
            std::fs::remove_file(stale).with_context(|| format!("{} cannot be replaced", stale.display()))?;
        }
        let (data, mut temporary) = data_folder(options)?;
        process::check_servers_can_enter(&data)?;
        let lock = lock(&data)?;
        let run = short_folder()?;
        let logs = data.join("logs");
        std::fs::create_dir_all(&logs)?;
        let secrets = Secrets::load_or_make(&data)?;
        let ports = Ports::choose(options)?;
        let postgres = Postgres {
            tools: &tools,
            folder: data.join("postgres"),
            is_kept: options.data.is_some(),
            logs: &logs,
            socket_folder: run.path(),
            port: ports.postgres,
            standby_port: ports.standby,
            secrets: &secrets,
            tls: options.tls.as_ref(),
        };
        let redis = Redis {
            tools: &tools,
            data: &data,
            logs: &logs,
            ports: &ports.redis,
            secrets: &secrets,
            tls: options.tls.as_ref(),
        };
        let ready = ready_file(&ports, &redis, &postgres, &secrets)?;
        let children = Arc::new(Mutex::new(Vec::new()));
        let report = rewriting(report, children.clone(), ready.clone(), options.ready_file.clone());
        let mut launch = Launch { options, tools: &tools, children, report, is_complete: false };

        launch.postgres(&postgres)?;
        launch.redis(&redis, options.redis)?;
        launch.vault(&postgres, &ports, &logs, &secrets)?;
        launch.services(&ports, &ready, &logs, &secrets)?;
        launch.front(&ports, &data, &logs)?;
        launch.prometheus(&ports, &data, &logs)?;

        temporary.push(run);
        launch.is_complete = true;
        let children = launch.children.clone();
        Ok(Self { children, ready, data, ready_file: options.ready_file.clone(), _lock: lock, _temporary: temporary })
    }

    /// Where everything is now.
    #[must_use]
    pub fn ready(&self) -> ReadyFile {
        ReadyFile { pids: pids(&self.children), ..self.ready.clone() }
    }

    /// Where Redis and Postgres keep their data, and all keep their logs.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// One of the processes.
    pub fn child(&self, role: Role) -> anyhow::Result<Arc<Managed>> {
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.iter().find(|child| child.role() == role).cloned().with_context(|| format!("there is no {role}"))
    }

    /// Kills a process as by `kill -9` and returns once it is gone; it is started again.
    pub fn kill(&self, role: Role) -> anyhow::Result<()> {
        self.child(role)?.kill();
        Ok(())
    }

    /// Stops everything in an orderly way, the front door first.
    pub fn stop(&self) {
        let children = std::mem::take(&mut *self.children.lock().unwrap_or_else(PoisonError::into_inner));
        for child in children.iter().rev() {
            child.stop(STOP_WAIT);
        }
        if let Some(path) = &self.ready_file {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Tells whoever waits for the ready file; from now on it is rewritten whenever a process id changes.
    pub fn write_ready_file(&self) -> anyhow::Result<()> {
        let Some(path) = &self.ready_file else { return Ok(()) };
        let _turn = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let text = serde_json::to_vec_pretty(&self.ready())?;
        write_private(path, &text).with_context(|| format!("{} could not be written", path.display()))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let children = std::mem::take(&mut *self.children.lock().unwrap_or_else(PoisonError::into_inner));
        for child in children.iter().rev() {
            child.stop(Duration::ZERO);
        }
    }
}

/// A stack that is being started; on an error, what was started is taken down again.
struct Launch<'a> {
    options: &'a Options,
    tools: &'a Tools,
    children: Arc<Mutex<Vec<Arc<Managed>>>>,
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

impl Launch<'_> {
    /// Postgres, and its standby.
    fn postgres(&self, postgres: &Postgres<'_>) -> anyhow::Result<()> {
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
    fn redis(&self, redis: &Redis<'_>, shape: RedisShape) -> anyhow::Result<()> {
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
                sentinels.try_for_each(|(index, port)| self.wait(Role::Sentinel(index), || is_open(*port)))
            }
        }
    }

    /// What makes of Postgres a store.
    fn vault(&self, postgres: &Postgres<'_>, ports: &Ports, logs: &Path, secrets: &Secrets) -> anyhow::Result<()> {
        self.child(Role::Vault, services::vault(self.options, logs, ports.vault, &postgres.vault_url(), secrets));
        self.wait(Role::Vault, || is_ready(ports.vault))
    }

    fn services(&self, ports: &Ports, ready: &ReadyFile, logs: &Path, secrets: &Secrets) -> anyhow::Result<()> {
        for gatekeeper in ports.gatekeepers.iter().copied().enumerate() {
            let spec = services::gatekeeper(self.options, logs, gatekeeper, (&ready.redis, &ready.vault), secrets);
            self.child(Role::Gatekeeper(gatekeeper.0), spec);
        }
        for (index, port) in ports.gatekeepers.iter().enumerate() {
            self.wait(Role::Gatekeeper(index), || is_ready(*port))?;
        }
        Ok(())
    }

    fn front(&self, ports: &Ports, data: &Path, logs: &Path) -> anyhow::Result<()> {
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

    fn prometheus(&self, ports: &Ports, data: &Path, logs: &Path) -> anyhow::Result<()> {
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
        let child = Managed::start(role, spec, self.tools.clone(), self.options.restart, self.report.clone());
        self.children.lock().unwrap_or_else(PoisonError::into_inner).push(child);
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
        let most = if self.options.restart { 3 } else { 1 };
        children.iter().any(|child| child.role() == role && child.pid() == 0 && child.starts() >= most)
    }

    fn log_of(&self, role: Role) -> String {
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.iter().find(|child| child.role() == role).map(|child| tail(child.log())).unwrap_or_default()
    }
}

/// Held while the ready file is made and written.
static WRITING: Mutex<()> = Mutex::new(());

/// Hands reports on, and keeps the ready file true.
fn rewriting(
    report: Reporter,
    children: Arc<Mutex<Vec<Arc<Managed>>>>,
    ready: ReadyFile,
    path: Option<PathBuf>,
) -> Reporter {
    Arc::new(move |what| {
        if let Some(path) = path.as_deref().filter(|path| path.exists()) {
            // One at a time from reading to writing, or an older picture could be written last.
            let _turn = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
            let ready = ReadyFile { pids: pids(&children), ..ready.clone() };
            let written = serde_json::to_vec_pretty(&ready).map(|text| write_private(path, &text));
            if !matches!(written, Ok(Ok(()))) {
                report(Report::Failed(Role::Nginx, format!("{} could not be rewritten", path.display())));
            }
        }
        report(what);
    })
}

fn pids(children: &Mutex<Vec<Arc<Managed>>>) -> Pids {
    let mut pids = Pids::default();
    for child in children.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        match child.role() {
            Role::Redis => pids.redis = child.pid(),
            Role::RedisServer(_) => pids.redis_servers.push(child.pid()),
            Role::Sentinel(_) => pids.sentinels.push(child.pid()),
            Role::Standby => pids.standby = Some(child.pid()),
            Role::Postgres => pids.postgres = child.pid(),
            Role::Vault => pids.vault = child.pid(),
            Role::Gatekeeper(_) => pids.gatekeeper.push(child.pid()),
            Role::Nginx => pids.nginx = child.pid(),
            Role::Prometheus => pids.prometheus = Some(child.pid()),
        }
    }
    pids
}

fn ready_file(
    ports: &Ports,
    redis: &Redis<'_>,
    postgres: &Postgres<'_>,
    secrets: &Secrets,
) -> anyhow::Result<ReadyFile> {
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let key: TokenKeys = secrets.token_key.parse().map_err(anyhow::Error::msg)?;
    let admin = Identity { customer_id: CustomerId::fresh(), role: TokenRole::Admin };
    Ok(ReadyFile {
        url: url(ports.nginx),
        replicas: ports.gatekeepers.iter().map(|port| url(*port)).collect(),
        vault: url(ports.vault),
        redis: redis.url(),
        redis_servers: if ports.redis.servers.len() > 1 { redis.servers() } else { Vec::new() },
        postgres: postgres.url(),
        prometheus: ports.prometheus.map(url),
        admin_token: key.sign(admin, Timestamp::now(), ADMIN_TIME)?.0,
        service_credential: secrets.service_credential.clone(),
        pids: Pids::default(),
    })
}

/// Two stacks on one folder would be two Redis servers on one append-only file.
fn lock(data: &Path) -> anyhow::Result<File> {
    let file = File::options().create(true).append(true).open(data.join("lock"))?;
    let locked = file.try_lock();
    locked.with_context(|| format!("{} is in use by another `onsale up`", data.display()))?;
    Ok(file)
}

/// The data folder, and the guard that removes it if it is a temporary one.
fn data_folder(options: &Options) -> anyhow::Result<(PathBuf, Vec<TempDir>)> {
    if let Some(folder) = &options.data {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok((folder.canonicalize()?, Vec::new()))
    } else {
        let folder = short_folder()?;
        Ok((folder.path().to_owned(), vec![folder]))
    }
}

/// A temporary folder that every child can enter.
fn short_folder() -> anyhow::Result<TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::Builder::new().prefix("onsale-").tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    process::give_to_servers(folder.path())?;
    Ok(folder)
}

/// What goes together.
fn check_fits(options: &Options) -> anyhow::Result<()> {
    let is_several = options.redis != RedisShape::Server || options.standby;
    anyhow::ensure!(
        !(is_several && options.data.is_some()),
        "several servers of Redis or Postgres are not kept between runs: which of them was the last to lead, only they knew"
    );
    anyhow::ensure!(
        !(is_several && options.tls.is_some()),
        "several servers of Redis or Postgres are not started with TLS here"
    );
    if options.redis != RedisShape::Server {
        tools::redis_cli()?;
    }
    Ok(())
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
