//! Who asks: the person behind this process, as requests carry it (C23).

use crate::control::people;
use crate::engine::{Actor, Request};

/// `NAME (uid N)`; behind sudo the one who logged in.
pub fn actor() -> Actor {
    people::me().actor()
}

/// A request of this person, with the groups that the system has them in.
pub fn asked(request: Request) -> Request {
    request.asked_in(&people::me().groups)
}
