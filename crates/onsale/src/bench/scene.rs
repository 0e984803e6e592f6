//! What the measurements run on: stacks with the sold-out latch, without it, and with limits besides, and bare servers
//! behind an nginx of their own, configured the same.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chassis::token::{Identity, Role as TokenRole, TokenKeys};
use contract::{CustomerId, EventId, TierId};
use jiff::{SignedDuration, Timestamp};
use nix::sys::signal::Signal;
use stack::process::{Spec, make_server_folder};
use stack::tools::Tools;
use stack::{Client, Options, Role, Stack, demo, nginx, ports};
use tempfile::TempDir;

use super::{crowd, limits};
use crate::target::warn;

/// Gatekeepers of each stack, and bare servers.
const REPLICAS: usize = 3;
/// Customers who are refused: the limit per customer is part of what is measured.
const CUSTOMERS: usize = 20_000;
/// Customers of one measurement of bookings, about as many as it has bookings: most people buy once.
const BUYERS: usize = 20_000;

/// One stack and how to reach it.
pub struct Sale {
    /// nginx.
    pub url: String,
    /// An administrator.
    pub admin: Client,
    /// The hot event and its tier.
    pub hot: (EventId, TierId),
    /// The stack itself.
    pub stack: Stack,
}

/// Everything, until dropped.
pub struct Scene {
    /// With the latch.
    pub latched: Sale,
    /// Without.
    pub unlatched: Sale,
    /// With the latch and with limits.
    pub limited: Sale,
    /// The sold-out event of the stack without.
    pub sold_out_event: (EventId, TierId),
    /// Customers' tokens.
    pub tokens: Vec<String>,
    /// nginx by itself.
    pub plain_url: String,
    /// wrk scripts: to nginx by itself.
    pub plain: PathBuf,
    /// nginx in front of the bare servers.
    pub bare_url: String,
    /// To the bare servers' constant.
    pub bare_constant: PathBuf,
    /// To the bare servers' EVALSHA.
    pub bare_evalsha: PathBuf,
    /// To a sold-out tier, with the latch.
    pub sold_out_latched: PathBuf,
    /// To a sold-out tier, with the latch and with limits.
    pub sold_out_limited: PathBuf,
    /// To a sold-out tier, without.
    pub sold_out_unlatched: PathBuf,
    _bare: Bare,
    folder: TempDir,
}

/// The bare servers and their nginx, ended when dropped.
struct Bare(Vec<Arc<stack::children::Managed>>);

impl Drop for Bare {
    fn drop(&mut self) {
        for child in self.0.iter().rev() {
            child.stop(std::time::Duration::from_secs(2));
        }
    }
}

impl Scene {
    /// Starts everything and makes the events.
    pub async fn set() -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let latched = Sale::start(250, false).await?;
        let unlatched = Sale::start(0, false).await?;
        let limited = Sale::start(250, true).await?;
        let (bare, bare_url, plain_url) = start_bare(&latched.stack)?;
        wait_ready(&bare_url).await?;
        wait_ready(&plain_url).await?;

        let path = |name: &str| folder.path().join(name);
        let write = |name: &str, api: &str, target: (EventId, TierId), tokens: &[String]| -> anyhow::Result<PathBuf> {
            std::fs::write(path(name), wrk_script(api, target, tokens)?)?;
            Ok(path(name))
        };
        let tokens = latched.tokens(CUSTOMERS)?;
        let sold_out = latched.sold_out().await?;
        let sold_out_event = unlatched.sold_out().await?;
        let limited_event = limited.sold_out().await?;
        Ok(Self {
            bare_constant: write("bare.lua", "bookings", sold_out, &tokens)?,
            bare_evalsha: write("evalsha.lua", "evalsha", sold_out, &tokens)?,
            sold_out_latched: write("latched.lua", "bookings", sold_out, &tokens)?,
            sold_out_unlatched: write("unlatched.lua", "bookings", sold_out_event, &unlatched.tokens(CUSTOMERS)?)?,
            sold_out_limited: write("limited.lua", "bookings", limited_event, &limited.tokens(CUSTOMERS)?)?,
            plain: write("plain.lua", "bookings", sold_out, &tokens[..1])?,
            sold_out_event,
            tokens,
            plain_url,
            latched,
            unlatched,
            limited,
            bare_url,
            _bare: bare,
            folder,
        })
    }

    /// A script of bookings by customers who have not bought before.
    pub fn bookings(&self) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join("bookings.lua");
        std::fs::write(&path, wrk_script("bookings", self.latched.hot, &self.latched.tokens(BUYERS)?)?)?;
        Ok(path)
    }

    /// Everything that was sold while measuring adds up.
    pub async fn check(&self) -> anyhow::Result<()> {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            let audit = self.latched.admin.audit(self.latched.hot.0).await?;
            // Commits that went to the vault past Redis are drift by design; oversold would be a fault.
            if audit.tiers.iter().all(|tier| tier.oversold == 0 && tier.committing == 0) {
                return Ok(());
            }
            anyhow::ensure!(std::time::Instant::now() < deadline, "the audit stays unclean: {audit:?}");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
}

impl Sale {
    /// With limits, a customer's are the usual ones; an address', which all the load comes from, is never reached.
    async fn start(latch_ms: u32, limits: bool) -> anyhow::Result<Self> {
        let options = Options {
            replicas: REPLICAS,
            limits,
            address_rate: 1_000_000,
            gatekeeper_env: vec![
                ("ONSALE_LATCH_MS".into(), latch_ms.to_string()),
                ("ONSALE_LOG".into(), "warn".into()),
                ("ONSALE_ADDRESS_BOOKINGS".into(), "1000000/1".into()),
            ],
            vault_env: vec![("ONSALE_LOG".into(), "warn".into())],
            ..Options::default()
        };
        let stack = tokio::task::spawn_blocking(move || Stack::start(&options, Arc::new(warn))).await??;
        let ready = stack.ready();
        let admin = Client::new(&ready.url)?.with_token(&ready.admin_token);
        let hot = tier_event(&admin, contract::values::CAPACITY_MAX).await?;
        Ok(Self { url: ready.url, admin, hot, stack })
    }

    async fn sold_out(&self) -> anyhow::Result<(EventId, TierId)> {
        let (event, tier) = tier_event(&self.admin, 1).await?;
        let bought = self.admin.guest().await?.buy(event, tier, 1).await?;
        anyhow::ensure!(bought.status == 201, "{}", bought.body);
        Ok((event, tier))
    }

    /// A hall of 50,000 seats nobody has.
    pub async fn arena(&self) -> anyhow::Result<EventId> {
        let mut new = demo::event("Bench arena", "Here")?;
        (new.per_customer_max, new.hold_ttl_seconds) = (1_000_000, 3_600);
        new.sections = vec![demo::section("A", crowd::ROWS, crowd::SEATS_PER_ROW, 1)];
        Ok(self.admin.create_event(&new).await?.event_id)
    }

    fn tokens(&self, count: usize) -> anyhow::Result<Vec<String>> {
        let secrets = std::fs::read(self.stack.data().join("secrets.json"))?;
        let secrets: stack::secrets::Secrets = serde_json::from_slice(&secrets)?;
        let key: TokenKeys = secrets.token_key.parse().map_err(anyhow::Error::msg)?;
        // As sessions make them.
        let token = || {
            let guest = Identity { customer_id: CustomerId::fresh(), role: TokenRole::Customer };
            Ok(key.sign(guest, Timestamp::now(), SignedDuration::from_hours(24))?.0)
        };
        (0..count).map(|_| token()).collect()
    }
}

async fn tier_event(admin: &Client, capacity: i64) -> anyhow::Result<(EventId, TierId)> {
    let mut new = demo::event("Bench", "Here")?;
    new.per_customer_max = 1_000_000;
    new.tiers = vec![demo::tier("Floor", capacity)];
    let event = admin.create_event(&new).await?;
    Ok((event.event_id, event.tiers[0].tier_id))
}

fn start_bare(beside: &Stack) -> anyhow::Result<(Bare, String, String)> {
    let tools = Tools::find()?;
    let logs = beside.data().join("logs");
    let ports: Vec<u16> = (0..REPLICAS).map(|_| ports::free()).collect::<Result<_, _>>()?;
    let workers = (std::thread::available_parallelism().map_or(1, usize::from) / REPLICAS).max(1);
    let start = |role, spec| stack::children::Managed::start(role, spec, tools.clone(), false, Arc::new(warn));
    let mut children = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let arguments = ["baseline", "--port", &port.to_string(), "--workers", &workers.to_string()];
        let spec = Spec {
            program: std::env::current_exe()?,
            arguments: arguments.map(str::to_owned).into(),
            environment: vec![("ONSALE_REDIS_URL".into(), beside.ready().redis)],
            is_unprivileged: false,
            death_signal: Signal::SIGTERM,
            log: logs.join(format!("bare-{index}.log")),
        };
        children.push(start(Role::Gatekeeper(index), spec));
    }
    let folder = beside.data().join("bare-nginx");
    make_server_folder(&folder)?;
    let port = ports::free()?;
    let settings = nginx::Settings {
        folder: &folder,
        port,
        upstreams: &ports,
        limits: false,
        rate: 100,
        traced: "1%",
        idle_seconds: 60,
        trusted_proxies: &[],
        page: None,
    };
    children.push(start(Role::Nginx, nginx::spec(&tools, &settings, Path::new(&logs))?));
    let plain_port = ports::free()?;
    let plain = limits::plain_nginx(&tools, &beside.data().join("plain-nginx"), plain_port, &logs)?;
    children.push(start(Role::Nginx, plain));
    let url = |port| format!("http://127.0.0.1:{port}");
    Ok((Bare(children), url(port), url(plain_port)))
}

async fn wait_ready(url: &str) -> anyhow::Result<()> {
    for _ in 0..200 {
        if reqwest::get(format!("{url}/ready")).await.is_ok_and(|ready| ready.status().is_success()) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    anyhow::bail!("the bare servers did not start")
}

/// Requests made beforehand, one for each token, so that wrk does nothing but send them.
fn wrk_script(api: &str, (event, tier): (EventId, TierId), tokens: &[String]) -> anyhow::Result<String> {
    let mut script = String::from("local tokens = {\n");
    for token in tokens {
        writeln!(script, "\"{token}\",")?;
    }
    let body = serde_json::json!({ "event_id": event, "tier_id": tier, "quantity": 1 });
    writeln!(
        script,
        "}}\nlocal requests, at = {{}}, 0\nfunction init()\n  for place, token in ipairs(tokens) do\n    \
         requests[place] = wrk.format('POST', '/api/v1/{api}', {{ ['Content-Type'] = 'application/json', \
         ['Authorization'] = 'Bearer ' .. token }}, '{body}')\n  end\nend\n\
         function request()\n  at = at % #requests + 1\n  return requests[at]\nend\n\
         function done(summary)\n  local errors = summary.errors\n  \
         io.write(string.format('RESULT %d %d %d %d\\n', summary.requests, summary.duration, errors.status, \
         errors.connect + errors.read + errors.write + errors.timeout))\nend"
    )?;
    Ok(script)
}
