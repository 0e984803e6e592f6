//! One child process: how it is started so that it can never outlive us, and how it is ended.

use std::fs::File;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, Uid, User};

use crate::tools::Tools;

/// Who runs the servers when we are root: Postgres refuses to.
const UNPRIVILEGED_USER: &str = "postgres";

/// A command line with everything around it.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, besides ours.
    pub environment: Vec<(String, String)>,
    /// Whether root's rights are dropped.
    pub is_unprivileged: bool,
    /// What it is sent when we die.
    pub death_signal: Signal,
    /// Where its output goes.
    pub log: PathBuf,
}

impl Spec {
    /// The command, wrapped so that the kernel ends the child when we die, however that happens.
    fn command(&self, tools: &Tools) -> anyhow::Result<Command> {
        let mut command = Command::new(&tools.setpriv);
        let signal = self.death_signal.as_str().trim_start_matches("SIG");
        command.arg("--pdeathsig").arg(signal);
        if self.is_unprivileged && is_root() {
            let user = unprivileged_user()?;
            command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid)).arg("--clear-groups");
        }
        command.arg("--").arg(&self.program).args(&self.arguments).envs(self.environment.iter().cloned());
        let log = File::options().create(true).append(true).open(&self.log)?;
        // A group of its own: Ctrl-C in a terminal reaches us alone, and we stop the children in order.
        command.process_group(0).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// Starts it.
    pub fn start(&self, tools: &Tools) -> anyhow::Result<Child> {
        spawn(self.command(tools)?).with_context(|| format!("{} could not be started", self.program.display()))
    }

    /// Runs it to its end; an error carries its last output.
    pub fn run(&self, tools: &Tools) -> anyhow::Result<()> {
        let status = self.start(tools)?.wait()?;
        anyhow::ensure!(status.success(), "{} failed ({status}):\n{}", self.program.display(), tail(&self.log));
        Ok(())
    }
}

/// The death signal is tied to the thread that spawned the child, so all children are spawned by one that never ends.
fn spawn(command: Command) -> anyhow::Result<Child> {
    type Order = (Command, mpsc::Sender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, reply) in inbox {
                // Whoever ordered waits for the reply; if it is gone there is nobody to tell.
                let _ = reply.send(command.spawn());
            }
        });
        orders
    });
    let (reply, child) = mpsc::channel();
    spawner.send((command, reply)).context("the spawner has ended")?;
    Ok(child.recv().context("the spawner has ended")??)
}

/// Sends a signal; a process that is gone already is fine.
pub fn send(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Sends a signal to all of a child's process group, also to what is left of it.
pub fn send_group(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}

/// How a process ended, in words.
#[must_use]
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        _ => "ended".into(),
    }
}

/// The last lines of a log.
#[must_use]
pub fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Whether we are root.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Makes a folder that the servers may write to.
pub fn make_server_folder(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path)?;
    if is_root() {
        let user = unprivileged_user()?;
        std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
    }
    Ok(())
}

/// Whoever the servers run as must be able to reach their folders; says which folder on the way keeps them out.
pub fn check_servers_can_enter(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    if !is_root() {
        return Ok(());
    }
    let user = unprivileged_user()?;
    for folder in path.ancestors() {
        let metadata = std::fs::metadata(folder)?;
        let may_enter = match (metadata.uid() == user.uid.as_raw(), metadata.gid() == user.gid.as_raw()) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        anyhow::ensure!(
            metadata.mode() & may_enter != 0,
            "{} cannot be entered by the user {UNPRIVILEGED_USER:?}, whom Redis, Postgres and nginx run as when started by \
             root; choose a folder elsewhere, or open this one with chmod o+x",
            folder.display()
        );
    }
    Ok(())
}

/// Gives a file to whoever the servers run as.
pub fn give_to_servers(path: &Path) -> anyhow::Result<()> {
    if is_root() {
        let user = unprivileged_user()?;
        std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
    }
    Ok(())
}

fn unprivileged_user() -> anyhow::Result<User> {
    User::from_name(UNPRIVILEGED_USER)?.with_context(|| {
        format!("Postgres must not run as root, and there is no user {UNPRIVILEGED_USER:?} to run it as")
    })
}
