//! A private Redis that keeps nothing on disk: whatever it has can be made again from Postgres, and has to be, for
//! nobody believes the inventory of a Redis that was restarted. One server, a primary and its replica with three Sentinels, or a
//! Cluster of three shards with a replica each.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::options::{Certificates, RedisShape};
use crate::ports;
use crate::process::{self, Spec};
use crate::secrets::{Secrets, write_private};
use crate::tools::{self, Tools};

/// Servers of a Cluster: three shards, each with a replica.
const CLUSTER_SERVERS: usize = 6;
/// Servers that Sentinels watch: a primary and its replica.
const WATCHED_SERVERS: usize = 2;
/// Sentinels; two agree that the primary is gone.
const SENTINELS: usize = 3;
/// The primary's name among the Sentinels.
const PRIMARY_NAME: &str = "onsale";
/// After so much silence a server is thought to be gone.
const SILENCE_MS: u32 = 1_000;

/// Where all of it listens.
pub struct Ports {
    /// The server, or the servers; in a Cluster, the second three follow the first.
    pub servers: Vec<u16>,
    /// Where servers of a Cluster speak to each other.
    pub bus: Vec<u16>,
    /// If there are any.
    pub sentinels: Vec<u16>,
}

impl Ports {
    /// As many as the shape needs.
    pub fn choose(shape: RedisShape) -> std::io::Result<Self> {
        let (servers, bus, sentinels) = match shape {
            RedisShape::Server => (1, 0, 0),
            RedisShape::Sentinel => (WATCHED_SERVERS, 0, SENTINELS),
            RedisShape::Cluster => (CLUSTER_SERVERS, CLUSTER_SERVERS, 0),
        };
        let some = |count: usize| (0..count).map(|_| ports::free()).collect::<Result<Vec<_>, _>>();
        Ok(Self { servers: some(servers)?, bus: some(bus)?, sentinels: some(sentinels)? })
    }
}

/// What is the same for all of its processes.
pub struct Redis<'a> {
    /// Programs.
    pub tools: &'a Tools,
    /// The folder of their folders.
    pub data: &'a Path,
    /// Logs.
    pub logs: &'a Path,
    /// Where they listen.
    pub ports: &'a Ports,
    /// The password.
    pub secrets: &'a Secrets,
    /// The certificate, if it is to be spoken to by TLS.
    pub tls: Option<&'a Certificates>,
}

impl Redis<'_> {
    /// Writes a server's configuration and says how it is started. The password is in the file, not on the command line.
    pub fn server(&self, index: usize) -> anyhow::Result<Spec> {
        let port = self.ports.servers[index];
        let address = self.listens_at(port);
        let password = &self.secrets.redis_password;
        let topology = match (self.ports.bus.get(index), index) {
            // A shard that fails over keeps nobody from the others; and a replica takes over however far behind it is: what it
            // has does not count anyhow.
            (Some(bus), _) => format!(
                "cluster-enabled yes\ncluster-port {bus}\ncluster-config-file nodes.conf\n\
                 cluster-node-timeout {SILENCE_MS}\ncluster-require-full-coverage no\ncluster-replica-validity-factor 0\n\
                 cluster-allow-replica-migration no\n"
            ),
            (None, 0) => String::new(),
            (None, _) => format!("replicaof 127.0.0.1 {}\n", self.ports.servers[0]),
        };
        let text = format!(
            "bind 127.0.0.1\n{address}\nrequirepass {password}\nmasterauth {password}\n\
             appendonly no\nsave \"\"\nmaxmemory-policy noeviction\nrepl-diskless-sync-delay 0\n\
             maxclients 1000\ntcp-backlog 1024\nclient-output-buffer-limit pubsub 32mb 8mb 60\n{topology}",
        );
        let name = if index == 0 { "redis".into() } else { format!("redis-{}", index + 1) };
        self.process(&name, &text, &[])
    }

    /// The same for a Sentinel.
    pub fn sentinel(&self, index: usize) -> anyhow::Result<Spec> {
        let (port, password) = (self.ports.sentinels[index], &self.secrets.redis_password);
        let address = self.listens_at(port);
        let text = format!(
            "bind 127.0.0.1\n{address}\nsentinel monitor {PRIMARY_NAME} 127.0.0.1 {primary} 2\n\
             sentinel auth-pass {PRIMARY_NAME} {password}\nsentinel down-after-milliseconds {PRIMARY_NAME} {SILENCE_MS}\n\
             sentinel failover-timeout {PRIMARY_NAME} 5000\n",
            primary = self.ports.servers[0],
        );
        self.process(&format!("sentinel-{}", index + 1), &text, &["--sentinel"])
    }

    /// What a server's configuration says of its port. By TLS it speaks to the other servers as well.
    fn listens_at(&self, port: u16) -> String {
        let Some(Certificates { certificate, key, authority }) = self.tls else { return format!("port {port}") };
        let in_cluster = if self.shape() == RedisShape::Cluster { "\ntls-cluster yes" } else { "" };
        format!(
            "port 0\ntls-port {port}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients no\n\
             tls-replication yes{in_cluster}",
            certificate.display(),
            key.display(),
            authority.display(),
        )
    }

    /// Makes a Cluster of the servers, which are running.
    pub fn form_cluster(&self) -> anyhow::Result<()> {
        let mut arguments = vec!["--cluster".to_owned(), "create".into()];
        arguments.extend(self.ports.servers.iter().map(|port| format!("127.0.0.1:{port}")));
        arguments.extend(["--cluster-replicas", "1", "--cluster-yes"].map(str::to_owned));
        self.command(arguments, "redis-cluster.log")?.run(self.tools)
    }

    /// Whether a server of the Cluster knows of all slots, and of a replica for each shard, and is in step with its own.
    #[must_use]
    pub fn has_formed(&self, index: usize) -> bool {
        let port = self.ports.servers[index];
        let replicas = |text: &str| text.lines().filter(|line| line.contains("slave")).count();
        self.says(port, &["cluster", "info"]).contains("cluster_state:ok")
            && replicas(&self.says(port, &["cluster", "nodes"])) == CLUSTER_SERVERS / 2
            && is_in_step(&self.says(port, &["info", "replication"]))
    }

    /// Whether the replica of the primary that Sentinels watch follows it.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.says(self.ports.servers[0], &["info", "replication"]).contains("state=online")
    }

    /// Whether a Sentinel knows of the replica and of the other Sentinels.
    #[must_use]
    pub fn is_watched_by(&self, port: u16) -> bool {
        let replicas = self.says(port, &["sentinel", "replicas", PRIMARY_NAME]);
        replicas.contains("role-reported")
            && self.says(port, &["sentinel", "ckquorum", PRIMARY_NAME]).contains(&format!("OK {SENTINELS} usable"))
    }

    /// What a server says; nothing, if it does not answer.
    fn says(&self, port: u16, question: &[&str]) -> String {
        let port = port.to_string();
        let arguments = ["-p", &port].into_iter().chain(question.iter().copied()).map(str::to_owned);
        let Ok(spec) = self.command(arguments.collect(), &format!("redis-cli-{port}.log")) else {
            return String::new();
        };
        // Its last words are kept, not all of them.
        let _ = std::fs::remove_file(&spec.log);
        let said = spec.run(self.tools).and_then(|()| Ok(std::fs::read_to_string(&spec.log)?));
        said.unwrap_or_default()
    }

    /// Its address, for gatekeepers.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = self.scheme();
        let password = &self.secrets.redis_password;
        let hosts = |ports: &[u16]| ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",");
        match self.shape() {
            RedisShape::Server => format!("{scheme}://:{password}@{}/", hosts(&self.ports.servers)),
            RedisShape::Sentinel => {
                format!("{scheme}+sentinel://:{password}@{}/{PRIMARY_NAME}", hosts(&self.ports.sentinels))
            }
            RedisShape::Cluster => format!("{scheme}+cluster://:{password}@{}/", hosts(&self.ports.servers)),
        }
    }

    /// Its address by server, for whoever would look at each.
    #[must_use]
    pub fn servers(&self) -> Vec<String> {
        let (scheme, password) = (self.scheme(), &self.secrets.redis_password);
        self.ports.servers.iter().map(|port| format!("{scheme}://:{password}@127.0.0.1:{port}/")).collect()
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "rediss" } else { "redis" }
    }

    fn shape(&self) -> RedisShape {
        match (self.ports.bus.is_empty(), self.ports.sentinels.is_empty()) {
            (false, _) => RedisShape::Cluster,
            (true, false) => RedisShape::Sentinel,
            (true, true) => RedisShape::Server,
        }
    }

    fn process(&self, name: &str, text: &str, flags: &[&str]) -> anyhow::Result<Spec> {
        let folder = self.data.join(name);
        process::make_server_folder(&folder)?;
        let config = folder.join("redis.conf");
        write_private(&config, format!("{text}dir {}\n", folder.display()).as_bytes())?;
        process::give_to_servers(&config)?;
        let flags = flags.iter().map(|flag| (*flag).to_owned());
        Ok(Spec {
            program: self.tools.redis_server.clone(),
            arguments: [config.display().to_string()].into_iter().chain(flags).collect(),
            environment: Vec::new(),
            is_unprivileged: true,
            death_signal: Signal::SIGTERM,
            log: self.logs.join(format!("{name}.log")),
        })
    }

    fn command(&self, arguments: Vec<String>, log: &str) -> anyhow::Result<Spec> {
        let by_tls = self.tls.map(|tls| ["--tls".to_owned(), "--cacert".into(), tls.authority.display().to_string()]);
        Ok(Spec {
            program: tools::redis_cli()?,
            arguments: by_tls.into_iter().flatten().chain(arguments).collect(),
            environment: vec![("REDISCLI_AUTH".into(), self.secrets.redis_password.clone())],
            is_unprivileged: false,
            death_signal: Signal::SIGTERM,
            log: self.logs.join(log),
        })
    }
}

/// Whether a server has its replica with it, or is one that is with its primary.
fn is_in_step(replication: &str) -> bool {
    replication.contains("state=online") || replication.contains("master_link_status:up")
}
