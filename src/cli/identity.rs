//! Who asks: the person behind this process, as requests carry it (C23).

use crate::control::people;
use crate::engine::Actor;

/// `NAME (uid N)`; behind sudo the one who logged in.
pub fn actor() -> Actor {
    people::me().actor()
}
