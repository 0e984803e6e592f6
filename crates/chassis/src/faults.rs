//! Faults on purpose. A test drops a file named after a fault into the folder that `ONSALE_FAULTS_DIR` names; the
//! process that first reaches the crash point takes the file away and dies on the spot, as by `kill -9`.
//!
//! Without the feature `faults`, which no release is built with, every call here is an empty inline function.

/// Dies here, once, if a file of this name is in the faults folder.
#[cfg(feature = "faults")]
pub fn crash_point(name: &str) {
    if take(name) {
        std::process::abort();
    }
}

/// Whether a file of this name is in the faults folder.
#[cfg(feature = "faults")]
#[must_use]
pub fn is_on(name: &str) -> bool {
    folder().is_some_and(|folder| folder.join(name).exists())
}

/// Whether a file of this name was in the faults folder; it is taken away.
#[cfg(feature = "faults")]
#[must_use]
pub fn take(name: &str) -> bool {
    folder().is_some_and(|folder| std::fs::remove_file(folder.join(name)).is_ok())
}

#[cfg(feature = "faults")]
fn folder() -> Option<&'static std::path::Path> {
    static FOLDER: std::sync::OnceLock<Option<std::path::PathBuf>> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "test builds only; no setting a user could make")]
    FOLDER.get_or_init(|| std::env::var_os("ONSALE_FAULTS_DIR").map(Into::into)).as_deref()
}

/// Dies here in test builds that ask for it.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn crash_point(_: &str) {}

/// Never, outside test builds.
#[cfg(not(feature = "faults"))]
#[inline]
#[must_use]
pub fn is_on(_: &str) -> bool {
    false
}
