//! What happened in a world, line by line, and a fingerprint of it.

/// Kept only if it is asked for.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Option<Vec<String>>,
    hash: u64,
}

impl Trace {
    /// For a seed; `on` keeps it.
    pub fn new(seed: u64, on: bool) -> Self {
        Trace { lines: on.then(Vec::new), hash: seed }
    }

    /// Whether it is kept.
    pub fn is_on(&self) -> bool {
        self.lines.is_some()
    }

    /// One more line.
    pub fn push(&mut self, line: String) {
        let Some(lines) = &mut self.lines else { return };
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        lines.push(line);
    }

    /// The fingerprint of everything so far.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Everything, oldest first.
    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

/// Notes a line, if anybody wants it.
macro_rules! note {
    ($world:expr, $($part:tt)*) => {
        if $world.trace.is_on() {
            let line = format!($($part)*);
            $world.trace.push(line);
        }
    };
}
pub(super) use note;
