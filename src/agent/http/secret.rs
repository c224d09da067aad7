//! Secrets: found by reference when they are needed, and shown nowhere (C35).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use super::file;
use crate::model::{Map, SafeText, SecretRef, Value};

/// Bytes of a secret, at most.
const MAX_BYTES: usize = 16 * 1024;
/// What stands where a server repeated a secret.
const HIDDEN: &str = "[secret]";
/// Shorter secrets are not looked for in answers: they would be found everywhere.
const MIN_HIDDEN: usize = 4;

/// A secret. It cannot be printed: there is neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes what a variable or a file has; a line break at its end does not belong to it.
    ///
    /// # Errors
    /// It cannot be the value of a header.
    fn new(bytes: Vec<u8>) -> Result<Secret, String> {
        let mut text = String::from_utf8(bytes).map_err(|_| "is not text".to_owned())?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err("has a character that no header has".to_owned());
        }
        Ok(Secret(text.into()))
    }

    /// The secret itself, for the one header that it is meant for.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

/// The secrets of the environment, read once at the start; clones are the same.
#[derive(Clone, Default)]
pub struct Secrets(Arc<BTreeMap<Arc<str>, Result<Secret, String>>>);

impl Secrets {
    /// Those of these variables that are set.
    pub fn of(variables: impl IntoIterator<Item = (Arc<str>, Option<OsString>)>) -> Self {
        let set =
            variables.into_iter().filter_map(|(name, value)| Some((name, Secret::new(value?.into_vec()))));
        Secrets(Arc::new(set.collect()))
    }

    /// Finds a secret. A file is read anew each time, which may block.
    ///
    /// # Errors
    /// Says what is wrong, without the secret.
    pub fn find(&self, what: &SecretRef) -> Result<Secret, String> {
        let found = match what {
            SecretRef::Env(name) => self.0.get(name).cloned().unwrap_or_else(|| Err("is not set".to_owned())),
            SecretRef::File(path) => of_file(path),
        };
        found.map_err(|why| format!("secret {} {why}", SafeText(&what.to_string())))
    }
}

fn of_file(path: &str) -> Result<Secret, String> {
    let (bytes, about) = file::read(path, MAX_BYTES)?;
    if about.permissions().mode() & 0o006 != 0 {
        return Err("can be read or written by everybody: take that right away (chmod o-rw)".to_owned());
    }
    Secret::new(bytes)
}

/// Hides secrets in a text that a server sent.
pub(super) fn hide(secrets: &[Secret], text: &str) -> String {
    let long = secrets.iter().filter(|secret| secret.0.len() >= MIN_HIDDEN);
    long.fold(text.to_owned(), |text, secret| text.replace(&*secret.0, HIDDEN))
}

/// Hides secrets in every text of an object that a server sent.
pub(super) fn hide_in(secrets: &[Secret], object: Map) -> Map {
    object.into_iter().map(|(key, value)| (hide(secrets, &key), hide_in_value(secrets, value))).collect()
}

fn hide_in_value(secrets: &[Secret], value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(hide(secrets, &text)),
        Value::Array(items) => items.into_iter().map(|item| hide_in_value(secrets, item)).collect(),
        Value::Object(object) => Value::Object(hide_in(secrets, object)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    fn found(secrets: &Secrets, what: &SecretRef) -> Result<String, String> {
        secrets.find(what).map(|secret| secret.reveal().to_owned())
    }

    #[test]
    fn c35_a_variable_is_read_once() {
        let set = |text: &[u8]| Some(OsString::from_vec(text.to_vec()));
        let secrets = Secrets::of([
            (Arc::from("GOOD"), set(b"Bearer abc")),
            (Arc::from("EMPTY"), set(b"")),
            (Arc::from("SPLIT"), set(b"abc\r\nX-Admin: 1")),
            (Arc::from("BYTES"), set(b"\xff")),
            (Arc::from("UNSET"), None),
        ]);
        for (name, want) in [
            ("GOOD", Ok("Bearer abc")),
            ("EMPTY", Err("secret env:EMPTY is empty")),
            ("SPLIT", Err("secret env:SPLIT has a character that no header has")),
            ("BYTES", Err("secret env:BYTES is not text")),
            ("UNSET", Err("secret env:UNSET is not set")),
        ] {
            let want = want.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(found(&secrets, &SecretRef::Env(name.into())), want);
        }
    }

    #[test]
    fn c35_a_file_is_read_at_each_use_and_is_not_for_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let what = SecretRef::File(path.to_str().unwrap().into());
        let write = |bytes: &[u8], mode| {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            found(&Secrets::default(), &what).map_err(|why| why.replace(&what.to_string(), "F"))
        };
        let wrong = |why: &str| Err(format!("secret F {why}"));
        assert_eq!(write(b"one\n", 0o600), Ok("one".to_owned()));
        assert_eq!(write(b"two\r\n", 0o640), Ok("two".to_owned()));
        assert_eq!(write(b"a\nb\n", 0o600), wrong("has a character that no header has"));
        assert_eq!(write(b"\n", 0o600), wrong("is empty"));
        assert_eq!(write(&[b'x'; 17 * 1024], 0o600), wrong("has more than 16384 bytes"));
        for mode in [0o604, 0o602] {
            let why = "can be read or written by everybody: take that right away (chmod o-rw)";
            assert_eq!(write(b"three", mode), wrong(why));
        }
        fs::remove_file(&path).unwrap();
        let gone = found(&Secrets::default(), &what).unwrap_err();
        assert!(gone.ends_with("cannot be read: No such file or directory (os error 2)"), "{gone}");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(found(&Secrets::default(), &what).unwrap_err().ends_with("is not a file"));
    }

    #[test]
    fn c35_a_secret_that_a_server_repeats_is_hidden() {
        let secrets = [Secret::new(b"t0ken".to_vec()).unwrap(), Secret::new(b"x".to_vec()).unwrap()];
        assert_eq!(hide(&secrets, "a t0ken, a t0ken, an x"), "a [secret], a [secret], an x");
        let Value::Object(object) = json!({"a": ["Bearer t0ken", 1], "t0ken": {"b": "t0ken"}}) else {
            panic!()
        };
        let want = json!({"a": ["Bearer [secret]", 1], "[secret]": {"b": "[secret]"}});
        assert_eq!(Value::Object(hide_in(&secrets, object)), want);
    }
}
