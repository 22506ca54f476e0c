//! The command that repeats a result, as it would be typed.

use super::args::ScenarioArgs;
use std::fmt;

/// A command line in the making.
#[derive(Debug, Clone)]
pub(super) struct Command(String);

impl Command {
    /// A verb on a scenario with its changes.
    pub(super) fn new(verb: &str, args: &ScenarioArgs) -> Command {
        let mut command = Command(format!("quotasim {verb} {}", quoted(&args.scenario.display().to_string())));
        for (path, value) in &args.set {
            command.option("--set", &format!("{path}={value}"));
        }
        if let Some(seed) = args.seed {
            command.option("--seed", &seed.to_string());
        }
        if let Some(replications) = args.replications {
            command.option("--replications", &replications.to_string());
        }
        if let Some(catalog) = &args.catalog {
            command.option("--catalog", &catalog.display().to_string());
        }
        command
    }

    /// Adds an option without a value.
    pub(super) fn flag(&mut self, name: &str) {
        self.0.push(' ');
        self.0.push_str(name);
    }

    /// Adds an option with its value.
    pub(super) fn option(&mut self, name: &str, value: &str) {
        for word in [name, &quoted(value)] {
            self.0.push(' ');
            self.0.push_str(word);
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `text` as a shell reads it back as one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,:=%@+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_split_is_quoted() {
        assert_eq!(quoted("a/b.yaml"), "a/b.yaml");
        assert_eq!(quoted("it's {x}"), "'it'\\''s {x}'");
        assert_eq!(quoted(""), "''");
    }
}
