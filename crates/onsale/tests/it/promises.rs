//! `docs/PROMISES.md` names, for each promise, the test or command that proves it. Each must exist.

use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every line of Rust in the crates.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_promise_names_a_proof_that_exists() {
    let promises = std::fs::read_to_string(repository().join("docs/PROMISES.md")).unwrap();
    let makefile = std::fs::read_to_string(repository().join("Makefile")).unwrap();
    let mut rust = String::new();
    sources(&repository().join("crates"), &mut rust);
    let rows: Vec<_> =
        promises.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise")).collect();
    assert!(rows.len() > 20, "the table is there");
    for row in rows {
        let proofs: Vec<_> = row.split('|').nth(2).unwrap_or_default().split('`').skip(1).step_by(2).collect();
        assert!(!proofs.is_empty(), "no proof: {row}");
        for proof in proofs {
            let exists = match proof.strip_prefix("make ") {
                Some(target) => makefile.lines().any(|line| line.starts_with(&format!("{target}:"))),
                None => rust.contains(&format!("fn {proof}(")),
            };
            assert!(exists, "{proof} does not exist: {row}");
        }
    }
}
