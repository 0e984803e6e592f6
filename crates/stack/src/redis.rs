//! A private redis-server that keeps nothing on disk: whatever it has can be made again from Postgres, and has to be, for
//! nobody believes the inventory of a Redis that was restarted.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::options::Certificates;
use crate::process::{self, Spec};
use crate::secrets::{Secrets, write_private};
use crate::tools::Tools;

/// Writes its configuration and says how it is started. The password is in the file, not on the command line.
pub fn spec(
    tools: &Tools,
    folder: &Path,
    logs: &Path,
    port: u16,
    secrets: &Secrets,
    tls: Option<&Certificates>,
) -> anyhow::Result<Spec> {
    process::make_server_folder(folder)?;
    let config = folder.join("redis.conf");
    let port = match tls {
        None => format!("port {port}"),
        Some(Certificates { certificate, key, authority }) => format!(
            "port 0\ntls-port {port}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients no",
            certificate.display(),
            key.display(),
            authority.display(),
        ),
    };
    let text = format!(
        "bind 127.0.0.1\n{port}\nrequirepass {}\ndir {}\n\
         appendonly no\nsave \"\"\nmaxmemory-policy noeviction\n\
         maxclients 1000\ntcp-backlog 1024\nclient-output-buffer-limit pubsub 32mb 8mb 60\n",
        secrets.redis_password,
        folder.display(),
    );
    write_private(&config, text.as_bytes())?;
    process::give_to_servers(&config)?;
    Ok(Spec {
        program: tools.redis_server.clone(),
        arguments: vec![config.display().to_string()],
        environment: Vec::new(),
        is_unprivileged: true,
        death_signal: Signal::SIGTERM,
        log: logs.join("redis.log"),
    })
}

/// Its address.
#[must_use]
pub fn url(port: u16, secrets: &Secrets, is_encrypted: bool) -> String {
    let scheme = if is_encrypted { "rediss" } else { "redis" };
    format!("{scheme}://:{}@127.0.0.1:{port}/", secrets.redis_password)
}
