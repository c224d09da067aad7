//! `quell init`: a setup to begin with.

use std::fs;
use std::io;
use std::path::Path;

use super::args::{Example, Init};
use super::error::Error;
use super::output::print;
use crate::config::{Shipped, platform_folder};

/// Runs the verb.
///
/// # Errors
/// Something is there already, or it cannot be written.
pub fn run(args: &Init) -> Result<(), Error> {
    let folder = args.folder.clone().or_else(platform_folder).ok_or_else(|| {
        Error::failed("there is no home directory with a settings folder in it")
            .hint("name a folder: quell init my-setup/")
    })?;
    let shipped = match args.like {
        Example::Linux => Shipped::Linux,
        Example::Exercise => Shipped::Exercise,
    };
    let shown = folder.display();
    if !is_free(&folder).map_err(|error| failed(&folder, error))? {
        let what = format!("{shown} is not empty: nothing was written");
        return Err(Error::failed(what).hint("name a folder that is new: quell init my-setup/"));
    }
    for (path, text) in shipped.files() {
        write(&folder.join(path), text).map_err(|error| failed(&folder.join(path), error))?;
    }
    let of = args.folder.as_ref().map_or(String::new(), |_| format!(" --config {shown}"));
    let count = shipped.files().len();
    let next = match args.like {
        Example::Linux => format!(
            "next:\n  quell check {shown}\n  quell run --follow sshd:/var/log/auth.log{of}\n\
             nothing acts before `quell arm WORKFLOW{of}`\n"
        ),
        Example::Exercise => format!("next:\n  quell check {shown}\n  quell{of}\n"),
    };
    print(&format!("{count} files in {shown}\n{next}"))
}

/// Whether a folder is not there, or empty.
fn is_free(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Writes a file that is not there.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    io::Write::write_all(&mut fs::File::create_new(path)?, text.as_bytes())
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::failed(format!("cannot write {}", path.display())).because(error)
}
