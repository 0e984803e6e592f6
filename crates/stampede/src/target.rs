//! The system under attack, and where its truth can be read.

use stack::ReadyFile;

/// Addresses and credentials of a running system; not to be shown.
#[derive(Clone)]
pub struct Target {
    /// Its front door: `http://host:port`.
    pub url: String,
    /// Makes the event.
    pub admin_token: String,
    /// The vault's database, and the gate's Redis, read past the services. Without them little can be proven.
    pub stores: Option<Stores>,
}

/// Where the truth is.
#[derive(Clone)]
pub struct Stores {
    /// `postgres://…`; of several servers, whichever takes writes.
    pub postgres: String,
    /// `redis://…`, each of its servers: whichever leads and has the event is read.
    pub redis: Vec<String>,
}

impl From<&ReadyFile> for Target {
    fn from(ready: &ReadyFile) -> Self {
        Self {
            url: ready.url.clone(),
            admin_token: ready.admin_token.clone(),
            stores: Some(Stores { postgres: ready.postgres.clone(), redis: ready.each_redis() }),
        }
    }
}

/// The servers of an address as gatekeepers take it, one by one. Of a Cluster those that are named, so name all.
pub fn each_redis(address: &str) -> anyhow::Result<Vec<String>> {
    anyhow::ensure!(
        !address.contains("+sentinel://"),
        "name the servers themselves: redis+cluster://:password@host:port,host:port/"
    );
    let Some((scheme, rest)) = address.split_once("+cluster://") else { return Ok(vec![address.to_owned()]) };
    let (user, hosts) =
        rest.rsplit_once('@').map_or((String::new(), rest), |(user, hosts)| (format!("{user}@"), hosts));
    Ok(hosts.trim_end_matches('/').split(',').map(|host| format!("{scheme}://{user}{host}/")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_of_a_cluster_are_read_one_by_one() {
        assert_eq!(each_redis("redis://:a,b@h:1/").unwrap(), ["redis://:a,b@h:1/"]);
        assert_eq!(each_redis("rediss+cluster://:a,b@h:1,i:2/").unwrap(), ["rediss://:a,b@h:1/", "rediss://:a,b@i:2/"]);
        assert!(each_redis("redis+sentinel://h:1/sale").is_err());
    }
}
