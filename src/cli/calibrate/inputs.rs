//! From paths to readers: trees of files in one order, compressed or not.

use super::progress::{Bar, Watched};
use crate::cli::output::reason;
use anyhow::bail;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Input {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its size.
    pub(super) bytes: u64,
}

/// Trees are not deeper.
const DEEPEST: usize = 40;
/// Read ahead of decompression and parsing.
const BUFFER: usize = 1 << 18;

/// The files below paths that `wanted` accepts by name, sorted, each once. Files that are named themselves are wanted.
/// Where there are none, `kinds` says which are.
pub(super) fn files(paths: &[PathBuf], wanted: impl Fn(&str) -> bool, kinds: &str) -> anyhow::Result<Vec<Input>> {
    let mut found = Vec::new();
    for path in paths {
        let metadata = std::fs::metadata(path)
            .map_err(|error| anyhow::anyhow!("cannot read `{}`: {}", path.display(), reason(&error)))?;
        if metadata.is_dir() {
            descend(path, 0, &wanted, &mut found)?;
        } else {
            found.push(Input { path: path.clone(), bytes: metadata.len() });
        }
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        let named: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
        bail!("there is no file of records in {}\n\nhint: {kinds}", named.join(", "));
    }
    Ok(found)
}

fn descend(
    directory: &Path,
    depth: usize,
    wanted: &impl Fn(&str) -> bool,
    found: &mut Vec<Input>,
) -> anyhow::Result<()> {
    if depth > DEEPEST {
        return Ok(());
    }
    let unreadable = |error: &io::Error| anyhow::anyhow!("cannot read `{}`: {}", directory.display(), reason(error));
    for entry in std::fs::read_dir(directory).map_err(|error| unreadable(&error))? {
        let entry = entry.map_err(|error| unreadable(&error))?;
        let path = entry.path();
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        if metadata.is_dir() {
            descend(&path, depth + 1, wanted, found)?;
        } else if wanted(&entry.file_name().to_string_lossy()) {
            found.push(Input { path, bytes: metadata.len() });
        }
    }
    Ok(())
}

/// Opens a file, decompressing it if it begins as gzip does.
pub(super) fn open<'a>(input: &Input, bar: &'a Bar) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut reader: BufReader<Watched<'a, File>> =
        BufReader::with_capacity(BUFFER, bar.watch(File::open(&input.path)?));
    let compressed = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if compressed {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(reader)))
    } else {
        Box::new(reader)
    })
}

/// A text file as a whole, decompressed if need be.
pub(super) fn text(path: &Path, bar: &Bar) -> anyhow::Result<String> {
    let input = Input { path: path.to_path_buf(), bytes: 0 };
    let mut text = String::new();
    let read = open(&input, bar).and_then(|mut reader| reader.read_to_string(&mut text));
    read.map_err(|error| anyhow::anyhow!("cannot read `{}`: {}", path.display(), reason(&error)))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn trees_are_read_in_one_order_and_compressed_files_too() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir_all(root.join("2026/10/data")).unwrap();
        std::fs::write(root.join("2026/b.json"), "plain").unwrap();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(b"packed").unwrap();
        let mut twice = packed.finish().unwrap();
        twice.extend(twice.clone());
        std::fs::write(root.join("2026/10/a.json.gz"), twice).unwrap();
        std::fs::write(root.join("2026/10/data/x_input.json.gz"), "").unwrap();
        let found =
            files(&[root.to_path_buf(), root.join("2026/b.json")], |name| !name.contains("_input"), "").unwrap();
        let names: Vec<_> =
            found.iter().map(|input| input.path.strip_prefix(root).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["2026/10/a.json.gz", "2026/b.json"]);
        let bar = Bar::new(1, true, "reading");
        assert_eq!(text(&found[0].path, &bar).unwrap(), "packedpacked");
        assert_eq!(text(&found[1].path, &bar).unwrap(), "plain");
        assert!(files(&[root.join("nowhere")], |_| true, "").is_err());
        let nothing = files(&[root.to_path_buf()], |_| false, "only .jsonl").unwrap_err().to_string();
        assert!(nothing.contains("no file of records") && nothing.contains("only .jsonl"), "{nothing}");
    }
}
