//! nginx with the repository's own `nginx.conf`, filled in.

use std::path::Path;

use anyhow::Context as _;
use nix::sys::signal::Signal;

use crate::process::{self, Spec};
use crate::tools::Tools;

/// The one configuration, also used by docker-compose.yml.
const TEMPLATE: &str = include_str!("../../../nginx.conf");
/// What varies.
pub struct Settings<'a> {
    /// nginx' own folder.
    pub folder: &'a Path,
    /// Its port.
    pub port: u16,
    /// The gatekeepers' ports.
    pub upstreams: &'a [u16],
    /// Limits by address.
    pub limits: bool,
    /// Requests a second per address while limits are on.
    pub rate: u32,
    /// Of the requests, how many are traced, such as `1%`.
    pub traced: &'a str,
    /// How long connections to gatekeepers are kept that nobody uses, in seconds.
    pub idle_seconds: u32,
    /// Networks of load balancers in front, believed about addresses.
    pub trusted_proxies: &'a [String],
    /// The built page, if it is to be served.
    pub page: Option<&'a Path>,
}

/// The configuration, filled in.
#[must_use]
pub fn render(settings: &Settings<'_>) -> String {
    let folder = settings.folder.display().to_string();
    let upstreams = |when_it_fails: &str| {
        let servers = settings.upstreams.iter().map(|port| format!("server 127.0.0.1:{port} {when_it_fails};"));
        servers.collect::<Vec<_>>().join("\n        ")
    };
    let proxies = settings.trusted_proxies.iter().map(|network| format!("set_real_ip_from {network};"));
    let values = [
        ("ONSALE_HTTP_LISTEN", format!("127.0.0.1:{}", settings.port)),
        ("ONSALE_UPSTREAMS", upstreams("max_fails=1 fail_timeout=1s")),
        ("ONSALE_WATCHED", upstreams("max_fails=0")),
        ("ONSALE_LIMITS", if settings.limits { "on" } else { "off" }.into()),
        ("ONSALE_RATE", settings.rate.to_string()),
        ("ONSALE_TRACED", settings.traced.to_owned()),
        ("ONSALE_IDLE", format!("{}s", settings.idle_seconds)),
        ("ONSALE_REAL_IP", proxies.collect::<Vec<_>>().join("\n    ")),
        ("ONSALE_ACCESS_LOG", format!("{folder}/access.log")),
        ("ONSALE_PAGE_DIR", format!("{folder}/page")),
        ("ONSALE_NGINX_DIR", folder),
    ];
    values.iter().fold(TEMPLATE.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}

/// Writes the configuration and says how nginx is started.
pub fn spec(tools: &Tools, settings: &Settings<'_>, logs: &Path) -> anyhow::Result<Spec> {
    process::make_server_folder(settings.folder)?;
    // A copy: nginx runs as somebody who may not be able to read where the page was built.
    let page = settings.folder.join("page");
    if page.exists() {
        std::fs::remove_dir_all(&page)?;
    }
    if let Some(built) = settings.page {
        copy_folder(built, &page).with_context(|| format!("the page in {} cannot be read", built.display()))?;
    }
    let config = settings.folder.join("nginx.conf");
    std::fs::write(&config, render(settings))?;
    let folder = settings.folder.display().to_string();
    let arguments = ["-p", &folder, "-c", &config.display().to_string(), "-e", "stderr", "-g", "daemon off;"];
    Ok(Spec {
        program: tools.nginx.clone(),
        arguments: arguments.map(str::to_owned).into(),
        environment: Vec::new(),
        is_unprivileged: true,
        death_signal: Signal::SIGTERM,
        log: logs.join("nginx.log"),
    })
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_fill_in() {
        let settings = Settings {
            folder: Path::new("/x"),
            port: 1,
            upstreams: &[2, 3],
            limits: true,
            rate: 100,
            traced: "1%",
            idle_seconds: 60,
            trusted_proxies: &["10.0.0.0/8".into()],
            page: None,
        };
        let text: String = render(&settings).lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        assert!(!text.contains("${"));
        assert!(text.contains("server 127.0.0.1:2") && text.contains("server 127.0.0.1:3"));
    }
}
