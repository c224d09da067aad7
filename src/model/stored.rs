//! How the state is stored: each struct as the list of its fields.

/// Stores a struct as the list of its fields, in the order that is given here. The list names every
/// field, else it does not compile; a list that is shorter or longer is not read. So nothing is taken
/// for granted that was not stored.
macro_rules! stored {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeTuple as _;
                let $name { $($field),+ } = self;
                let mut list = serializer.serialize_tuple([$(stringify!($field)),+].len())?;
                $(list.serialize_element($field)?;)+
                list.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;

                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("the fields of ", stringify!($name)))
                    }

                    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<$name, A::Error> {
                        let missing = |field| {
                            serde::de::Error::custom(format_args!("{} has no {field}", stringify!($name)))
                        };
                        $(let $field = list.next_element()?.ok_or_else(|| missing(stringify!($field)))?;)+
                        Ok($name { $($field),+ })
                    }
                }

                deserializer.deserialize_tuple([$(stringify!($field)),+].len(), Fields)
            }
        }
    };
}

pub(crate) use stored;

#[cfg(test)]
mod tests {
    #[derive(Debug, PartialEq)]
    struct Pair {
        left: u32,
        right: Option<String>,
    }

    super::stored!(Pair { left, right });

    #[test]
    fn a_struct_is_the_list_of_its_fields() {
        for (pair, json) in [
            (Pair { left: 7, right: None }, "[7,null]"),
            (Pair { left: 7, right: Some("x".to_owned()) }, r#"[7,"x"]"#),
        ] {
            assert_eq!(serde_json::to_string(&pair).unwrap(), json);
            assert_eq!(serde_json::from_str::<Pair>(json).unwrap(), pair);
        }
        for (json, why) in
            [("[7]", "Pair has no right"), ("[7,null,1]", "trailing"), ("{}", "the fields of Pair")]
        {
            let error = serde_json::from_str::<Pair>(json).unwrap_err().to_string();
            assert!(error.contains(why), "{json}: {error}");
        }
    }
}
