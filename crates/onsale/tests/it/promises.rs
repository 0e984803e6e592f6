//! `docs/PROMISES.md` names, for each promise, the test or command that proves it. Each must exist.

use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every line of the files whose names end so.
fn sources(folder: &Path, ending: &str, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, ending, text);
        } else if path.to_string_lossy().ends_with(ending) {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Whether a function of this name is a test that is run.
fn is_a_test(rust: &str, name: &str) -> bool {
    let lines: Vec<_> = rust.lines().map(str::trim).collect();
    let declares = |line: &str| {
        line.strip_prefix("async ")
            .unwrap_or(line)
            .strip_prefix("fn ")
            .is_some_and(|rest| rest.starts_with(&format!("{name}(")))
    };
    lines.iter().enumerate().filter(|(_, line)| declares(line)).any(|(at, _)| {
        let attributes: Vec<_> = lines[..at].iter().rev().take_while(|line| line.starts_with("#[")).collect();
        let is_test = |line: &&&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        attributes.iter().any(is_test) && !attributes.iter().any(|line| line.starts_with("#[ignore"))
    })
}

/// Whether one of the page's tests is called so, and is run.
fn is_a_page_test(typescript: &str, name: &str) -> bool {
    typescript.lines().any(|line| line.trim_start().starts_with(&format!("test('{name}'")))
}

#[test]
fn every_promise_names_a_proof_that_exists() {
    let promises = std::fs::read_to_string(repository().join("docs/PROMISES.md")).unwrap();
    let makefile = std::fs::read_to_string(repository().join("Makefile")).unwrap();
    let mut rust = String::new();
    sources(&repository().join("crates"), ".rs", &mut rust);
    let mut typescript = String::new();
    sources(&repository().join("web/e2e"), ".test.ts", &mut typescript);
    sources(&repository().join("web/src"), ".test.ts", &mut typescript);
    let is_head = |line: &str| line.starts_with("| promise |") || line.starts_with("| fault |");
    let rows: Vec<_> = promises.lines().filter(|line| line.starts_with("| ") && !is_head(line)).collect();
    assert!(rows.len() > 20, "the table is there");
    for row in rows {
        let proofs: Vec<_> = row.split('|').nth(2).unwrap_or_default().split('`').skip(1).step_by(2).collect();
        assert!(!proofs.is_empty(), "no proof: {row}");
        for proof in proofs {
            let exists = match proof.strip_prefix("make ") {
                Some(target) => makefile.lines().any(|line| line.starts_with(&format!("{target}:"))),
                None if proof.contains(' ') => is_a_page_test(&typescript, proof),
                None => is_a_test(&rust, proof),
            };
            assert!(exists, "{proof} does not exist: {row}");
        }
    }
}
