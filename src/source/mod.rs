//! Where signals come from: recorded files, and the decoders of their lines.

pub mod books;
pub mod decode;
pub mod file;

pub use books::{Books, Dropped, Quarantine, Sample};
pub use decode::{Decoder, Format, Options, Undecodable};
pub use file::{FileError, Files, LINE_BYTES, Line, LineReader};
