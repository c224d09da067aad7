//! Addresses and networks: which of them an address lies in, the narrowest first.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Sorted numbers of networks, by the length of their prefix.
#[derive(Debug, Clone, Default)]
pub struct Networks {
    /// Longest prefix first.
    v4: Vec<(u8, Box<[u32]>)>,
    v6: Vec<(u8, Box<[u128]>)>,
}

/// Networks as they are read.
#[derive(Debug, Default)]
pub struct Unsorted {
    v4: BTreeMap<u8, Vec<u32>>,
    v6: BTreeMap<u8, Vec<u128>>,
}

fn mask4(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

fn mask6(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

/// An address, or `address/bits`; a single address has all bits. `None` if the text is neither.
pub fn parse(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits: u8 = match bits {
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= width)?,
        None => width,
    };
    // A v4 address mapped into v6 counts as v4.
    match address.to_canonical() {
        IpAddr::V4(v4) if width == 128 => Some((IpAddr::V4(v4), bits.checked_sub(96)?)),
        canonical => Some((canonical, bits)),
    }
}

impl Unsorted {
    /// Takes a network in.
    pub fn push(&mut self, (address, bits): (IpAddr, u8)) {
        match address {
            IpAddr::V4(v4) => self.v4.entry(bits).or_default().push(u32::from(v4) & mask4(bits)),
            IpAddr::V6(v6) => self.v6.entry(bits).or_default().push(u128::from(v6) & mask6(bits)),
        }
    }

    /// Brings them in order.
    pub fn sorted(self) -> Networks {
        Networks { v4: sorted(self.v4), v6: sorted(self.v6) }
    }
}

fn sorted<T: Ord>(tables: BTreeMap<u8, Vec<T>>) -> Vec<(u8, Box<[T]>)> {
    let tables = tables.into_iter().rev().map(|(bits, mut table)| {
        table.sort_unstable();
        table.dedup();
        (bits, table.into_boxed_slice())
    });
    tables.collect()
}

impl Networks {
    /// The narrowest network that the address lies in, as it is written.
    pub fn find(&self, address: IpAddr) -> Option<String> {
        let (first, bits) = match address.to_canonical() {
            IpAddr::V4(v4) => {
                let within = |(bits, table): &&(u8, Box<[u32]>)| {
                    table.binary_search(&(u32::from(v4) & mask4(*bits))).is_ok()
                };
                let (bits, _) = self.v4.iter().find(within)?;
                (IpAddr::from(std::net::Ipv4Addr::from(u32::from(v4) & mask4(*bits))), *bits)
            }
            IpAddr::V6(v6) => {
                let within = |(bits, table): &&(u8, Box<[u128]>)| {
                    table.binary_search(&(u128::from(v6) & mask6(*bits))).is_ok()
                };
                let (bits, _) = self.v6.iter().find(within)?;
                (IpAddr::from(std::net::Ipv6Addr::from(u128::from(v6) & mask6(*bits))), *bits)
            }
        };
        let whole = if first.is_ipv4() { 32 } else { 128 };
        Some(if bits == whole { first.to_string() } else { format!("{first}/{bits}") })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let v4 = self.v4.iter().map(|(_, table)| table.len());
        v4.sum::<usize>() + self.v6.iter().map(|(_, table)| table.len()).sum::<usize>()
    }

    /// What they take in memory, in bytes.
    pub fn memory(&self) -> usize {
        let v4 = self.v4.iter().map(|(_, table)| size_of_val(&**table));
        v4.sum::<usize>() + self.v6.iter().map(|(_, table)| size_of_val(&**table)).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Network;
    use proptest::prelude::*;

    fn of(texts: &[&str]) -> Networks {
        let mut unsorted = Unsorted::default();
        texts.iter().for_each(|text| unsorted.push(parse(text).unwrap()));
        unsorted.sorted()
    }

    #[test]
    fn the_narrowest_is_named() {
        let networks =
            of(&["10.0.0.0/8", "10.1.2.3", "10.1.0.0/16", "2001:db8::/32", "::ffff:192.0.2.0/120"]);
        assert_eq!(networks.len(), 5);
        for (address, expected) in [
            ("10.1.2.3", Some("10.1.2.3")),
            ("10.1.2.4", Some("10.1.0.0/16")),
            ("10.2.2.4", Some("10.0.0.0/8")),
            ("::ffff:10.1.2.3", Some("10.1.2.3")),
            ("192.0.2.9", Some("192.0.2.0/24")),
            ("11.0.0.1", None),
            ("2001:db8:ffff::1", Some("2001:db8::/32")),
            ("2001:db9::", None),
        ] {
            assert_eq!(networks.find(address.parse().unwrap()).as_deref(), expected, "{address}");
        }
        assert_eq!(of(&["0.0.0.0/0"]).find([1, 2, 3, 4].into()).as_deref(), Some("0.0.0.0/0"));
        for bad in ["10.0.0", "10.0.0.0/33", "x", "", "::/129", "10.0.0.1/", "::ffff:10.0.0.0/8", "1/1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn they_are_what_each_network_says(
            networks in proptest::collection::vec((any::<u32>(), 0u8..=32), 0..20),
            addresses in proptest::collection::vec(any::<u32>(), 1..20),
        ) {
            // Few bits, so that they meet.
            let near = |n: u32| std::net::Ipv4Addr::from(n & 0xf000_00ff);
            let texts: Vec<String> = networks.iter().map(|(n, bits)| format!("{}/{bits}", near(*n))).collect();
            let found = of(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            for address in addresses {
                let address = IpAddr::V4(near(address));
                let within = texts.iter().filter(|text| Network::parse(text).unwrap().contains(address));
                let narrowest = within.map(|text| parse(text).unwrap().1).max();
                prop_assert_eq!(found.find(address).and_then(|text| parse(&text)).map(|(_, bits)| bits), narrowest);
            }
        }
    }
}
