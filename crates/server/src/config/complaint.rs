//! What is said of a mistake in the settings: where it is and what belongs there, never what stands there.
//!
//! Owns: the sentences for the file, the command line and the variables. Parsers quote what they could not read, and that
//! may be a password in the wrong place.
//! Never: shows a value, whichever setting it was meant for.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde::Deserialize;

use super::settings::{Settings, meaning_of};

/// What is wrong with the file's text, when something is.
///
/// # Errors
/// The sentence.
pub(super) fn read(text: &str) -> Result<Settings, String> {
    let error = match toml::from_str::<Settings>(text) {
        Ok(settings) => return Ok(settings),
        Err(error) => error,
    };
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let before = &text.as_bytes()[..at];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let begin = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let column = 1 + String::from_utf8_lossy(&before[begin..]).chars().count();
    let what = toml::from_str::<toml::Table>(text).map_or_else(
        |_| syntax(text.lines().nth(line - 1).unwrap_or_default()),
        |table| values(&table),
    );
    Err(format!("line {line}, column {column}: {what}"))
}

/// A line that is no TOML.
fn syntax(line: &str) -> String {
    let key = line.split('=').next().unwrap_or_default().trim();
    let place = if meaning_of(key).is_some() {
        format!(", after `{key}`")
    } else {
        String::new()
    };
    format!(
        "this is no TOML{place}; a line is KEY = VALUE, a text stands in \"quotes\", a list in [brackets], and each key once"
    )
}

/// The first key that is none, or whose value does not fit.
fn values(table: &toml::Table) -> String {
    for (key, value) in table {
        let Some(meaning) = meaning_of(key) else {
            return format!(
                "{} is no setting; `tidings settings --page` names them all",
                name(key)
            );
        };
        let alone = toml::Table::from_iter([(key.clone(), value.clone())]);
        if let Err(error) = Settings::deserialize(alone) {
            // Our own sentences show nothing of the value; those of the parser do.
            let said = error.message().split(OWN).nth(1).unwrap_or_default();
            let said = if said.is_empty() {
                String::new()
            } else {
                format!(": {said}")
            };
            return format!("`{key}` does not fit{said}. It is: {meaning}");
        }
    }
    "the settings do not fit together".to_owned()
}

/// Begins a sentence of our own in a parser's error.
pub(super) const OWN: &str = "tidings: ";

/// A word that may be a misspelt key; anything else may be a value in its place.
fn name(word: &str) -> String {
    let is_word = |word: &str| {
        word.len() <= 32
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-'))
    };
    if is_word(word) {
        format!("`{word}`")
    } else {
        "what stands there".to_owned()
    }
}

/// What is wrong with the command line or a variable. None for what is no mistake: help, the version.
#[must_use]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "kinds of a library: each that has words of its own is named"
)]
pub fn of_command_line(error: &clap::Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(" "),
        _ => String::new(),
    };
    let argument = text(ContextKind::InvalidArg);
    // `--flag=value` and a value alone.
    let flag = argument.split(['=', ' ']).next().unwrap_or_default();
    let flag = if flag.starts_with('-') {
        name(flag)
    } else {
        "what stands there".to_owned()
    };
    let key = flag
        .trim_matches('`')
        .trim_start_matches("--")
        .replace('-', "_");
    let or_variable = match super::settings::variable_of(&key) {
        Some(variable) => format!(" (or {variable})"),
        None => String::new(),
    };
    let help = "`tidings --help` and `tidings COMMAND --help` name them all";
    Some(match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        ErrorKind::InvalidSubcommand => {
            let word = name(&text(ContextKind::InvalidSubcommand));
            format!("{word} is no command; {help}")
        }
        ErrorKind::UnknownArgument => format!("{flag} is no option here; {help}"),
        ErrorKind::MissingRequiredArgument => format!("{argument} is missing; {help}"),
        ErrorKind::ValueValidation => {
            let said = std::error::Error::source(error).map(ToString::to_string);
            let said = said.unwrap_or_default();
            let said = said.strip_prefix(OWN).map(|said| format!(": {said}"));
            format!(
                "the value of {flag}{or_variable} does not fit{}",
                said.unwrap_or_default()
            )
        }
        ErrorKind::InvalidValue => {
            let valid = text(ContextKind::ValidValue);
            let valid = if valid.is_empty() {
                String::new()
            } else {
                format!("; it is one of: {valid}")
            };
            format!("the value of {flag}{or_variable} does not fit{valid}")
        }
        _ => format!("{flag} does not fit there; {help}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::keys;

    const CANARY: &str = "hunter2-CANARY_pw";

    #[test]
    fn no_mistake_in_the_file_shows_a_value() {
        for key in keys() {
            for wrong in [
                format!("{key} = {CANARY}"),
                format!("{key} {CANARY}"),
                format!("{key} = \"{CANARY}"),
                format!("{key} = '{CANARY}' x"),
                format!("{key} = \"postgres://me:{CANARY}@host/db\" # \"\n= 3"),
                format!("{key} = [\"{CANARY}\", 3]"),
                format!("{key} = {{ x = \"{CANARY}\" }}"),
                format!("{key} = \"{CANARY}\"\n{key} = \"{CANARY}\""),
                format!("{key}_ = \"{CANARY}\""),
                format!("{CANARY} = \"{key}\""),
                format!("[{CANARY}]\n{key} = 1"),
                format!("{key} = \"\"\"\n{CANARY}\n"),
                format!("{key} = 1\n\"{CANARY}\""),
                format!("{key} = \"{CANARY}\"\nlistn = \"x\""),
            ] {
                let said = read(&wrong).expect_err(&wrong);
                assert!(
                    !said.contains("hunter2") && !said.contains("CANARY"),
                    "{wrong}: {said}"
                );
                assert!(said.starts_with("line "), "{said}");
            }
            let typed = read(&format!("# one\n  {key} = [[\"{CANARY}\"]]")).unwrap_err();
            assert!(
                typed.starts_with("line 2, column ") && typed.contains(&key),
                "{typed}"
            );
            assert!(!typed.contains("CANARY"), "{typed}");
        }
    }

    #[test]
    fn a_mistake_in_the_file_is_told_by_its_place_and_its_key() {
        let said = read("cores = 3\ndatabase = postgres://me:secret@host/db\n").unwrap_err();
        assert!(
            said.starts_with("line 2, column ") && said.contains("`database`"),
            "{said}"
        );
        let said = read("listn = \"127.0.0.1:1\"").unwrap_err();
        assert!(said.contains("`listn` is no setting"), "{said}");
        let said = read("listen = \"here:81\"").unwrap_err();
        assert!(said.contains("no IP address"), "{said}");
        let said = read("cores = \"many\"").unwrap_err();
        assert!(
            said.contains("`cores`") && said.contains("Threads that serve"),
            "{said}"
        );
    }

    #[test]
    fn no_mistake_on_the_command_line_shows_a_value() {
        #[derive(Debug, clap::Parser)]
        struct Program {
            #[command(flatten)]
            settings: Settings,
        }
        let parse = |args: &[String]| {
            let args = ["tidings".to_owned()]
                .into_iter()
                .chain(args.iter().cloned());
            <Program as clap::Parser>::try_parse_from(args).map(|program| program.settings)
        };
        for flag in crate::config::settings::flags() {
            for wrong in [
                vec![format!("--{flag}={CANARY}"), format!("--{flag}={CANARY}")],
                vec![format!("--{flag}-={CANARY}")],
                vec![format!("--{flag}"), CANARY.to_owned(), CANARY.to_owned()],
                vec![format!("-{CANARY}")],
                vec![CANARY.to_owned()],
                vec![format!("--{CANARY}={flag}")],
                vec![format!("--{flag}={CANARY}")],
                vec![format!("--{flag}")],
            ] {
                // Some take any text.
                let Err(error) = parse(&wrong) else { continue };
                // `-h…` asks for help.
                let Some(said) = of_command_line(&error) else {
                    continue;
                };
                assert!(
                    !said.contains("hunter2") && !said.contains("CANARY"),
                    "{wrong:?}: {said}"
                );
            }
        }
        let said = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            of_command_line(&parse(&args).unwrap_err()).unwrap()
        };
        let cores = said(&["--cores=many"]);
        assert!(cores.contains("`--cores` (or TIDINGS_CORES)"), "{cores}");
        assert!(said(&["--listen=x:1"]).contains("no IP address"));
        assert!(
            said(&["--log=loud"]).contains("text json"),
            "{}",
            said(&["--log=loud"])
        );
        assert!(said(&["--listn=x"]).contains("`--listn` is no option"));
    }
}
