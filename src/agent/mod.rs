//! Those who act.
