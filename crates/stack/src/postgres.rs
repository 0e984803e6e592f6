//! A private Postgres in a folder of its own.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::options::Certificates;
use crate::process::{self, Spec};
use crate::secrets::{Secrets, write_private};
use crate::tools::Tools;

const USER: &str = "onsale";
const DATABASE: &str = "onsale";

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
        let own = [
            format!("port={}", self.port),
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
        let mut arguments = vec!["-D".to_owned(), self.folder.display().to_string()];
        arguments.extend(
            own.iter().chain(&encrypted).chain(settings).flat_map(|setting| ["-c".to_owned(), setting.clone()]),
        );
        self.program("postgres", arguments, "postgres.log")
    }

    /// Whether it answers.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let arguments = vec!["-q".into(), "-h".into(), "127.0.0.1".into(), "-p".into(), self.port.to_string()];
        self.program("pg_isready", arguments, "pg_isready.log").run(self.tools).is_ok()
    }

    /// Makes the database unless that was done before.
    pub fn create_database(&self) -> anyhow::Result<()> {
        let done = self.folder.join("onsale-database");
        if done.exists() {
            return Ok(());
        }
        let arguments = ["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER, DATABASE].map(str::to_owned);
        let mut spec = self.program("createdb", arguments.into(), "createdb.log");
        spec.environment = [("PGPASSWORD", self.secrets.postgres_password.as_str()), ("LC_ALL", "C")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        match spec.run(self.tools) {
            // A run before was interrupted right here.
            Err(error) if !process::tail(&spec.log).contains("already exists") => Err(error),
            _ => Ok(std::fs::write(done, "")?),
        }
    }

    /// Its address over TCP.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{DATABASE}", self.secrets.postgres_password, self.port)
    }

    /// Its address for the vault beside it: over the socket, or by TLS.
    #[must_use]
    pub fn vault_url(&self) -> String {
        if self.tls.is_some() {
            return format!("{}?sslmode=require", self.url());
        }
        let (password, port) = (&self.secrets.postgres_password, self.port);
        format!("host={} port={port} user={USER} password={password} dbname={DATABASE}", self.socket_folder.display())
    }

    fn program(&self, name: &str, arguments: Vec<String>, log: &str) -> Spec {
        Spec {
            program: self.tools.postgres_folder.join(name),
            arguments,
            environment: Vec::new(),
            is_unprivileged: true,
            // A fast shutdown: sessions are ended, nothing is lost.
            death_signal: Signal::SIGINT,
            log: self.logs.join(log),
        }
    }
}
