//! A customer's profile: what they choose to tell. Nobody has to have one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 200;
/// Longest e-mail address (RFC 5321).
const EMAIL_CHARS_MAX: usize = 254;
/// Longest telephone number.
const PHONE_CHARS_MAX: usize = 32;

/// `PUT /profile`: all of it; what is absent is forgotten.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// How to address them.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200, example = "A. Visitor")]
    pub name: Option<String>,
    /// Where to write to.
    #[serde(default)]
    #[schema(max_length = 254, example = "visitor@example.org")]
    pub email: Option<String>,
    /// Where to call: digits, and what people put between them.
    #[serde(default)]
    #[schema(max_length = 32, example = "+49 30 1234567")]
    pub phone: Option<String>,
}

/// Personal data is not logged.
impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Profile(redacted)")
    }
}

impl Profile {
    /// Says what is wrong.
    pub fn validate(&self) -> Result<(), String> {
        check("name", self.name.as_deref(), NAME_CHARS_MAX, |_| true)?;
        check("email", self.email.as_deref(), EMAIL_CHARS_MAX, |text| {
            // Whether it reaches anybody only a letter can tell.
            text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
                && !text.contains(char::is_whitespace)
        })?;
        check("phone", self.phone.as_deref(), PHONE_CHARS_MAX, |text| {
            text.chars().any(|letter| letter.is_ascii_digit())
                && text.chars().all(|letter| letter.is_ascii_digit() || " +-/().".contains(letter))
        })
    }
}

fn check(what: &str, text: Option<&str>, most: usize, is_sound: impl Fn(&str) -> bool) -> Result<(), String> {
    let honest = |text: &str| (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    match text {
        Some(text) if !honest(text) => Err(format!("{what} has 1 to {most} characters, none a control character")),
        Some(text) if !is_sound(text) => Err(format!("this is no {what}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, email: &str, phone: &str) -> Result<(), String> {
        let some = |text: &str| (text != "-").then(|| text.to_owned());
        Profile { name: some(name), email: some(email), phone: some(phone) }.validate()
    }

    #[test]
    fn a_profile_has_what_can_be_used_or_says_what_is_wrong() {
        assert_eq!(with("-", "-", "-"), Ok(()));
        assert_eq!(with("Zoë 田中", "a@b", "+49 (30) 1-2.3/4"), Ok(()));
        for (name, email, phone) in [
            ("", "-", "-"),
            ("a\nb", "-", "-"),
            ("-", "nobody", "-"),
            ("-", "@b", "-"),
            ("-", "a@", "-"),
            ("-", "a@b@c", "-"),
            ("-", "a b@c", "-"),
            ("-", "-", "+"),
            ("-", "-", "call me"),
            ("-", "-", "123456789012345678901234567890123"),
        ] {
            assert!(with(name, email, phone).is_err(), "{name:?} {email:?} {phone:?}");
        }
        assert_eq!(format!("{:?}", Profile::default()), "Profile(redacted)");
    }
}
