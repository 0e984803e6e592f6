//! The whole system, as a user runs it: real Redis, Postgres and nginx, three gatekeepers, everything through the front
//! door. Needs the services beside this program, built with `--features gatekeeper/faults,vault/faults`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![expect(clippy::disallowed_methods, reason = "tests look into Redis past the services")]
#![expect(clippy::too_many_lines, reason = "a table of cases is long and still one idea")]

mod api_keys;
mod api_page;
mod audit_log;
mod bad_input;
mod crashes;
mod distrust;
mod expiry;
mod failover;
mod faults_of_others;
mod fencing;
mod front_door;
mod hold_log;
mod hostile;
mod idempotency;
mod lab;
mod limits;
mod live;
mod monitoring;
mod mutants;
mod oidc;
mod ownership;
mod promises;
mod rebuilding;
mod references;
mod restarting;
mod running;
mod seats;
mod selling;
mod stampede;
mod statistics;
mod support;
mod tls;
mod tokens;
mod tracing;
mod watcher;
