//! JSON as strict as it must be: an object is an object, and a list has an end. Pure.

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, value::MapAccessDeserializer},
};
use std::{collections::BTreeMap, fmt, marker::PhantomData};

/// Read from an object only: serde would fill a struct from a list, too, by its order, which is a guess.
#[derive(Debug, Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// A list of so many entries at most: a few bytes can otherwise stand for a large struct. Null is none.
#[derive(Debug)]
pub struct AtMost<T, const MOST: usize>(pub Vec<T>);

impl<T, const MOST: usize> Default for AtMost<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for AtMost<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T, const MOST: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MOST: usize> de::Visitor<'de> for Entries<T, MOST> {
            type Value = AtMost<T, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MOST} entries")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(AtMost::default())
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    if entries.len() == MOST {
                        return Err(de::Error::invalid_length(MOST + 1, &self));
                    }
                    entries.push(entry);
                }
                Ok(AtMost(entries))
            }
        }

        deserializer.deserialize_any(Entries(PhantomData))
    }
}

/// A map of texts, such as tags. A null is an empty text, and what is neither is left out: it says nothing that anybody
/// could compare with.
pub fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let told = Option::<Object<BTreeMap<String, Text>>>::deserialize(deserializer)?;
    let Object(texts) = told.unwrap_or_default();
    Ok(texts.into_iter().filter_map(|(key, Text(text))| Some((key, text?))).collect())
}

/// Tags as a list of keys and values. In practice also the one of a list that was made an object, and a map of texts.
pub fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    struct Tag {
        key: String,
        #[serde(default)]
        value: Text,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        List(Vec<Option<Object<Tag>>>),
        One(Object<Tag>),
        Map(Object<BTreeMap<String, Text>>),
        Other(IgnoredAny),
    }
    let pairs: Vec<(String, Text)> = match Told::deserialize(deserializer)? {
        Told::List(tags) => tags.into_iter().flatten().map(|Object(Tag { key, value })| (key, value)).collect(),
        Told::One(Object(Tag { key, value })) => vec![(key, value)],
        Told::Map(Object(tags)) => tags.into_iter().collect(),
        Told::Other(_) => Vec::new(),
    };
    Ok(pairs.into_iter().filter_map(|(key, Text(text))| Some((key, text?))).collect())
}

/// None: it is no text.
#[derive(Debug)]
pub struct Text(pub Option<String>);

impl Default for Text {
    fn default() -> Self {
        Self(Some(String::new()))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Told {
            Text(String),
            Nothing(()),
            Other(IgnoredAny),
        }
        Ok(Self(match Told::deserialize(deserializer)? {
            Told::Text(text) => Some(text),
            Told::Nothing(()) => Some(String::new()),
            Told::Other(_) => None,
        }))
    }
}
