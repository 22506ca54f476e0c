//! Writes to stdout, stderr and directories.

use super::args::RunArgs;
use crate::report::{self, Saved};
use crate::spec::Problem;
use std::io::{self, Write};
use std::path::Path;

/// Prints data to stdout.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    stdout.flush()?;
    Ok(())
}

/// Prints talk to stderr.
pub(super) fn say(text: &str) {
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(anstream::stderr(), "{}", text.trim_end());
}

/// Says what is no mistake but should be known.
pub(super) fn warn(warning: &Problem) {
    say(&format!("warning: {warning}"));
}

/// Why the operating system refused, in our style: a lowercase fragment without its number.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Writes files into a directory, which is made if need be.
pub(super) fn write_all(directory: &Path, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory)
        .map_err(|error| anyhow::anyhow!("cannot make directory `{}`: {}", directory.display(), reason(&error)))?;
    for (name, bytes) in files {
        let path = directory.join(name);
        std::fs::write(&path, bytes)
            .map_err(|error| anyhow::anyhow!("cannot write `{}`: {}", path.display(), reason(&error)))?;
    }
    Ok(())
}

/// Makes the directory of `-o`, so that a place that cannot be written to is known before the work, not after it.
pub(super) fn prepare(run: &RunArgs) -> anyhow::Result<()> {
    run.output.as_ref().map_or(Ok(()), |directory| write_all(directory, &[]))
}

/// Writes everything that `-o` asks for.
pub(super) fn save(run: &RunArgs, saved: impl FnOnce() -> Saved) -> anyhow::Result<()> {
    run.output.as_ref().map_or(Ok(()), |directory| draw(directory, &saved(), run.quiet))
}

/// Writes a result into a directory, with its charts and its report.
pub(super) fn draw(directory: &Path, saved: &Saved, quiet: bool) -> anyhow::Result<()> {
    write_all(directory, &report::files(saved))?;
    if !quiet {
        say(&format!("wrote report.html, charts and data to {}", directory.display()));
    }
    Ok(())
}

/// Whether the reader of our output has gone away, which is no error of ours.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}
