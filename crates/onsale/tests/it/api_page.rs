//! The commands of docs/API.md, run as they stand there.

use std::process::Command;

use crate::support::shared;

/// What is between the fences of shell commands.
fn commands(page: &str) -> String {
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    blocks.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_api_page_work() {
    let system = shared().await;
    let script = commands(include_str!("../../../../docs/API.md"));
    assert!(script.matches("curl ").count() >= 10, "the page has commands");
    let (url, admin) = (system.ready.url.clone(), system.ready.admin_token.clone());
    let run = tokio::task::spawn_blocking(move || {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &script]).env("ONSALE_URL", url).env("ADMIN", admin);
        bash.output().unwrap()
    });
    let output = run.await.unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
}
