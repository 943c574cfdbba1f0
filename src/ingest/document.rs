//! Streams one JSON document into types that keep little, and says where it goes wrong.
//!
//! Tools differ in what they write where nothing is to be said, so a list may be `null`, and unknown keys are skipped.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read};
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_path_to_error::Track;

use super::error::{Format, IngestError};
use super::upload::{BadGzip, TooLarge};

/// The longest excerpt of a document in an error, in characters.
const MAX_DETAIL: usize = 300;

/// Where a root visitor leaves an error that has its own code.
#[derive(Default)]
pub(super) struct Refusal(RefCell<Option<IngestError>>);

impl Refusal {
    /// Keeps the error; what it returns ends the reading.
    pub(super) fn refuse<E: de::Error>(&self, error: IngestError) -> E {
        *self.0.borrow_mut() = Some(error);
        E::custom("refused")
    }
}

/// Reads a whole document, to the end of the input.
pub(super) fn read<'a, S, T>(
    reader: impl Read,
    format: Format,
    refusal: &'a Refusal,
    root: S,
) -> Result<T, IngestError>
where
    S: for<'de> DeserializeSeed<'de, Value = T> + 'a,
{
    let mut reader = BufReader::with_capacity(64 * 1024, reader);
    skip_byte_order_mark(&mut reader)?;
    let mut json = serde_json::Deserializer::from_reader(reader);
    let mut track = Track::new();
    let read = root
        .deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track))
        .and_then(|value| json.end().map(|()| value));
    read.map_err(|error| match refusal.0.take() {
        Some(refused) => refused,
        None => explained(error, format, &track.path().to_string()),
    })
}

/// Some tools on Windows begin their files with one; JSON does not know it.
fn skip_byte_order_mark(reader: &mut BufReader<impl Read>) -> Result<(), IngestError> {
    let start = reader.fill_buf().map_err(unreadable)?;
    if start.starts_with("\u{feff}".as_bytes()) {
        reader.consume("\u{feff}".len());
    }
    Ok(())
}

fn explained(error: serde_json::Error, format: Format, place: &str) -> IngestError {
    let (line, column) = (error.line(), error.column());
    let detail = || {
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        bounded(what, MAX_DETAIL)
    };
    match error.classify() {
        Category::Io => unreadable(error.into()),
        Category::Eof => IngestError::Truncated { line, column },
        Category::Syntax => IngestError::MalformedJson { line, column, detail: detail() },
        Category::Data if place == "." => {
            IngestError::WrongFormat { expected: format, detail: "the document is no JSON object" }
        }
        Category::Data => {
            IngestError::Invalid { place: bounded(place, MAX_DETAIL), line, column, detail: detail() }
        }
    }
}

/// Why the bytes could not be had.
pub(super) fn unreadable(error: io::Error) -> IngestError {
    if let Some(&TooLarge { limit, measured }) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return IngestError::TooLarge { limit, measured };
    }
    if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<BadGzip>) {
        return IngestError::MalformedGzip { source: error };
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => IngestError::TruncatedGzip,
        _ => IngestError::Unreadable { source: error },
    }
}

/// A text without NUL (`PostgreSQL` stores none), cut to so many characters with an ellipsis.
pub(super) fn bounded(text: &str, limit: usize) -> String {
    let mut kept = match text.char_indices().nth(limit) {
        Some(_) => text.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    };
    if kept.contains('\0') {
        kept = kept.replace('\0', "\u{fffd}");
    }
    kept
}

/// A text of at most so many characters; the rest is dropped while reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<const LIMIT: usize>(pub(super) String);

impl<const LIMIT: usize> Text<LIMIT> {
    /// The trimmed text, unless it is blank.
    pub(super) fn said(&self) -> Option<&str> {
        Some(self.0.trim()).filter(|text| !text.is_empty())
    }
}

impl<'de, const LIMIT: usize> Deserialize<'de> for Text<LIMIT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<const LIMIT: usize>;
        impl<const LIMIT: usize> Visitor<'_> for TextVisitor<LIMIT> {
            type Value = Text<LIMIT>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(bounded(text, LIMIT)))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A text of a list that may be absent or blank.
pub(super) fn said<const LIMIT: usize>(text: Option<&Text<LIMIT>>) -> Option<String> {
    text.and_then(Text::said).map(str::to_owned)
}

/// A list of at most so many entries; `null` is an empty one.
#[derive(Debug)]
pub(super) struct List<T, const MAX: usize>(pub(super) Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
            type Value = List<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(List::default())
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                deserializer.deserialize_seq(self)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = entries.next_element()? {
                    if list.len() == MAX {
                        return Err(too_many(MAX));
                    }
                    list.push(entry);
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_option(ListVisitor(PhantomData))
    }
}

/// An object with names of the writer's choice, at most so many; `null` is an empty one.
#[derive(Debug)]
pub(super) struct Map<T, const MAX: usize>(pub(super) BTreeMap<String, T>);

impl<T, const MAX: usize> Default for Map<T, MAX> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Map<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for EntriesVisitor<T, MAX> {
            type Value = Map<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Map::default())
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                deserializer.deserialize_map(self)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((name, value)) = entries.next_entry()? {
                    map.insert(name, value);
                    if map.len() > MAX {
                        return Err(too_many(MAX));
                    }
                }
                Ok(Map(map))
            }
        }
        deserializer.deserialize_option(EntriesVisitor(PhantomData))
    }
}

/// The error for a list that is too long.
pub(super) fn too_many<E: de::Error>(limit: usize) -> E {
    E::custom(format_args!("more than {limit} entries; split the document"))
}

/// A value of a property bag, where each tool writes what it likes: nothing of it is an error.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Loose {
    /// A string.
    Text(String),
    /// A number.
    Number(f64),
    /// An array; its strings.
    Texts(Vec<String>),
    /// Anything else.
    #[default]
    Other,
}

impl Loose {
    const MAX_TEXT: usize = 200;
    const MAX_TEXTS: usize = 100;

    /// The number, also where it is written as text.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(number) => Some(*number),
            Self::Texts(_) | Self::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LooseVisitor;
        impl<'de> Visitor<'de> for LooseVisitor {
            type Value = Loose;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose::Text(bounded(text, Loose::MAX_TEXT)))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Loose, E> {
                Ok(Loose::Number(number))
            }

            #[expect(clippy::cast_precision_loss, reason = "only small numbers mean something here")]
            fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
                Ok(Loose::Number(number as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "only small numbers mean something here")]
            fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
                Ok(Loose::Number(number as f64))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
                Ok(Loose::Other)
            }

            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Loose, A::Error> {
                let mut texts = Vec::new();
                while let Some(entry) = entries.next_element()? {
                    match entry {
                        Loose::Text(text) if texts.len() < Loose::MAX_TEXTS => texts.push(text),
                        _ => {}
                    }
                }
                Ok(Loose::Texts(texts))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Loose, A::Error> {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
        }
        deserializer.deserialize_any(LooseVisitor)
    }
}
