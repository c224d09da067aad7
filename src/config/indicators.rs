//! `indicators/` and `indicators` in `settings.yaml`: lists of addresses, domains, hashes that rules ask.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::Folder;
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node, Place};
use crate::model::{Digest, Mistake, Value};
use crate::rule::indicator::{self, Column, Format, Indicators, Kind, Lists, Spec};

/// The folder of lists, and the endings of their files.
pub(super) const FOLDER: (&str, &[&str]) = ("indicators", &["txt", "csv", "json"]);
/// Lists of one setup.
const MOST: usize = 100;
/// The largest file that is read, in bytes.
const FILE_BYTES: u64 = 512 * 1024 * 1024;
const KEYS: [&str; 4] = ["file", "format", "column", "kind"];
const FORMATS: [&str; 3] = ["plain", "csv", "stix"];

/// What the settings say of one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    name: String,
    at: Place,
    /// As it is written: absolute, or from the folder of the setup.
    file: PathBuf,
    format: Option<Format>,
    kind: Kind,
}

/// A list and where it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFile {
    /// How it is read.
    pub spec: Spec,
    /// The file; `None` if it is part of the program.
    pub path: Option<PathBuf>,
}

/// By which it is seen that a file is another one.
pub type Stamp = Option<(SystemTime, u64)>;

impl ListFile {
    /// Reads it.
    ///
    /// # Errors
    /// Why it cannot be read, or its mistakes.
    pub fn read(&self) -> Result<Indicators, Vec<Mistake>> {
        let path = self.path.as_deref().unwrap_or(Path::new(&self.spec.file));
        let text = text(path).map_err(|why| vec![Place::START.mistake(&self.spec.file, why, None)])?;
        indicator::read(&self.spec, &text)
    }

    /// When it was changed last, and its size; `None` if it is not there.
    pub fn stamp(&self) -> Stamp {
        let about = fs::metadata(self.path.as_deref()?).ok()?;
        Some((about.modified().ok()?, about.len()))
    }
}

fn text(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot read the file: {error}");
    let about = fs::metadata(path).map_err(cannot)?;
    // Opening a pipe or a device could wait for ever.
    if !about.is_file() {
        return Err("this is not a file".to_owned());
    }
    if about.len() > FILE_BYTES {
        let most = FILE_BYTES / 1024 / 1024;
        return Err(format!("the file has {} MiB, at most {most} are read", about.len() / 1024 / 1024));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
    let file = fs::File::open(path).map_err(cannot)?;
    file.take(FILE_BYTES).read_to_end(&mut bytes).map_err(cannot)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
        format!("the file is not UTF-8 text (line {line})")
    })
}

/// Reads `indicators` of the settings: each name with its file.
pub(super) fn settings(reader: &mut Reader<'_>, node: &Node) -> Vec<Named> {
    let entries = reader.entries(node, "names of lists, each with its file").unwrap_or_default();
    if let Some(entry) = entries.get(MOST) {
        reader.wrong(entry.at, Fault::new(format!("more than {MOST} lists")));
    }
    let mut named = Vec::new();
    for entry in entries.iter().take(MOST) {
        reader.check_name(entry.at, &entry.key, "a list");
        if reader.mapping(&entry.value, "a list", &KEYS, &[]).is_none() {
            continue;
        }
        let file = reader.required(&entry.value, "file", "the list");
        let file = file.and_then(|node| reader.line(node, "a path").map(PathBuf::from));
        let kinds = Kind::ALL.map(|(_, word)| word);
        let kind = entry.value.get("kind").and_then(|node| reader.choice(node, "a kind", &kinds));
        let kind = kind.and_then(|choice| Kind::ALL.get(choice)).map_or(Kind::Any, |(kind, _)| *kind);
        let column = entry.value.get("column").and_then(|node| column(reader, node));
        let format = entry.value.get("format").and_then(|node| reader.choice(node, "a format", &FORMATS));
        let format = match (format, column) {
            (Some(0 | 2), Some(_)) => {
                let at = entry.value.entry("column").map_or(entry.at, |column| column.at);
                reader.wrong(at, Fault::new("only `csv` has columns"));
                None
            }
            (Some(0), None) => Some(Format::Plain),
            (Some(2), None) => Some(Format::Stix),
            (_, Some(column)) => Some(Format::Csv(column)),
            (Some(_), None) => Some(Format::Csv(Column::Only)),
            (None, None) => None,
        };
        if let Some(file) = file {
            named.push(Named { name: entry.key.clone(), at: entry.at, file, format, kind });
        }
    }
    named
}

fn column(reader: &mut Reader<'_>, node: &Node) -> Option<Column> {
    if let Data::Scalar(Value::Number(_)) = node.data {
        let number = reader.whole(node, "a column", 1, 1_000)?;
        return Some(Column::At(usize::try_from(number).unwrap_or(1)));
    }
    reader
        .line(node, "the word of a column in the first line, or its number")
        .map(|name| Column::Named(name.to_owned()))
}

/// By the ending of its name, where nothing else is said.
fn format_of(path: &Path) -> Format {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => Format::Csv(Column::Only),
        Some("json") => Format::Stix,
        _ => Format::Plain,
    }
}

/// The lists of a setup and where they come from. One with mistakes is empty, so that rules that ask for it
/// are no further mistake.
pub(super) fn read(folder: &Folder, named: &[Named], mistakes: &mut Vec<Mistake>) -> (Lists, Vec<ListFile>) {
    let mut files: BTreeMap<String, (ListFile, Option<&str>)> = BTreeMap::new();
    for (within, path) in folder.lists() {
        let name = Path::new(within)
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let shown = folder.shown(within);
        let format = format_of(Path::new(within));
        let spec = Spec { name: name.clone(), file: shown.clone(), format, kind: Kind::Any };
        if let Some((other, _)) = files.get(&name) {
            let message = format!("the list `{name}` is in {} already", other.spec.file);
            mistakes.push(Place::START.mistake(&shown, message, Some("rename one of them".to_owned())));
            continue;
        }
        let text = folder.file(within).map(|(_, text)| text);
        files.insert(name, (ListFile { spec, path: path.cloned() }, text));
    }
    for Named { name, at: _, file, format, kind } in named {
        let (path, shown) = folder.located(file);
        let within = file.to_str().unwrap_or_default();
        let text = folder.file(within).map(|(_, text)| text);
        // It is in the folder under another name: then it is this list.
        files.retain(|_, (known, _)| known.path.is_none() || known.path != path);
        let format = format.clone().unwrap_or_else(|| format_of(file));
        let spec = Spec { name: name.clone(), file: shown, format, kind: *kind };
        files.insert(name.clone(), (ListFile { spec, path }, text));
    }
    if files.len() > MOST {
        let message = format!("{} lists of indicators; at most {MOST} are read", files.len());
        mistakes.push(Place::START.mistake(&folder.shown(FOLDER.0), message, None));
        return (Lists::default(), Vec::new());
    }
    let mut lists = Lists::default();
    for (file, text) in files.values() {
        let read = match text {
            Some(text) => indicator::read(&file.spec, text),
            None => file.read(),
        };
        match read.or_else(|wrong| {
            mistakes.extend(wrong);
            indicator::read(&Spec { format: Format::Plain, ..file.spec.clone() }, "")
        }) {
            Ok(list) => lists.insert(list.into()),
            Err(wrong) => mistakes.extend(wrong),
        }
    }
    (lists, files.into_values().map(|(file, _)| file).collect())
}

/// Lists of files without a setup, each called as its file without the ending.
///
/// # Errors
/// Why one cannot be read, or its mistakes.
pub fn named(paths: &[PathBuf]) -> Result<Lists, Vec<Mistake>> {
    let (mut lists, mut mistakes) = (Lists::default(), Vec::new());
    for path in paths {
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let spec = Spec { name, file: path.display().to_string(), format: format_of(path), kind: Kind::Any };
        match (ListFile { spec, path: Some(path.clone()) }).read() {
            Ok(list) => lists.insert(list.into()),
            Err(wrong) => mistakes.extend(wrong),
        }
    }
    if mistakes.is_empty() { Ok(lists) } else { Err(mistakes) }
}

/// SHA-256 over a setup: what its files have, and what its lists have. Without lists that of the files.
pub fn digest(files: Digest, lists: &Lists) -> Digest {
    if lists.is_empty() {
        return files;
    }
    let mut hash = Sha256::new();
    hash.update(files.0);
    for list in lists.iter() {
        hash.update((list.name().len() as u64).to_be_bytes());
        hash.update(list.name().as_bytes());
        hash.update(list.digest().0);
    }
    Digest(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    const SETTINGS: &str = "setup: t\nexercise: true\n";
    const RULE: &str = "title: t\nname: t\ndetection: {s: {source_ip|quell.list: bad}, condition: s}\n";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn load(root: &Path) -> Result<config::Loaded, Vec<String>> {
        let loaded = Folder::read(root).and_then(|folder| config::load(&folder));
        let shown = root.display().to_string();
        loaded.map_err(|wrong| wrong.iter().map(|one| one.to_string().replace(&shown, "DIR")).collect())
    }

    #[test]
    fn lists_come_from_the_folder_and_from_the_settings() {
        let outside = folder(&[("feed.csv", "ioc,host\n1,a.example\n2,b.example\n")]);
        let settings = format!(
            "{SETTINGS}indicators:\n  hosts: {{ file: {}/feed.csv, column: host, kind: domain }}\n  second: {{ file: indicators/more.csv, column: 2 }}\n",
            outside.path().display()
        );
        let root = folder(&[
            ("settings.yaml", &settings),
            ("indicators/bad.txt", "192.0.2.0/24\n10.0.0.1\n"),
            ("indicators/more.csv", "x,y\n"),
            ("rules/t.yml", RULE),
        ]);
        let loaded = load(root.path()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
        let found: Vec<_> = loaded.rules.lists().iter().map(|list| (&**list.name(), list.len())).collect();
        assert_eq!(found, [("bad", 2), ("hosts", 2), ("second", 1)]);
        // What is on a list is part of what the setup is.
        fs::write(root.path().join("indicators/bad.txt"), "192.0.2.0/25\n").unwrap();
        assert_ne!(load(root.path()).unwrap().digest, loaded.digest);
        assert_eq!(load(root.path()).unwrap().files_digest, loaded.files_digest);
    }

    #[test]
    fn what_is_wrong_with_lists_is_told() {
        let list = |text: &str| vec![("indicators/bad.txt".to_owned(), text.to_owned())];
        let both = || [list("1.1.1.1\n"), vec![("indicators/bad.csv".to_owned(), "x\n".to_owned())]].concat();
        for (files, settings, expected) in [
            (
                list("10.0.0.1/40\n"),
                "",
                vec![
                    "DIR/indicators/bad.txt:1:1: expected an address or a network such as 192.0.2.0/24, found `10.0.0.1/40`",
                ],
            ),
            (
                both(),
                "",
                vec![
                    "DIR/indicators/bad.txt:1:1: the list `bad` is in DIR/indicators/bad.csv already\n  hint: rename one of them",
                ],
            ),
            (
                vec![],
                "",
                vec![
                    "DIR/rules/t.yml:3:39: there is no indicator list `bad`\n  hint: put its file into indicators/, or name it under `indicators` in settings.yaml",
                ],
            ),
            (
                vec![],
                "indicators: { bad: { file: gone.txt } }\n",
                vec!["DIR/gone.txt:1:1: cannot read the file: No such file or directory (os error 2)"],
            ),
            (
                list("x\n"),
                "indicators: { b: { kind: x, file: /x, column: 0 } }\n",
                vec!["DIR/settings.yaml:3:26: unknown a kind"],
            ),
            (
                list("x\n"),
                "indicators: { b: { file: /x, format: plain, column: y } }\n",
                vec!["only `csv` has columns"],
            ),
            (
                vec![("indicators/bad.xls".to_owned(), String::new())],
                "",
                vec![
                    "DIR/indicators/bad.xls:1:1: files in indicators/ end in .txt or .csv or .json\n  hint: rename it, or remove it",
                ],
            ),
        ] {
            let mut all: Vec<(String, String)> = files;
            all.push(("settings.yaml".to_owned(), format!("{SETTINGS}{settings}")));
            all.push(("rules/t.yml".to_owned(), RULE.to_owned()));
            let all: Vec<(&str, &str)> =
                all.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            let root = folder(&all);
            let found = load(root.path()).err().unwrap_or_default();
            for expected in expected {
                let words: Vec<&str> = expected.split("unknown a kind").collect();
                assert!(
                    found.iter().any(|one| words.iter().all(|word| one.contains(word))),
                    "{expected}: {found:?}"
                );
            }
        }
    }
}
