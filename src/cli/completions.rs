//! `quotasim completions`: a script that completes the command line in a shell.

use super::{Answer, output};
use anyhow::Context;
use clap_complete::Shell;

/// Options of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim completions bash > ~/.local/share/bash-completion/completions/quotasim
  quotasim completions zsh > ~/.zfunc/_quotasim
  quotasim completions fish > ~/.config/fish/completions/quotasim.fish")]
pub(super) struct Args {
    /// The shell that shall complete
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "quotasim", &mut script);
    output::print(&String::from_utf8(script).context("the script is not UTF-8")?)?;
    Ok(Answer::Yes)
}
