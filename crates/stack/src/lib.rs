//! Starts the whole of Onsale on this machine: a real Redis, Postgres and nginx, the vault and the gatekeepers, each a
//! child process on a free port. Used by `onsale up` and by every test; nothing of the system's own is touched.
//!
//! Plain threads, no async runtime: it outlives the runtimes of the tests that use it.

pub mod children;
pub mod client;
pub mod demo;
mod launch;
pub mod nginx;
pub mod options;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod prometheus;
pub mod ready;
pub mod redis;
pub mod secrets;
pub mod services;
pub mod stack;
pub mod tools;

pub use children::{Report, Role};
pub use client::Client;
pub use options::{Options, PostgresShape, RedisShape};
pub use ready::ReadyFile;
pub use stack::Stack;
