//! The command line: what `onsale` can be told to do, one module each.

pub mod audit;
pub mod bench;
pub mod demo;
pub mod lab;
pub mod output;
pub mod stampede;
pub mod target;
pub mod token;
pub mod up;
