//! `quotasim man`: manual pages.

use super::{Answer, output};
use anyhow::Context;
use clap_mangen::Man;

/// Options of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim man | man -l -
  quotasim man run > quotasim-run.1")]
pub(super) struct Args {
    /// The verb whose page is wanted; left out, the page of quotasim itself
    #[arg(value_name = "VERB")]
    verb: Option<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let mut command = super::command();
    command.build();
    let page = match &args.verb {
        None => command,
        Some(verb) => command
            .find_subcommand(verb)
            .cloned()
            .with_context(|| format!("there is no verb `{verb}`\n\nhint: `quotasim --help` lists the verbs"))?,
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text)?;
    output::print(&String::from_utf8(text).context("the page is not UTF-8")?)?;
    Ok(Answer::Yes)
}
