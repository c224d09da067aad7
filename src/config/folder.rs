//! Where the files of a setup come from: a folder on disk, or the program itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::indicators;
use super::shipped::Shipped;
use crate::flow::yaml::{MAX_TEXT, Place};
use crate::model::{Digest, Mistake};

/// Files of one setup.
const MAX_FILES: usize = 20_000;
/// For the machine that a setup is made for, such as a table of its firewall: not read here.
const HOST: &str = "host";
/// The folders of a setup, and the endings of their files.
const FOLDERS: [(&str, &[&str]); 3] =
    [("agents", &["yaml"]), ("workflows", &["yaml"]), ("rules", &["yml", "yaml"])];

/// The files of a setup, by path within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// What people see in front of each path.
    name: String,
    /// Where it is on disk.
    root: Option<PathBuf>,
    files: BTreeMap<String, String>,
    /// Indicator lists, by path within it: they may be large, and are read when they are needed.
    lists: BTreeMap<String, PathBuf>,
}

/// The folder of this program among the user's settings, where the platform has one.
pub fn platform_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "quell").map(|dirs| dirs.config_dir().to_owned())
}

/// Finds the setup: the folder that was named, else the one in the variable, else the platform's if
/// it has a `settings.yaml`, else the exercise that is part of the program.
///
/// # Errors
/// Says what could not be read in the folder that was chosen.
pub fn find(
    named: Option<&Path>,
    variable: Option<&OsStr>,
    platform: Option<&Path>,
) -> Result<Folder, Vec<Mistake>> {
    let variable = variable.filter(|text| !text.is_empty()).map(Path::new);
    let platform = platform.filter(|folder| folder.join("settings.yaml").exists());
    match named.or(variable).or(platform) {
        Some(folder) => Folder::read(folder),
        None => Ok(Folder::embedded()),
    }
}

impl Folder {
    /// The exercise that is part of the program.
    pub fn embedded() -> Self {
        Folder::from_texts("exercise", Shipped::Exercise.files().iter().copied())
    }

    /// A setup from texts by path within it.
    pub fn from_texts<'a>(name: &str, texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files = texts.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned()));
        Folder { name: name.to_owned(), root: None, files: files.collect(), lists: BTreeMap::new() }
    }

    /// Reads a folder. Files whose names begin with a dot, and notes (`README…`, `….md`), are left alone.
    ///
    /// # Errors
    /// Every file that cannot be read, or that is no part of a setup.
    pub fn read(root: &Path) -> Result<Self, Vec<Mistake>> {
        let mut walk = Walk {
            name: root.display().to_string(),
            files: BTreeMap::new(),
            lists: BTreeMap::new(),
            mistakes: Vec::new(),
        };
        walk.root(root);
        walk.mistakes.sort();
        match walk.mistakes.is_empty() {
            true => Ok(Folder {
                name: walk.name,
                root: Some(root.to_owned()),
                files: walk.files,
                lists: walk.lists,
            }),
            false => Err(walk.mistakes),
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text of one file, and the path that people see.
    pub fn file(&self, path: &str) -> Option<(String, &str)> {
        self.files.get(path).map(|text| (self.shown(path), text.as_str()))
    }

    /// The files of one of its folders, in order of path, each with the path that people see.
    pub fn files<'a>(&'a self, of: &'a str) -> impl Iterator<Item = (String, &'a str)> {
        let within = self
            .files
            .iter()
            .filter(move |(path, _)| path.strip_prefix(of).is_some_and(|rest| rest.starts_with('/')));
        within.map(|(path, text)| (self.shown(path), text.as_str()))
    }

    /// The path that people see.
    pub fn shown(&self, path: &str) -> String {
        format!("{}/{path}", self.name.trim_end_matches('/'))
    }

    /// Its indicator lists by path within it, each with its file on disk.
    pub fn lists(&self) -> impl Iterator<Item = (&str, Option<&PathBuf>)> {
        let (folder, _) = indicators::FOLDER;
        let within =
            move |path: &&String| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let embedded = self.files.keys().filter(within).map(|path| (path.as_str(), None));
        embedded.chain(self.lists.iter().map(|(path, file)| (path.as_str(), Some(file))))
    }

    /// Where a file is that the settings name, absolute or from the folder on; and what people see.
    pub fn located(&self, file: &Path) -> (Option<PathBuf>, String) {
        match (&self.root, file.is_absolute()) {
            (_, true) => (Some(file.to_owned()), file.display().to_string()),
            (Some(root), false) => (Some(root.join(file)), self.shown(&file.display().to_string())),
            (None, false) => (None, self.shown(&file.display().to_string())),
        }
    }

    /// SHA-256 over the sorted paths and texts, each preceded by its length.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for part in self.files.iter().flat_map(|(path, text)| [path, text]) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Digest(hash.finalize().into())
    }
}

struct Walk {
    name: String,
    files: BTreeMap<String, String>,
    lists: BTreeMap<String, PathBuf>,
    mistakes: Vec<Mistake>,
}

impl Walk {
    fn wrong(&mut self, path: &Path, message: impl Into<String>, hint: Option<&str>) {
        let file = path.display().to_string();
        self.mistakes.push(Place::START.mistake(&file, message, hint.map(str::to_owned)));
    }

    /// The entries of a folder with their names, sorted.
    fn list(&mut self, folder: &Path) -> Vec<(String, PathBuf)> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let hint = "a setup is a folder with settings.yaml, agents/, workflows/ and rules/";
                self.wrong(folder, format!("cannot read the folder: {error}"), Some(hint));
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => found.push((entry.file_name().to_string_lossy().into_owned(), entry.path())),
                Err(error) => self.wrong(folder, format!("cannot read the folder: {error}"), None),
            }
        }
        found.retain(|(name, _)| {
            !name.starts_with('.') && !name.starts_with("README") && !name.ends_with(".md")
        });
        found.sort();
        found
    }

    fn root(&mut self, root: &Path) {
        for (name, path) in self.list(root) {
            match FOLDERS.iter().find(|(folder, _)| *folder == name) {
                Some((folder, endings)) => self.folder(folder, endings, &path),
                None if name == indicators::FOLDER.0 => self.indicators(&path),
                None if name == "settings.yaml" => self.take(&name, &path),
                None if name == HOST && path.is_dir() => {}
                None => {
                    let hint = "a setup has settings.yaml, agents/, workflows/, rules/, indicators/ and host/; notes end in .md";
                    self.wrong(&path, "this is no part of a setup", Some(hint));
                }
            }
        }
        if self.mistakes.is_empty() && !self.files.contains_key("settings.yaml") {
            let hint = "a setup is a folder with settings.yaml, agents/, workflows/ and rules/";
            self.wrong(root, "there is no settings.yaml in this folder", Some(hint));
        }
    }

    fn folder(&mut self, folder: &str, endings: &[&str], path: &Path) {
        for (name, path) in self.list(path) {
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
            if endings.contains(&ending) {
                self.take(&format!("{folder}/{name}"), &path);
            } else {
                let message = format!("files in {folder}/ end in .{}", endings.join(" or ."));
                self.wrong(&path, message, Some("rename it, or remove it"));
            }
        }
    }

    fn indicators(&mut self, path: &Path) {
        let (folder, endings) = indicators::FOLDER;
        for (name, path) in self.list(path) {
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
            if endings.contains(&ending) {
                self.lists.insert(format!("{folder}/{name}"), path);
            } else {
                let message = format!("files in {folder}/ end in .{}", endings.join(" or ."));
                self.wrong(&path, message, Some("rename it, or remove it"));
            }
        }
    }

    fn take(&mut self, within: &str, path: &Path) {
        if self.files.len() >= MAX_FILES {
            return self.wrong(path, format!("more than {MAX_FILES} files"), None);
        }
        match read(path) {
            Ok(text) => _ = self.files.insert(within.to_owned(), text),
            Err(why) => self.wrong(path, why, None),
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot read the file: {error}");
    let about = fs::metadata(path).map_err(cannot)?;
    // Opening a pipe or a device could wait for ever.
    if !about.is_file() {
        return Err("this is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(cannot)?;
    file.take(MAX_TEXT as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > MAX_TEXT {
        let size = about.len() / 1024;
        return Err(format!("the file has {size} KiB, at most {} are read", MAX_TEXT / 1024));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
        format!("the file is not UTF-8 text (line {line})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        root
    }

    /// What is wrong, with the folder's own path left out.
    fn wrong(root: &Path) -> Vec<String> {
        let shown = root.display().to_string();
        let all = Folder::read(root).err().unwrap_or_default();
        all.iter().map(|mistake| mistake.to_string().replace(&shown, "DIR")).collect()
    }

    const PART: &str = "this is no part of a setup\n  hint: a setup has settings.yaml, agents/, workflows/, rules/, indicators/ and host/; notes end in .md";
    const SHAPE: &str = "\n  hint: a setup is a folder with settings.yaml, agents/, workflows/ and rules/";

    #[test]
    fn a_folder_is_read() {
        let root = folder(&[
            ("settings.yaml", b"a"),
            ("agents/b.yaml", b"b"),
            ("rules/c.yml", b"c"),
            ("rules/d.yaml", b"d"),
            ("README", b"\xff"),
            ("notes.md", b"\xff"),
            (".git/config", b"\xff"),
            ("rules/.hidden", b"\xff"),
        ]);
        let folder = Folder::read(root.path()).unwrap();
        let paths: Vec<&str> = folder.files.keys().map(String::as_str).collect();
        assert_eq!(paths, ["agents/b.yaml", "rules/c.yml", "rules/d.yaml", "settings.yaml"]);
        let rules: Vec<(String, &str)> = folder.files("rules").collect();
        assert_eq!(rules[1], (root.path().join("rules/d.yaml").display().to_string(), "d"));
        // The digest is of the contents, not of the place.
        let texts =
            [("settings.yaml", "a"), ("agents/b.yaml", "b"), ("rules/c.yml", "c"), ("rules/d.yaml", "d")];
        assert_eq!(folder.digest(), Folder::from_texts("x", texts).digest());
        assert_ne!(folder.digest(), Folder::from_texts("x", texts.into_iter().take(3)).digest());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let none = folder(&[]);
        assert_eq!(wrong(none.path()), [format!("DIR:1:1: there is no settings.yaml in this folder{SHAPE}")]);
        let gone = none.path().join("gone");
        assert_eq!(
            wrong(&gone),
            [format!("DIR:1:1: cannot read the folder: No such file or directory (os error 2){SHAPE}")]
        );
        let file = folder(&[("settings.yaml", b"a")]);
        let file = file.path().join("settings.yaml");
        assert_eq!(
            wrong(&file),
            [format!("DIR:1:1: cannot read the folder: Not a directory (os error 20){SHAPE}")]
        );

        let root = folder(&[
            ("settings.yaml", b"a: \xff\n"),
            ("settings.yml", b""),
            ("agents/a.yml", b""),
            ("agents/big.yaml", &[b'x'; 1100 * 1024]),
            ("agents/utf.yaml", b"a\nb\n\xc3\x28"),
            ("agents/deeper.yaml/x", b""),
            ("run.sh", b""),
            ("rules/r.txt", b""),
        ]);
        symlink("loop.yaml", root.path().join("agents/loop.yaml")).unwrap();
        symlink("nowhere.yaml", root.path().join("agents/dangling.yaml")).unwrap();
        assert_eq!(
            wrong(root.path()),
            [
                "DIR/agents/a.yml:1:1: files in agents/ end in .yaml\n  hint: rename it, or remove it".to_owned(),
                "DIR/agents/big.yaml:1:1: the file has 1100 KiB, at most 1024 are read".to_owned(),
                "DIR/agents/dangling.yaml:1:1: cannot read the file: No such file or directory (os error 2)".to_owned(),
                "DIR/agents/deeper.yaml:1:1: this is not a file".to_owned(),
                "DIR/agents/loop.yaml:1:1: cannot read the file: Too many levels of symbolic links (os error 40)".to_owned(),
                "DIR/agents/utf.yaml:1:1: the file is not UTF-8 text (line 3)".to_owned(),
                "DIR/rules/r.txt:1:1: files in rules/ end in .yml or .yaml\n  hint: rename it, or remove it".to_owned(),
                format!("DIR/run.sh:1:1: {PART}"),
                "DIR/settings.yaml:1:1: the file is not UTF-8 text (line 1)".to_owned(),
                format!("DIR/settings.yml:1:1: {PART}"),
            ]
        );
    }

    #[test]
    fn a_pipe_is_not_opened() {
        let root = folder(&[("settings.yaml", b"a"), ("agents/a.yaml", b"")]);
        let pipe = root.path().join("agents/pipe.yaml");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(wrong(root.path()), ["DIR/agents/pipe.yaml:1:1: this is not a file"]);
    }

    #[test]
    fn the_first_place_that_is_there_counts() {
        let (a, b, c) = (folder(&[("settings.yaml", b"a")]), folder(&[("settings.yaml", b"b")]), folder(&[]));
        let name = |named: Option<&Path>, variable: Option<&Path>, platform: Option<&Path>| {
            find(named, variable.map(Path::as_os_str), platform).map(|folder| folder.name().to_owned())
        };
        let (a, b, c) = (a.path(), b.path(), c.path());
        let shown = |path: &Path| Ok(path.display().to_string());
        assert_eq!(name(Some(a), Some(b), Some(b)), shown(a));
        assert_eq!(name(None, Some(a), Some(b)), shown(a));
        assert_eq!(name(None, Some(Path::new("")), Some(b)), shown(b));
        assert_eq!(name(None, None, Some(b)), shown(b));
        assert_eq!(name(None, None, Some(c)), Ok("exercise".to_owned()));
        assert_eq!(name(None, None, None), Ok("exercise".to_owned()));
        assert!(name(None, Some(c), Some(b)).is_err());
    }
}
