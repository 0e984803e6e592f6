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
    let given: Vec<OsString> = env::args_os().collect();
    let from_files = match read_files(secrets) {
        Ok(arguments) => arguments,
        // Whoever only asks what there is to say needs none.
        Err(_) if given.iter().any(|argument| argument == "--help" || argument == "-h") => Vec::new(),
        Err(why) => clap::Error::raw(ErrorKind::Io, format!("{why}\n")).exit(),
    };
    C::try_parse_from(with(given, from_files)).unwrap_or_else(|error| without_secrets(error, secrets).exit())
}

/// The arguments that were given and those from files, which are settings: so they come before `--`, after which nothing is.
fn with(mut given: Vec<OsString>, from_files: Vec<OsString>) -> Vec<OsString> {
    let end = given.iter().position(|argument| argument == "--").unwrap_or(given.len());
    given.splice(end..end, from_files);
    given
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
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else { return error };
    let flag = shown.split([' ', '=']).next().unwrap_or_default().to_owned();
    if secrets.iter().any(|secret| flag.strip_prefix("--") == Some(secret.flag)) {
        if error.get(ContextKind::InvalidValue).is_some() {
            error.insert(ContextKind::InvalidValue, ContextValue::String("(not shown)".into()));
        } else {
            // One that is not wanted there, as a whole.
            error.insert(ContextKind::InvalidArg, ContextValue::String(flag));
        }
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

    #[derive(Debug, clap::Parser)]
    struct Settings {
        #[arg(long)]
        token_key: Option<Secret>,
    }

    #[test]
    fn what_is_in_files_is_a_setting_wherever_the_arguments_end_and_is_shown_by_no_error() {
        use clap::Parser as _;

        let secrets = [SecretSetting { flag: "token-key", variable: "ONSALE_TOKEN_KEY" }];
        let from_file = || vec![OsString::from("--token-key=hush")];
        let arguments = |given: &[&str]| with(given.iter().map(OsString::from).collect(), from_file());
        for given in [&["x"][..], &["x", "--"]] {
            let settings = Settings::try_parse_from(arguments(given)).unwrap();
            assert_eq!(settings.token_key.unwrap().expose(), "hush");
        }
        for wrong in [&["x", "--token-key=hush"][..], &["x", "--", "y"], &["x", "y"], &["x", "--", "--token-key=hush"]]
        {
            let error = without_secrets(Settings::try_parse_from(arguments(wrong)).unwrap_err(), &secrets);
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
