//! The committer's decision against a model that is written as plainly as can be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod decide;
