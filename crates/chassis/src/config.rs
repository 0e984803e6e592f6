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
        Err(_) if only_asks(&given) => Vec::new(),
        Err(why) => clap::Error::raw(ErrorKind::Io, format!("{why}\n")).exit(),
    };
    C::try_parse_from(with(given, from_files)).unwrap_or_else(|error| without_secrets(error, secrets).exit())
}

/// Whoever wants to be told how it is used, or which one this is, needs no secret.
fn only_asks(given: &[OsString]) -> bool {
    let settings = given.iter().take_while(|argument| *argument != "--");
    settings
        .filter_map(|argument| argument.to_str())
        .any(|argument| ["--help", "-h", "--version", "-V"].contains(&argument))
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
    // What is not wanted where it is may be a secret of another command's.
    let unwanted = match error.kind() {
        ErrorKind::UnknownArgument => Some(ContextKind::InvalidArg),
        ErrorKind::InvalidSubcommand => Some(ContextKind::InvalidSubcommand),
        _ => None,
    };
    if let Some(kind) = unwanted
        && let Some(ContextValue::String(shown)) = error.get(kind)
        && let Some((flag, _)) = shown.split_once('=')
    {
        let flag = flag.to_owned();
        error.insert(kind, ContextValue::String(flag));
    }
    if let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg)
        && let Some(flag) = shown.split([' ', '=']).next().and_then(|flag| flag.strip_prefix("--"))
        && secrets.iter().any(|secret| secret.flag == flag)
        && error.get(ContextKind::InvalidValue).is_some()
    {
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

    #[test]
    fn help_is_asked_for_before_the_arguments_end() {
        let asks = |given: &[&str]| only_asks(&given.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(asks(&["x", "--help"]) && asks(&["x", "audit", "-h"]) && asks(&["x", "-V"]));
        assert!(!asks(&["x"]) && !asks(&["x", "--", "--help"]));
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
            let is_twice = wrong == ["x", "--token-key=hush"];
            assert_eq!(error.to_string().contains("multiple times"), is_twice, "{error}");
        }
        // Another command's, of which this one knows nothing.
        for wrong in [&["x", "--", "--redis=hush"][..], &["x", "--redis=hush"]] {
            let error = without_secrets(Settings::try_parse_from(wrong).unwrap_err(), &secrets);
            assert!(error.to_string().contains("--redis") && !error.to_string().contains("hush"), "{error}");
        }
    }
}
