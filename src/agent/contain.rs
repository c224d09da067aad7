//! A panic in an agent or a decoder costs one step or one signal, not the program (C34).

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic on this thread would be contained now. A panic hook asks this before it restores
/// the terminal: a contained panic leaves the screen alone.
pub fn is_contained() -> bool {
    CONTAINED.get()
}

/// Runs `work`; a panic in it becomes its message.
///
/// # Errors
/// What the panic said.
pub fn contain<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let before = CONTAINED.replace(true);
    // What `work` left half done is not looked at again: its step or signal has failed.
    let result = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(before);
    result.map_err(|payload| message(payload.as_ref()))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c34_a_panic_becomes_its_message() {
        assert_eq!(contain(|| 7), Ok(7));
        assert_eq!(contain(|| -> u8 { panic!("on purpose: {}", 1) }), Err("on purpose: 1".to_owned()));
        assert!(!is_contained());
        assert_eq!(contain(is_contained), Ok(true));
    }
}
