//! The whole stack: started in order, ready or an error, stopped in reverse.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use chassis::token::{Identity, Role as TokenRole, TokenKeys};
use contract::CustomerId;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::children::{Children, Managed, Report, Role};
use crate::launch::Launch;
use crate::options::{Options, RedisShape};
use crate::ports::Ports;
use crate::postgres::Postgres;
use crate::process;
use crate::ready::{self, Pids, ReadyFile};
use crate::redis::Redis;
use crate::secrets::Secrets;
use crate::tools::{self, Tools};

/// How long a child may take to stop in an orderly way.
const STOP_WAIT: Duration = Duration::from_secs(10);
/// How long the administrator's token works.
const ADMIN_TIME: SignedDuration = SignedDuration::from_hours(24 * 30);

/// What is told while a stack starts and runs.
pub type Reporter = Arc<dyn Fn(Report) + Send + Sync>;

/// A running stack. Dropped, it takes everything with it.
pub struct Stack {
    children: Children,
    ready: ReadyFile,
    data: PathBuf,
    ready_file: Option<PathBuf>,
    // Held as long as anything of ours may be using the folder.
    _lock: File,
    // Removed last, when no child uses them any more.
    _temporary: Vec<TempDir>,
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
        let report = ready::rewriting(report, children.clone(), ready.clone(), options.ready_file.clone());
        let launch = Launch::new(options, &tools, children, report);

        launch.postgres(&postgres)?;
        launch.redis(&redis, options.redis)?;
        launch.vault(&postgres, &ports, &logs, &secrets)?;
        launch.services(&ports, &ready, &logs, &secrets)?;
        launch.front(&ports, &data, &logs)?;
        launch.prometheus(&ports, &data, &logs)?;

        temporary.push(run);
        let children = launch.complete();
        Ok(Self { children, ready, data, ready_file: options.ready_file.clone(), _lock: lock, _temporary: temporary })
    }

    /// Where everything is now.
    #[must_use]
    pub fn ready(&self) -> ReadyFile {
        self.ready.now(&self.children)
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
        self.ready.write(&self.children, path).with_context(|| format!("{} could not be written", path.display()))
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
    anyhow::ensure!(
        !(options.has_followers() && options.data.is_some()),
        "several servers of Redis or Postgres are not kept between runs: which of them was the last to lead, only they knew"
    );
    if options.redis != RedisShape::Server {
        tools::redis_cli()?;
    }
    Ok(())
}
