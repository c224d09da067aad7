//! Where signals come from: recorded files, and the decoders of their lines.

pub mod decode;

pub use decode::{Decoder, Format, LINE_BYTES, Options, Undecodable};
