//! Writes to stdout, stderr and directories.

use anyhow::Context;
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

/// Writes files into a directory, which is made if need be.
pub(super) fn write_all(directory: &Path, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make directory `{}`", directory.display()))?;
    for (name, bytes) in files {
        let path = directory.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

/// Whether the reader of our output has gone away, which is no error of ours.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}
