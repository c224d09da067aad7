//! Where signals come from: recorded files, files that grow, pipes, sockets, and the decoders of their lines.

pub mod decode;
pub mod file;
pub mod follow;
pub mod lines;
pub mod quarantine;
pub mod socket;

pub use decode::{Decoder, Format, Options, Undecodable};
pub use file::{FileError, Files, LINE_BYTES, Line, LineReader};
pub use quarantine::{BadLines, Quarantine, Sample};
