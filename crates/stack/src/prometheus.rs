//! A Prometheus with the repository's own configuration and rules, told where this stack is.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::process::{self, Spec};

const CONFIG: &str = include_str!("../../../deploy/prometheus/prometheus.yml");
const RECORDING: &str = include_str!("../../../deploy/prometheus/rules/recording.yml");
const ALERTS: &str = include_str!("../../../deploy/prometheus/rules/alerts.yml");
/// How long it remembers.
const RETENTION: &str = "6h";

/// Where it runs and whom it asks.
pub struct Settings<'a> {
    /// `prometheus`.
    pub program: PathBuf,
    /// For configuration and data.
    pub folder: &'a Path,
    /// Its port.
    pub port: u16,
    /// The gatekeepers' ports.
    pub gatekeepers: &'a [u16],
    /// The vault's port.
    pub vault: u16,
}

/// Writes its configuration and says how it is started.
pub fn spec(settings: &Settings<'_>, logs: &Path) -> anyhow::Result<Spec> {
    let Settings { program, folder, port, gatekeepers, vault } = settings;
    for part in ["", "rules", "targets", "data"] {
        process::make_server_folder(&folder.join(part))?;
    }
    let targets = |ports: &[u16]| {
        let addresses: Vec<_> = ports.iter().map(|port| format!("\"127.0.0.1:{port}\"")).collect();
        format!("- targets: [{}]\n", addresses.join(", "))
    };
    for (name, text) in [
        ("prometheus.yml", CONFIG),
        ("rules/recording.yml", RECORDING),
        ("rules/alerts.yml", ALERTS),
        ("targets/gatekeeper.yml", &targets(gatekeepers)),
        ("targets/vault.yml", &targets(&[*vault])),
    ] {
        std::fs::write(folder.join(name), text)?;
    }
    let flag = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}");
    Ok(Spec {
        program: program.clone(),
        arguments: vec![
            flag("config.file", &folder.join("prometheus.yml").display()),
            flag("storage.tsdb.path", &folder.join("data").display()),
            flag("storage.tsdb.retention.time", &RETENTION),
            flag("web.listen-address", &format!("127.0.0.1:{port}")),
            flag("log.level", &"warn"),
        ],
        environment: Vec::new(),
        is_unprivileged: true,
        death_signal: Signal::SIGTERM,
        log: logs.join("prometheus.log"),
    })
}
