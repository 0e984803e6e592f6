//! Finds the programs a stack needs, or says what to install.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// Folders that are not always on the PATH of an ordinary user.
const EXTRA_FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];
/// Where Debian keeps Postgres' own programs, by version.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

/// Paths of everything.
#[derive(Debug, Clone)]
pub struct Tools {
    /// `redis-server`.
    pub redis_server: PathBuf,
    /// The folder with `postgres`, `initdb`, `createdb` and `pg_isready`.
    pub postgres_folder: PathBuf,
    /// `nginx`.
    pub nginx: PathBuf,
    /// `setpriv`, which lets a child end with its parent and drops root's rights.
    pub setpriv: PathBuf,
}

impl Tools {
    /// Finds all, or names the Debian packages of those missing.
    pub fn find() -> anyhow::Result<Self> {
        let redis_server = find("redis-server");
        let nginx = find("nginx");
        let setpriv = find("setpriv");
        let postgres_folder = postgres_folder();
        match (redis_server, postgres_folder, nginx, setpriv) {
            (Some(redis_server), Some(postgres_folder), Some(nginx), Some(setpriv)) => {
                Ok(Self { redis_server, postgres_folder, nginx, setpriv })
            }
            (redis, postgres, nginx, setpriv) => {
                let wanted = [
                    (redis.is_none(), "redis-server"),
                    (postgres.is_none(), "postgresql"),
                    (nginx.is_none(), "nginx-light"),
                    (setpriv.is_none(), "util-linux"),
                ];
                let missing: Vec<_> =
                    wanted.iter().filter(|(is_missing, _)| *is_missing).map(|(_, name)| *name).collect();
                bail!("missing programs; install them with: apt-get install {}", missing.join(" "))
            }
        }
    }
}

/// Prometheus, which not everybody needs; or the Debian package to install.
pub fn prometheus() -> anyhow::Result<PathBuf> {
    find("prometheus").context("there is no prometheus; install it with: apt-get install prometheus")
}

/// `redis-cli`, for more than one server; or the Debian package to install.
pub fn redis_cli() -> anyhow::Result<PathBuf> {
    find("redis-cli").context("there is no redis-cli; install it with: apt-get install redis-tools")
}

fn find(program: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the search path is not a setting of ours")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(EXTRA_FOLDERS.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn postgres_folder() -> Option<PathBuf> {
    let mut versions: Vec<_> = std::fs::read_dir(POSTGRES_VERSIONS).ok()?.flatten().map(|entry| entry.path()).collect();
    versions.sort();
    let installed = versions.into_iter().rev().map(|version| version.join("bin"));
    let is_server = |folder: &Path| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    installed.into_iter().find(|folder| is_server(folder)).or_else(|| find("initdb")?.parent().map(Path::to_owned))
}
