//! An address or a prefix of addresses, IPv4 and IPv6 in one space.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Addresses that begin with the same bits. IPv4 is kept as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2), so
/// that an address has one form, however it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// Bits after `len` are zero.
    bits: u128,
    len: u8,
}

/// A text that is neither an address nor a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsePrefixError;

impl fmt::Display for ParsePrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an IP address or a prefix such as 10.0.0.0/8")
    }
}

impl std::error::Error for ParsePrefixError {}

/// `::ffff:0:0/96`: all of IPv4.
const MAPPED: u128 = 0xffff << 32;
const MAPPED_LEN: u8 = 96;
/// `64:ff9b::/96`: IPv4 behind a translator (RFC 6052).
const NAT64: u128 = 0x0064_ff9b << 96;
/// `2002::/16`: 6to4, the IPv4 address follows (RFC 3056).
const SIX_TO_FOUR: u128 = 0x2002 << 112;

impl Prefix {
    /// All of IPv4.
    pub const IPV4: Prefix = Prefix { bits: MAPPED, len: MAPPED_LEN };

    /// From an address and the number of bits that count: at most 32 of an IPv4 address, 128 of an
    /// IPv6 address; more count as that.
    pub fn new(address: IpAddr, len: u8) -> Self {
        match address {
            IpAddr::V4(v4) => Prefix::cut(v4.to_ipv6_mapped().to_bits(), MAPPED_LEN + len.min(32)),
            IpAddr::V6(v6) => Prefix::cut(v6.to_bits(), len.min(128)),
        }
    }

    const fn cut(bits: u128, len: u8) -> Self {
        let mask = if len == 0 { 0 } else { u128::MAX << (128 - len) };
        Prefix { bits: bits & mask, len }
    }

    /// Whether every address of `other` is in it.
    pub fn contains(self, other: Prefix) -> bool {
        self.len <= other.len && Prefix::cut(other.bits, self.len).bits == self.bits
    }

    /// Whether they have an address in common: then one contains the other.
    pub fn meets(self, other: Prefix) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// Whether all of IPv4 is in it, or everything.
    pub fn is_whole(self) -> bool {
        self.contains(Prefix::IPV4)
    }

    /// The IPv4 addresses that an IPv6 prefix stands for: of a translator (`64:ff9b::/96`), of 6to4
    /// (`2002::/16`), or IPv4-compatible (`::/96`, RFC 4291, 2.5.5.1).
    pub fn carried(self) -> Option<Prefix> {
        let within = |space: u128, len: u8| Prefix { bits: space, len }.contains(self);
        let v4 = |bits: u128, from: u8| {
            let len = MAPPED_LEN + (self.len - from).min(32);
            Some(Prefix::cut(MAPPED | (bits & 0xffff_ffff), len))
        };
        if within(NAT64, 96) || within(0, 96) {
            v4(self.bits, 96)
        } else if within(SIX_TO_FOUR, 16) {
            v4(self.bits >> 80, 16)
        } else {
            None
        }
    }

    /// How many addresses it has; more than fit count as the most that do.
    pub fn addresses(self) -> u64 {
        1_u64.checked_shl(u32::from(128 - self.len)).unwrap_or(u64::MAX)
    }

    /// The number of bits that count, as people write it, and whether it is of IPv4.
    pub fn bits(self) -> (u8, bool) {
        if Prefix::IPV4.contains(self) { (self.len - MAPPED_LEN, true) } else { (self.len, false) }
    }

    /// It, and the IPv4 addresses that it carries.
    pub fn forms(self) -> impl Iterator<Item = Prefix> {
        std::iter::once(self).chain(self.carried())
    }
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        Prefix::new(address, 128)
    }
}

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let (address, len) = text.split_once('/').map_or((text, None), |(address, len)| (address, Some(len)));
        let address: IpAddr = address.parse().map_err(|_| ParsePrefixError)?;
        let Some(len) = len else { return Ok(Prefix::from(address)) };
        let digits = !len.is_empty() && len.bytes().all(|byte| byte.is_ascii_digit());
        let most = if address.is_ipv4() { 32 } else { 128 };
        match len.parse::<u8>() {
            Ok(len) if digits && len <= most => Ok(Prefix::new(address, len)),
            _ => Err(ParsePrefixError),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, len, most): (IpAddr, u8, u8) = if Prefix::IPV4.contains(*self) {
            (Ipv4Addr::from_bits(self.bits as u32).into(), self.len - MAPPED_LEN, 32)
        } else {
            (Ipv6Addr::from_bits(self.bits).into(), self.len, 128)
        };
        if len == most { write!(f, "{address}") } else { write!(f, "{address}/{len}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn prefixes_have_one_spelling() {
        for (text, shown) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.1.2.3/32", "10.1.2.3"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("2001:db8::1/32", "2001:db8::/32"),
        ] {
            assert_eq!(p(text).to_string(), shown, "{text}");
        }
        for text in ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0", "10.0.0.1 ", "a", ""] {
            assert_eq!(text.parse::<Prefix>(), Err(ParsePrefixError), "{text}");
        }
    }

    #[test]
    fn prefixes_meet_where_one_contains_the_other() {
        for (a, b, meets) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("::/0", "10.0.0.1", true),
            ("::/64", "10.0.0.1", true),
            ("::ffff:0:0/96", "10.0.0.1", true),
            ("2001:db8::/32", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("fe80::/10", "10.0.0.1", false),
        ] {
            assert_eq!((p(a).meets(p(b)), p(b).meets(p(a))), (meets, meets), "{a} {b}");
        }
    }

    #[test]
    fn ipv4_is_found_in_ipv6() {
        for (text, carried) in [
            ("64:ff9b::10.0.0.1", Some("10.0.0.1")),
            ("64:ff9b::a00:0/104", Some("10.0.0.0/8")),
            ("64:ff9b::/96", Some("0.0.0.0/0")),
            ("64:ff9b::/95", None),
            ("2002:a00:1::", Some("10.0.0.1")),
            ("2002:a00:1:5::9", Some("10.0.0.1")),
            ("2002:a00::/24", Some("10.0.0.0/8")),
            ("2002::/16", Some("0.0.0.0/0")),
            ("::10.0.0.1", Some("10.0.0.1")),
            ("::ffff:10.0.0.1", None),
            ("2001:db8::1", None),
        ] {
            assert_eq!(p(text).carried().map(|p| p.to_string()).as_deref(), carried, "{text}");
        }
    }
}
