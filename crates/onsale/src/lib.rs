//! The command line: `onsale up`, `onsale token`, `onsale bench`.

pub mod bench;
pub mod token;
pub mod up;
