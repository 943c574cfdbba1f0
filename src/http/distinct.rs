//! A JSON object of a bounded number of values, without a key that stands in it twice, however deep: readers differ in which of two they take, so what one that stands
//! before the gateway has looked at need not be what the gateway does.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Values that are read at most: more are not even looked at. Far more than any document may be given.
const MOST: usize = 20_000;

/// The object.
#[derive(Debug, Default)]
pub(super) struct Distinct(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match (Reader { left: &Cell::new(MOST) }).deserialize(deserializer)? {
            Value::Object(object) => Ok(Self(object)),
            other => Err(de::Error::custom(format_args!("{} is no object", kind(&other)))),
        }
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Reads a value, as long as there are not too many.
#[derive(Clone, Copy)]
struct Reader<'c> {
    /// How many more there may be.
    left: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(de::Error::custom(format_args!("there are more than {MOST} values in it"))),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(de::Error::custom(format_args!("the key `{key}` stands there twice")));
            }
            let value = entries.next_value_seed(self)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_read_as_it_stands() {
        let text =
            r#"{"a":null,"b":[true,-1,18446744073709551615,1.5,"x\u0000",{"a":[]}],"c":{"a":{},"b":1}}"#;
        let Distinct(object) = serde_json::from_str(text).unwrap();
        assert_eq!(Value::Object(object), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn there_are_not_too_many() {
        let list = |count: usize| serde_json::json!({ "a": vec![1; count] }).to_string();
        assert!(serde_json::from_str::<Distinct>(&list(MOST - 2)).is_ok());
        let error = serde_json::from_str::<Distinct>(&list(MOST - 1)).unwrap_err().to_string();
        assert!(error.contains("more than 20000 values"), "{error}");
    }

    #[test]
    fn a_key_stands_once() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"c":1,"b":2}]}"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            let error = serde_json::from_str::<Distinct>(text).unwrap_err().to_string();
            assert!(error.contains("stands there twice"), "{text} {error}");
        }
        for text in ["[]", "1", "\"a\"", "{\"a\":1e999}", "{\"a\":\"\\ud800\"}"] {
            assert!(serde_json::from_str::<Distinct>(text).is_err(), "{text}");
        }
    }
}
