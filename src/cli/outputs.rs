//! Files that are written must not be files that are read, or each other.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::Error;

/// Which file a path leads to, if it is there and is a file: `/dev/null` may be named twice.
fn which(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    metadata.is_file().then(|| (metadata.dev(), metadata.ino()))
}

fn same(a: &Path, b: &Path) -> bool {
    match (which(a), which(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a == b && !a.exists(),
        _ => false,
    }
}

/// Refuses to write over what is read. `written` are the options with their files.
///
/// # Errors
/// Names the option and the file.
pub fn keep_apart(read: &[PathBuf], written: &[(&str, Option<&Path>)]) -> Result<(), Error> {
    let written: Vec<(&str, &Path)> =
        written.iter().filter_map(|(name, path)| Some((*name, (*path)?))).collect();
    for (i, (name, path)) in written.iter().enumerate() {
        if let Some(read) = read.iter().find(|read| same(read, path)) {
            let what = format!("{name} would overwrite {}, which is to be read", read.display());
            return Err(Error::usage(what).hint("name another file"));
        }
        if let Some((other, _)) = written.iter().take(i).find(|(_, other)| same(other, path)) {
            let what = format!("{other} and {name} name the same file, {}", path.display());
            return Err(Error::usage(what).hint("name two files"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("in"), "").unwrap();
        std::os::unix::fs::symlink(path("in"), path("link")).unwrap();
        let null = Path::new("/dev/null").to_path_buf();
        for (read, out, quarantine, expected) in [
            (path("in"), Some(path("in")), None, "--out would overwrite"),
            (path("in"), None, Some(path("link")), "--quarantine would overwrite"),
            (path("in"), Some(path("new")), Some(path("new")), "--out and --quarantine name the same file"),
            (path("in"), Some(path("new")), Some(path("other")), ""),
            (path("in"), Some(null.clone()), Some(null), ""),
            (path("in"), None, None, ""),
        ] {
            let written = [("--out", out.as_deref()), ("--quarantine", quarantine.as_deref())];
            let said = keep_apart(&[read], &written).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{said}");
        }
    }
}
