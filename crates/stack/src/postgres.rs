//! A private Postgres in a folder of its own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::options::Certificates;
use crate::process::{self, Spec};
use crate::secrets::{Secrets, write_private};
use crate::tools::Tools;

const USER: &str = "onsale";
const DATABASE: &str = "onsale";
/// What the primary knows its standby by.
const STANDBY_NAME: &str = "standby";

/// Where everything of it is.
pub struct Postgres<'a> {
    /// Programs.
    pub tools: &'a Tools,
    /// The cluster.
    pub folder: PathBuf,
    /// Whether it is to be there next time.
    pub is_kept: bool,
    /// Logs.
    pub logs: &'a Path,
    /// The folder of its socket; short, for a socket's path has at most 107 bytes.
    pub socket_folder: &'a Path,
    /// The loopback port, also part of the socket's name.
    pub port: u16,
    /// The standby's, if there is one.
    pub standby_port: Option<u16>,
    /// Its password.
    pub secrets: &'a Secrets,
    /// Its certificate, if it is to speak by TLS.
    pub tls: Option<&'a Certificates>,
}

impl Postgres<'_> {
    /// Makes the cluster unless there is one.
    pub fn init(&self) -> anyhow::Result<()> {
        if self.folder.exists() {
            return Ok(());
        }
        // Made under another name, which only a complete cluster loses: one that was interrupted is made anew.
        let draft = self.folder.with_extension("new");
        if draft.exists() {
            std::fs::remove_dir_all(&draft)?;
        }
        process::make_server_folder(&draft)?;
        let password_file = self.socket_folder.join("postgres-password");
        write_private(&password_file, self.secrets.postgres_password.as_bytes())?;
        process::give_to_servers(&password_file)?;
        let mut arguments = vec![
            format!("--pgdata={}", draft.display()),
            format!("--username={USER}"),
            format!("--pwfile={}", password_file.display()),
            "--auth=scram-sha-256".into(),
            "--encoding=UTF8".into(),
            "--locale=C".into(),
            // A new segment is filled with zeros while everybody waits; the first lasts longer than the rush (docs/OPERATIONS.md).
            "--wal-segsize=64".into(),
        ];
        if !self.is_kept {
            // What goes with this run need not be on the disk.
            arguments.push("--no-sync".into());
        }
        self.program("initdb", arguments, "initdb.log").run(self.tools)?;
        std::fs::remove_file(password_file)?;
        Ok(std::fs::rename(draft, &self.folder)?)
    }

    /// How the server is started. Durability settings are Postgres' own defaults: all on.
    #[must_use]
    pub fn spec(&self, settings: &[String]) -> Spec {
        self.server(&self.folder, self.port, settings, "postgres.log")
    }

    /// The same for the standby.
    #[must_use]
    pub fn standby_spec(&self, port: u16, settings: &[String]) -> Spec {
        self.server(&self.standby_folder(), port, settings, "standby.log")
    }

    fn standby_folder(&self) -> PathBuf {
        self.folder.with_extension("standby")
    }

    fn server(&self, folder: &Path, port: u16, settings: &[String], log: &str) -> Spec {
        let own = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".into(),
            format!("unix_socket_directories={}", self.socket_folder.display()),
            "max_connections=200".into(),
            "shared_buffers=256MB".into(),
            "max_wal_size=2GB".into(),
        ];
        let encrypted = self.tls.map(|Certificates { certificate, key, .. }| {
            let (certificate, key) = (certificate.display(), key.display());
            ["ssl=on".to_owned(), format!("ssl_cert_file={certificate}"), format!("ssl_key_file={key}")]
        });
        let encrypted: Vec<_> = encrypted.into_iter().flatten().collect();
        let mut arguments = vec!["-D".to_owned(), folder.display().to_string()];
        arguments.extend(
            own.iter().chain(&encrypted).chain(settings).flat_map(|setting| ["-c".to_owned(), setting.clone()]),
        );
        self.program("postgres", arguments, log)
    }

    /// Whether it answers.
    #[must_use]
    pub fn is_ready(&self, port: u16) -> bool {
        let arguments = vec!["-q".into(), "-h".into(), "127.0.0.1".into(), "-p".into(), port.to_string()];
        self.program("pg_isready", arguments, "pg_isready.log").run(self.tools).is_ok()
    }

    /// Copies the running server for its standby.
    pub fn copy_for_standby(&self) -> anyhow::Result<()> {
        let folder = self.standby_folder();
        process::make_server_folder(&folder)?;
        // Postgres accepts no other.
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        let manner = if self.tls.is_some() { " sslmode=require" } else { "" };
        let source = format!("host=127.0.0.1 port={} user={USER} application_name={STANDBY_NAME}{manner}", self.port);
        let arguments = ["--dbname", &source, "--pgdata", &folder.display().to_string()].map(str::to_owned);
        let flags =
            ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"].map(str::to_owned);
        self.with_password(self.program("pg_basebackup", [&arguments[..], &flags].concat(), "basebackup.log"))
            .run(self.tools)
    }

    /// From now on nothing is acknowledged before the standby has it.
    pub fn wait_for_standby(&self) -> anyhow::Result<()> {
        let name = format!("ALTER SYSTEM SET synchronous_standby_names = '{STANDBY_NAME}'");
        self.ask(&name)?;
        self.ask("SELECT pg_reload_conf()")
    }

    /// Whether the standby is one that is waited for.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.ask("SELECT 1 / count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'")
            .is_ok()
    }

    fn ask(&self, question: &str) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let arguments =
            ["-h", "127.0.0.1", "-p", &port, "-U", USER, "-d", DATABASE, "-v", "ON_ERROR_STOP=1", "-c", question];
        self.with_password(self.program("psql", arguments.map(str::to_owned).into(), "psql.log")).run(self.tools)
    }

    fn with_password(&self, mut spec: Spec) -> Spec {
        let password = self.secrets.postgres_password.as_str();
        spec.environment
            .extend([("PGPASSWORD", password), ("LC_ALL", "C")].map(|(name, value)| (name.into(), value.into())));
        spec
    }

    /// Makes the database unless that was done before.
    pub fn create_database(&self) -> anyhow::Result<()> {
        let done = self.folder.join("onsale-database");
        if done.exists() {
            return Ok(());
        }
        let arguments = ["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER, DATABASE].map(str::to_owned);
        let spec = self.with_password(self.program("createdb", arguments.into(), "createdb.log"));
        match spec.run(self.tools) {
            // A run before was interrupted right here.
            Err(error) if !process::tail(&spec.log).contains("already exists") => Err(error),
            _ => Ok(std::fs::write(done, "")?),
        }
    }

    /// Its address over TCP.
    #[must_use]
    pub fn url(&self) -> String {
        let (password, port) = (&self.secrets.postgres_password, self.port);
        match self.standby_port {
            None => format!("postgres://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"),
            // Whichever takes writes.
            Some(standby) => format!(
                "postgres://{USER}:{password}@127.0.0.1:{port},127.0.0.1:{standby}/{DATABASE}?target_session_attrs=read-write"
            ),
        }
    }

    /// Its address for the vault beside it: over the socket, or by TLS.
    #[must_use]
    pub fn vault_url(&self) -> String {
        if self.tls.is_some() {
            let further = if self.standby_port.is_some() { '&' } else { '?' };
            return format!("{}{further}sslmode=require", self.url());
        }
        if self.standby_port.is_some() {
            return self.url();
        }
        let (password, port) = (&self.secrets.postgres_password, self.port);
        format!("host={} port={port} user={USER} password={password} dbname={DATABASE}", self.socket_folder.display())
    }

    fn program(&self, name: &str, arguments: Vec<String>, log: &str) -> Spec {
        Spec {
            program: self.tools.postgres_folder.join(name),
            arguments,
            // Where it looks for certificates of its own; what is in its starter's home is none of them.
            environment: vec![("HOME".into(), self.socket_folder.display().to_string())],
            is_unprivileged: true,
            // A fast shutdown: sessions are ended, nothing is lost.
            death_signal: Signal::SIGINT,
            log: self.logs.join(log),
        }
    }
}
