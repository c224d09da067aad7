//! Files of indicators: plain lines, CSV, STIX.

use sha2::{Digest as _, Sha256};

use super::networks::{self, Unsorted};
use super::stix::Bundle;
use super::texts::Texts;
use super::{ENTRIES, ENTRY_BYTES, Indicators, Kind, NAMED};
use crate::flow::fault::{Fault, suggest};
use crate::flow::yaml::Place;
use crate::model::{Digest, Mistake, SafeText};
use crate::rule::pattern::fold;

/// Mistakes of one file that are told.
const TOLD: usize = 20;

/// How a file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// One entry a line; what comes after `#` is for people.
    Plain,
    /// A column of a table with commas.
    Csv(Column),
    /// A STIX 2.1 bundle.
    Stix,
}

/// Which column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// The one with this word in the first line.
    Named(String),
    /// The one at this place, from 1; the first line is an entry too.
    At(usize),
    /// The only one, or the one named `indicator`.
    Only,
}

/// What is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// What rules call the list.
    pub name: String,
    /// The file, as people know it.
    pub file: String,
    /// How it is read.
    pub format: Format,
    /// What its entries are.
    pub kind: Kind,
}

/// Entries as they are read.
struct Entries<'s> {
    spec: &'s Spec,
    networks: Unsorted,
    texts: Texts,
    buffer: Vec<u8>,
    count: usize,
    mistakes: Vec<Mistake>,
    further: usize,
    not_understood: (usize, Vec<String>),
}

/// Reads a list.
///
/// # Errors
/// Its mistakes, the first 20 of them.
pub fn read(spec: &Spec, text: &str) -> Result<Indicators, Vec<Mistake>> {
    let mut entries = Entries {
        spec,
        networks: Unsorted::default(),
        texts: Texts::default(),
        buffer: Vec::new(),
        count: 0,
        mistakes: Vec::new(),
        further: 0,
        not_understood: (0, Vec::new()),
    };
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    match &spec.format {
        Format::Plain => entries.plain(body),
        Format::Csv(column) => entries.csv(body, column),
        Format::Stix => entries.stix(body),
    }
    entries.finish(text)
}

impl Entries<'_> {
    fn finish(mut self, text: &str) -> Result<Indicators, Vec<Mistake>> {
        if self.further > 0 {
            let message = format!("and {} more mistakes in this file", self.further);
            let line = self.mistakes.last().map_or(1, |mistake| mistake.line);
            self.mistakes.push(Place { line, column: 1 }.mistake(&self.spec.file, message, None));
        }
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        self.texts.shrink();
        let mut hash = Sha256::new();
        hash.update(format!("{:?} {:?}", self.spec.format, self.spec.kind));
        hash.update(text);
        Ok(Indicators {
            name: self.spec.name.as_str().into(),
            file: self.spec.file.clone(),
            kind: self.spec.kind,
            digest: Digest(hash.finalize().into()),
            networks: self.networks.sorted(),
            texts: self.texts,
            not_understood: self.not_understood,
        })
    }

    fn wrong(&mut self, at: Place, fault: impl Into<Fault>) {
        let Fault { message, hint } = fault.into();
        match self.mistakes.len() < TOLD {
            true => self.mistakes.push(at.mistake(&self.spec.file, message, hint)),
            false => self.further += 1,
        }
    }

    fn plain(&mut self, text: &str) {
        for (number, line) in text.lines().enumerate() {
            let comment = line.match_indices('#').find(|(at, _)| {
                let before = line.get(..*at).unwrap_or_default();
                before.is_empty() || before.ends_with(char::is_whitespace)
            });
            let entry = comment.map_or(line, |(at, _)| line.get(..at).unwrap_or_default());
            if !entry.trim().is_empty() {
                let indent = entry.chars().take_while(|c| c.is_whitespace()).count();
                self.add(entry, self.spec.kind, &|| at(number + 1, indent + 1));
            }
        }
    }

    fn csv(&mut self, text: &str, column: &Column) {
        let headed = !matches!(column, Column::At(_));
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(headed)
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let index = match column {
            Column::At(number) => number.saturating_sub(1),
            named => match reader.headers().map(|headers| chosen(headers, named)) {
                Ok(Ok(index)) => index,
                Ok(Err(fault)) => return self.wrong(Place::START, fault),
                Err(error) => return self.wrong_csv(&error),
            },
        };
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    self.wrong_csv(&error);
                    continue;
                }
            }
            let start = record.position().map_or(0, |position| position.byte() as usize);
            match record.get(index) {
                Some("") => {}
                Some(entry) => {
                    // Where comments are skipped, the record begins later than its position says.
                    let rest = text.get(start..).unwrap_or_default();
                    self.add(entry, self.spec.kind, &|| place(text, start + rest.find(entry).unwrap_or(0)));
                }
                None => {
                    let message = format!("expected column {}, found {}", index + 1, record.len());
                    self.wrong(place(text, start), message);
                }
            }
        }
    }

    fn wrong_csv(&mut self, error: &csv::Error) {
        let line = error.position().map_or(1, |position| position.line() as usize);
        let message = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("expected {expected_len} columns as in the first line, found {len}")
            }
            _ => format!("this is no CSV: {error}"),
        };
        self.wrong(at(line, 1), message);
    }

    fn stix(&mut self, text: &str) {
        let bundle: Bundle = match serde_json::from_str(text) {
            Ok(bundle) => bundle,
            Err(error) => {
                let fault = Fault::new(format!("this is no STIX bundle: {error}"));
                return self.wrong(at(error.line(), error.column()), fault);
            }
        };
        if bundle.kind != "bundle" {
            let fault = Fault::new("expected an object of `\"type\": \"bundle\"`");
            return self.wrong(Place::START, fault.hint("STIX 2.1, as TAXII servers give it"));
        }
        for object in bundle.objects.iter().filter(|object| object.counts()) {
            match object.values() {
                Some(values) => {
                    // Of another kind than the list asks for: not meant by it.
                    let asked = |kind: Kind| [Kind::Any, kind].contains(&self.spec.kind);
                    for (kind, value) in values.into_iter().filter(|(kind, _)| asked(*kind)) {
                        self.add_of(&value, kind, &|| Place::START, &object.id);
                    }
                }
                None => {
                    self.not_understood.0 += 1;
                    if self.not_understood.1.len() < NAMED {
                        self.not_understood.1.push(object.id.chars().take(100).collect());
                    }
                }
            }
        }
    }

    fn add(&mut self, entry: &str, kind: Kind, at: &dyn Fn() -> Place) {
        self.add_of(entry, kind, at, "");
    }

    /// Takes an entry in. `whose` is the id of what has it, if it has one.
    fn add_of(&mut self, entry: &str, kind: Kind, at: &dyn Fn() -> Place, whose: &str) {
        let entry = entry.trim();
        self.count += 1;
        if self.count > ENTRIES {
            if self.count == ENTRIES + 1 {
                self.wrong(at(), format!("more than {ENTRIES} entries"));
            }
            return;
        }
        let network = match kind {
            Kind::Any | Kind::Address => networks::parse(entry),
            _ => None,
        };
        if let Some(network) = network {
            return self.networks.push(network);
        }
        match fitting(entry, kind) {
            Ok(text) => _ = self.texts.insert(&fold(text, false, false), &mut self.buffer),
            Err(what) => {
                if self.mistakes.len() >= TOLD {
                    self.further += 1;
                    return;
                }
                let found = SafeText(entry).cut(60);
                let whose =
                    if whose.is_empty() { String::new() } else { format!("{}: ", SafeText(whose).cut(100)) };
                self.wrong(at(), format!("{whose}expected {what}, found `{found}`"));
            }
        }
    }
}

/// The place of a byte of a text.
fn place(text: &str, byte: usize) -> Place {
    let before = text.get(..byte).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    at(before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn at(line: usize, column: usize) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    Place { line: number(line), column: number(column) }
}

/// The text of an entry, else what was expected.
fn fitting(entry: &str, kind: Kind) -> Result<&str, &'static str> {
    if entry.len() > ENTRY_BYTES {
        return Err("an entry of at most 1024 bytes");
    }
    match kind {
        Kind::Address => Err("an address or a network such as 192.0.2.0/24"),
        // A network that is none must not become a text that matches nothing.
        Kind::Any
            if entry
                .split_once('/')
                .is_some_and(|(address, _)| address.parse::<std::net::IpAddr>().is_ok()) =>
        {
            Err("an address or a network such as 192.0.2.0/24")
        }
        Kind::Any | Kind::Text if entry.is_empty() => Err("an entry that is not empty"),
        Kind::Any | Kind::Text => Ok(entry),
        Kind::Domain => {
            let name = entry.strip_prefix("*.").unwrap_or(entry);
            let name = name.strip_suffix('.').unwrap_or(name);
            let fits = |c: char| c.is_alphanumeric() || "-_.".contains(c);
            let fits = !name.is_empty() && name.chars().all(fits) && !name.split('.').any(str::is_empty);
            fits.then_some(name).ok_or("a domain such as bad.example")
        }
        Kind::Hash => {
            let fits = [32, 40, 56, 64, 96, 128].contains(&entry.len())
                && entry.bytes().all(|byte| byte.is_ascii_hexdigit());
            fits.then_some(entry).ok_or("a hash: 32, 40, 56, 64, 96 or 128 hexadecimal digits")
        }
    }
}

fn chosen(headers: &csv::StringRecord, column: &Column) -> Result<usize, Fault> {
    let wanted = match column {
        Column::Named(name) => name.as_str(),
        _ if headers.len() == 1 => return Ok(0),
        _ => "indicator",
    };
    headers.iter().position(|name| name == wanted).ok_or_else(|| {
        let fault =
            Fault::new(format!("there is no column `{}` in the first line", SafeText(wanted).cut(60)));
        fault.maybe_hint(suggest(wanted, headers.iter()).or_else(|| {
            Some("name the column in settings.yaml: `indicators: {NAME: {file: …, column: …}}`".to_owned())
        }))
    })
}
