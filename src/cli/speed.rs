//! How fast a recording is played.

use std::fmt;
use std::str::FromStr;

/// `1`, `10`, `0.5x`, `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// Virtual time: nothing waits.
    Max,
    /// So many times as fast as it was recorded.
    Times(f64),
}

impl Speed {
    /// The factor, where there is one.
    pub fn times(self) -> Option<f64> {
        match self {
            Speed::Max => None,
            Speed::Times(times) => Some(times),
        }
    }
}

impl FromStr for Speed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHY: &str = "expected `max` or a number from 0.01 to 1000000, for example 10";
        if text == "max" {
            return Ok(Speed::Max);
        }
        let times: f64 = text.strip_suffix('x').unwrap_or(text).parse().map_err(|_| WHY)?;
        if (0.01..=1e6).contains(&times) { Ok(Speed::Times(times)) } else { Err(WHY) }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speed::Max => f.write_str("max"),
            Speed::Times(times) => write!(f, "{times}x"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read() {
        for (text, speed) in [
            ("max", Speed::Max),
            ("1", Speed::Times(1.0)),
            ("10x", Speed::Times(10.0)),
            ("0.5", Speed::Times(0.5)),
        ] {
            assert_eq!(text.parse(), Ok(speed));
        }
        for bad in ["", "fast", "0", "-1", "nan", "inf", "x", "1e9"] {
            assert!(bad.parse::<Speed>().is_err(), "{bad}");
        }
    }
}
