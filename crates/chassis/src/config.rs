//! Settings: from flags, from the environment, and secrets from files, as containers are given them. A secret is never
//! shown, not even one that cannot be used.

use std::ffi::OsString;
use std::{env, fmt, fs};

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Longer files hold no secret.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A setting that may be read from a file: its flag, and the variable that with `_FILE` behind it names the file.
#[derive(Debug, Clone, Copy)]
pub struct SecretSetting {
    /// Without the hyphens.
    pub flag: &'static str,
    /// Without `_FILE`.
    pub variable: &'static str,
}

/// Text that is not to be shown, such as an address with a password in it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// The settings of this process. Ends it with a message where they make no sense.
#[must_use]
pub fn parse<C: clap::Parser>(secrets: &[SecretSetting]) -> C {
    let from_files = match read_files(secrets) {
        Ok(arguments) => arguments,
        Err(why) => clap::Error::raw(ErrorKind::Io, format!("{why}\n")).exit(),
    };
    C::try_parse_from(env::args_os().chain(from_files)).unwrap_or_else(|error| without_secrets(error, secrets).exit())
}

/// Secrets in files as further arguments. They are seen by this process alone.
#[expect(clippy::disallowed_methods, reason = "this is where settings are read")]
fn read_files(secrets: &[SecretSetting]) -> Result<Vec<OsString>, String> {
    let mut arguments = Vec::new();
    for SecretSetting { flag, variable } in secrets {
        let name = format!("{variable}_FILE");
        let Some(path) = env::var_os(&name) else { continue };
        let path = std::path::PathBuf::from(path);
        if env::var_os(variable).is_some() {
            return Err(format!("{variable} and {name} are both set; leave one of them out"));
        }
        let failed = |why: &dyn fmt::Display| format!("{name}: {} cannot be read: {why}", path.display());
        if fs::metadata(&path).map_err(|error| failed(&error))?.len() > SECRET_BYTES_MAX {
            return Err(failed(&"it is too large"));
        }
        let text = fs::read_to_string(&path).map_err(|error| failed(&error))?;
        arguments.push(format!("--{flag}={}", text.trim_end_matches(['\n', '\r'])).into());
    }
    Ok(arguments)
}

/// The same error without the value: clap shows what it cannot use.
#[must_use]
pub fn without_secrets(mut error: clap::Error, secrets: &[SecretSetting]) -> clap::Error {
    let is_secret = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(shown)) => {
            secrets.iter().any(|secret| shown.split([' ', '=']).next() == Some(&format!("--{}", secret.flag)))
        }
        _ => false,
    };
    if is_secret && error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, ContextValue::String("(not shown)".into()));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret: Secret = "redis://:password@host/".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
        assert_eq!(secret.expose(), "redis://:password@host/");
    }
}
