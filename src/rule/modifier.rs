//! The modifiers behind a field's name: `CommandLine|windash|contains|all`.

use std::sync::Arc;

use super::detection::Detections;
use super::expression::{Expression, Flags};
use super::field::FieldName;
use super::indicator::{How, Indicators, Listed};
use super::moment::TimePart;
use super::pattern::{Anchor, Pattern};
use super::room::Room;
use super::search::{Order, Test};
use super::text::{Encoded, Text, Utf16};
use super::texts::{scalar, shown};
use crate::flow::fault::{Fault, did_you_mean};
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node, Place};
use crate::model::{Network, Value};

/// Every modifier of Sigma 2.1, and those of quell.
const MODIFIERS: &[&str] = &[
    "contains",
    "startswith",
    "endswith",
    "all",
    "cased",
    "neq",
    "exists",
    "windash",
    "re",
    "i",
    "m",
    "s",
    "base64",
    "base64offset",
    "wide",
    "utf16",
    "utf16le",
    "utf16be",
    "lt",
    "lte",
    "gt",
    "gte",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "cidr",
    "expand",
    "fieldref",
    "quell.list",
    "quell.domain",
];

/// Encodings of one value, one on the other: each multiplies what it makes.
const MOST_ENCODINGS: usize = 3;

/// How the values of a field are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    Text,
    Expression(Flags),
    Compare(Order),
    Part(TimePart, Order),
    Within,
    Exists,
    Other,
    /// On an indicator list; so, unless a place is given.
    Listed(How),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf16(Utf16),
    Base64,
    Base64Offset,
}

/// A chain of modifiers, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Modifiers {
    pub mode: Mode,
    pub anchor: Option<Anchor>,
    pub all: bool,
    pub neq: bool,
    cased: bool,
    windash: bool,
    expand: bool,
    encodings: Vec<Encoding>,
}

impl Modifiers {
    /// Reads the chain that begins at this place. What cannot stand together is refused.
    pub fn read(text: &str, mut at: Place, reader: &mut Reader<'_>) -> Option<Modifiers> {
        let mut chain = Modifiers {
            mode: Mode::Text,
            anchor: None,
            all: false,
            neq: false,
            cased: false,
            windash: false,
            expand: false,
            encodings: Vec::new(),
        };
        let mut before: Vec<&str> = Vec::new();
        for modifier in text.split('|').filter(|_| !text.is_empty()) {
            if let Err(fault) = chain.add(modifier, before.last().copied().unwrap_or_default()) {
                reader.wrong(at, fault);
                return None;
            }
            before.push(modifier);
            at = at.right(modifier.chars().count() + 1);
        }
        Some(chain)
    }

    fn add(&mut self, modifier: &str, before: &str) -> Result<(), Fault> {
        let cannot_follow = || Fault::new(format!("`{modifier}` cannot follow `{before}`"));
        let text_only = |chain: &Self| match chain.mode {
            Mode::Text => Ok(()),
            _ => Err(Fault::new(format!("`{modifier}` acts on text only, and cannot follow `{before}`"))),
        };
        let part = TimePart::ALL.iter().find(|(name, _)| *name == modifier).map(|(_, part)| *part);
        match modifier {
            "contains" => self.place(Anchor::Anywhere).ok_or_else(cannot_follow)?,
            "startswith" => self.place(Anchor::Start).ok_or_else(cannot_follow)?,
            "endswith" => self.place(Anchor::End).ok_or_else(cannot_follow)?,
            "lt" => self.compare(Order::Below).ok_or_else(cannot_follow)?,
            "lte" => self.compare(Order::AtMost).ok_or_else(cannot_follow)?,
            "gt" => self.compare(Order::Above).ok_or_else(cannot_follow)?,
            "gte" => self.compare(Order::AtLeast).ok_or_else(cannot_follow)?,
            "re" => self.only(Mode::Expression(Flags::default())).ok_or_else(cannot_follow)?,
            "cidr" => self.only(Mode::Within).ok_or_else(cannot_follow)?,
            "exists" => self.only(Mode::Exists).ok_or_else(cannot_follow)?,
            "fieldref" if self.encodings.is_empty() && self.mode == Mode::Text && !self.windash => {
                self.mode = Mode::Other;
            }
            "fieldref" => return Err(cannot_follow()),
            "quell.list" => self.only_unplaced(Mode::Listed(How::Is)).ok_or_else(cannot_follow)?,
            "quell.domain" => self.only(Mode::Listed(How::Below)).ok_or_else(cannot_follow)?,
            "i" | "m" | "s" => self.flag(modifier)?,
            "all" => self.all = true,
            "neq" => self.neq = true,
            "cased" if self.mode == Mode::Other => self.cased = true,
            "cased" => {
                text_only(self)?;
                self.cased = true;
            }
            "windash" => {
                text_only(self)?;
                self.windash = true;
            }
            "expand" => {
                text_only(self)?;
                self.expand = true;
            }
            "wide" | "utf16le" => self.encode(Encoding::Utf16(Utf16::Little)).ok_or_else(cannot_follow)?,
            "utf16be" => self.encode(Encoding::Utf16(Utf16::Big)).ok_or_else(cannot_follow)?,
            "utf16" => self.encode(Encoding::Utf16(Utf16::Marked)).ok_or_else(cannot_follow)?,
            "base64" => self.encode(Encoding::Base64).ok_or_else(cannot_follow)?,
            "base64offset" => self.encode(Encoding::Base64Offset).ok_or_else(cannot_follow)?,
            other => match part {
                Some(part) => self.part(part).ok_or_else(cannot_follow)?,
                None => return Err(unknown(other)),
            },
        }
        Ok(())
    }

    fn place(&mut self, anchor: Anchor) -> Option<()> {
        let may = matches!(self.mode, Mode::Text | Mode::Other)
            || (self.mode == Mode::Listed(How::Is) && anchor != Anchor::Anywhere);
        let fits = may && self.anchor.is_none();
        fits.then(|| self.anchor = Some(anchor))
    }

    fn compare(&mut self, order: Order) -> Option<()> {
        self.mode = match self.mode {
            Mode::Text if self.is_bare() => Mode::Compare(order),
            Mode::Part(part, Order::Equal) => Mode::Part(part, order),
            _ => return None,
        };
        Some(())
    }

    fn part(&mut self, part: TimePart) -> Option<()> {
        self.mode = match self.mode {
            Mode::Text if self.is_bare() => Mode::Part(part, Order::Equal),
            Mode::Compare(order) => Mode::Part(part, order),
            _ => return None,
        };
        Some(())
    }

    fn only(&mut self, mode: Mode) -> Option<()> {
        let fits = self.mode == Mode::Text && self.is_bare();
        fits.then(|| self.mode = mode)
    }

    /// As [`Modifiers::only`]; where in the value may be said before.
    fn only_unplaced(&mut self, mode: Mode) -> Option<()> {
        let anchor = self.anchor.take_if(|anchor| *anchor != Anchor::Anywhere);
        self.only(mode)?;
        self.anchor = anchor;
        Some(())
    }

    /// Whether nothing was said yet that acts on text.
    fn is_bare(&self) -> bool {
        self.anchor.is_none() && !self.cased && !self.windash && !self.expand && self.encodings.is_empty()
    }

    fn encode(&mut self, encoding: Encoding) -> Option<()> {
        let most = self.encodings.len() < MOST_ENCODINGS;
        let fits = most && self.mode == Mode::Text && self.anchor.is_none() && !self.windash;
        fits.then(|| self.encodings.push(encoding))
    }

    fn flag(&mut self, modifier: &str) -> Result<(), Fault> {
        let Mode::Expression(flags) = &mut self.mode else {
            return Err(Fault::new(format!("`{modifier}` belongs behind `re`")));
        };
        match modifier {
            "i" => flags.insensitive = true,
            "m" => flags.multi_line = true,
            _ => flags.dot_all = true,
        }
        Ok(())
    }

    /// The test that a value makes. `keyword`: a text stands anywhere unless something else is said.
    pub fn test(
        &self,
        node: &Node,
        keyword: bool,
        detections: &Detections,
        reader: &mut Reader<'_>,
    ) -> Option<Test> {
        let null = node.data == Data::Scalar(Value::Null);
        if null && self.mode == Mode::Text && self.is_bare() && !keyword {
            return Some(Test::Null);
        }
        let Some(text) = scalar(node) else {
            reader.expected(node, "text, a number, true or false");
            return None;
        };
        if keyword && text.trim().is_empty() {
            reader.wrong(node.at, "expected a keyword, found empty text");
            return None;
        }
        let anchor = self.anchor.unwrap_or(if keyword { Anchor::Anywhere } else { Anchor::Whole });
        let made = match self.mode {
            Mode::Text => self.texts(&text, anchor, detections),
            Mode::Expression(flags) => Expression::new(&text, flags, &detections.room).map(Test::Expression),
            Mode::Compare(order) => number(&text).map(|limit| Test::Compare(order, limit)),
            Mode::Part(part, order) => number(&text).map(|limit| Test::Part(part, order, limit)),
            Mode::Within => Network::parse(text.trim()).map(Test::Within).ok_or_else(|| {
                format!("expected a network such as 192.0.2.0/24, found `{}`", shown(&text)).into()
            }),
            Mode::Other => Ok(Test::Other { field: FieldName::new(text.trim()), anchor, cased: self.cased }),
            Mode::Listed(how) => {
                let how = if how == How::Is { How::of(anchor).unwrap_or(how) } else { how };
                detections.lists.get(text.trim()).map(|list| listed(list, how)).ok_or_else(|| {
                    let near = did_you_mean(text.trim(), detections.lists.names());
                    Fault::new(format!("there is no indicator list `{}`", shown(&text))).hint(
                        near.unwrap_or_else(|| {
                            "put its file into indicators/, or name it under `indicators` in settings.yaml"
                                .to_owned()
                        }),
                    )
                })
            }
            // Read by the caller: its value is no value of the field.
            Mode::Exists => return None,
        };
        made.map_err(|fault| reader.wrong(node.at, fault)).ok()
    }

    fn texts(&self, text: &str, anchor: Anchor, detections: &Detections) -> Result<Test, Fault> {
        if let Some(list) = self.expand.then(|| self.whole_list(text, detections)).flatten() {
            let plain = !self.cased && !self.windash && self.encodings.is_empty();
            return match How::of(anchor).filter(|_| plain) {
                Some(how) => Ok(listed(list, how)),
                None => Err(Fault::new(format!(
                    "`{}` is an indicator list: of its entries only whole values, beginnings and ends are compared",
                    shown(text)
                ))),
            };
        }
        let expanded = match self.expand {
            true => detections.placeholders.expand(text, &detections.room)?,
            false => vec![Text::parse(text)],
        };
        let mut tests = Vec::with_capacity(expanded.len());
        for text in expanded {
            for text in self.encoded(text, &detections.room)? {
                tests.push(Test::Text(Pattern::of(text, anchor, self.cased, self.windash)));
            }
        }
        Ok(match tests.len() {
            1 => tests.remove(0),
            _ => Test::Either(tests),
        })
    }

    /// The indicator list that the text names, if it is no more than that, and no placeholder has the name.
    fn whole_list<'d>(&self, text: &str, detections: &'d Detections) -> Option<&'d Arc<Indicators>> {
        let name = text.strip_prefix('%')?.strip_suffix('%')?;
        detections.lists.get(name).filter(|_| !detections.placeholders.has(name))
    }

    fn encoded(&self, text: Text, room: &Room) -> Result<Vec<Text>, Fault> {
        if !self.encodings.is_empty() {
            // Each of them makes at most six bytes of three, and `base64offset` three forms of one.
            let forms = 3_usize.pow(self.encodings.len() as u32);
            room.made(forms, forms.saturating_mul(text.bytes() << self.encodings.len()))?;
        }
        let mut forms = vec![Encoded::Text(text)];
        for encoding in &self.encodings {
            let mut next = Vec::new();
            for form in forms {
                match encoding {
                    Encoding::Utf16(kind) => next.push(form.utf16(*kind)?),
                    Encoding::Base64 => next.push(form.base64()?),
                    Encoding::Base64Offset => next.extend(form.base64_offset()?),
                }
            }
            forms = next;
        }
        forms.into_iter().map(Encoded::into_text).collect()
    }
}

fn listed(list: &Arc<Indicators>, how: How) -> Test {
    Test::Listed(Listed { list: Arc::clone(list), how })
}

fn number(text: &str) -> Result<f64, Fault> {
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| format!("expected a number, found `{}`", shown(text)).into())
}

fn unknown(modifier: &str) -> Fault {
    let near = did_you_mean(modifier, MODIFIERS.iter().copied());
    Fault::new(format!("unknown modifier `{}`", shown(modifier)))
        .hint(near.unwrap_or_else(|| format!("modifiers: {}", MODIFIERS.join(", "))))
}
