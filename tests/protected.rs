//! Nobody is locked out (C27): random decisions against random protected sets, compared with a model
//! that knows nothing of how the set works. `QUELL_PROTECT_CASES=1000000` asks for more of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use quell::engine::protect::{Entry, Guarded, Origin, Protected, targets};
use quell::model::{Action, Timestamp, Value, ValueType};

struct Dice(u64);

impl Dice {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Bits as text: slow, and nothing that the program does.
fn bits_of(address: IpAddr, len: u8) -> String {
    let all: String = match address {
        IpAddr::V4(v4) => v4.octets().iter().map(|byte| format!("{byte:08b}")).collect(),
        IpAddr::V6(v6) => v6.octets().iter().map(|byte| format!("{byte:08b}")).collect(),
    };
    all.chars().take(len.into()).collect()
}

fn spaces() -> [String; 4] {
    let of = |text: &str, len| bits_of(IpAddr::V6(text.parse().unwrap()), len);
    [of("::ffff:0:0", 96), of("64:ff9b::", 96), of("::", 96), of("2002::", 16)]
}

/// Every way in which a written prefix may be meant: as IPv6, and as the IPv4 that is in it.
fn meanings(address: IpAddr, len: u8, spaces: &[String; 4]) -> Vec<(char, String)> {
    let bits = bits_of(address, len);
    if address.is_ipv4() {
        // Also as the IPv6 that an IPv4 address is mapped to.
        return vec![('4', bits.clone()), ('6', format!("{}{bits}", spaces[0]))];
    }
    let mut found = vec![('6', bits.clone())];
    for space in spaces {
        if let Some(rest) = bits.strip_prefix(space.as_str()) {
            let v4: String = rest.chars().take(32).collect();
            found.extend([('6', format!("{}{v4}", spaces[0])), ('4', v4)]);
        }
    }
    found
}

#[derive(Clone, Debug)]
enum Thing {
    Net(IpAddr, u8),
    User(String),
    Host(String),
}

/// Whether a block of `target` would hit one of `protected`, by comparing texts.
fn naive(target: &Thing, protected: &[Thing], spaces: &[String; 4]) -> bool {
    let digits = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_digit());
    match target {
        Thing::Net(address, len) => {
            let mine = meanings(*address, *len, spaces);
            let everything = mine.iter().any(|(family, bits)| match family {
                '4' => bits.is_empty(),
                _ => spaces[0].starts_with(bits.as_str()),
            });
            let zero =
                [Thing::Net(Ipv4Addr::UNSPECIFIED.into(), 32), Thing::Net(Ipv6Addr::UNSPECIFIED.into(), 128)];
            everything
                || zero.iter().chain(protected).any(|thing| {
                    let Thing::Net(address, len) = thing else { return false };
                    let theirs = meanings(*address, *len, spaces);
                    mine.iter().any(|(family, a)| {
                        theirs.iter().any(|(other, b)| {
                            family == other && (a.starts_with(b.as_str()) || b.starts_with(a.as_str()))
                        })
                    })
                })
        }
        Thing::User(name) => protected.iter().any(|thing| match thing {
            Thing::User(own) if digits(own) && digits(name) => {
                own.parse::<u128>().unwrap() % (1 << 32) == name.parse::<u128>().unwrap() % (1 << 32)
            }
            Thing::User(own) if cfg!(target_os = "macos") => own.to_lowercase() == name.to_lowercase(),
            Thing::User(own) => own == name,
            _ => false,
        }),
        Thing::Host(name) => protected.iter().any(|thing| match thing {
            Thing::Host(own) => {
                own.to_lowercase().trim_end_matches('.') == name.to_lowercase().trim_end_matches('.')
            }
            _ => false,
        }),
    }
}

/// An address near a few others, so that they meet often.
fn address(dice: &mut Dice) -> IpAddr {
    let v4 = Ipv4Addr::from_bits(match dice.below(4) {
        0 => dice.next() as u32,
        1 => 0x0a00_0000 | dice.below(4) as u32,
        2 => 0xc0a8_0000 | dice.below(0x400) as u32,
        _ => dice.below(3) as u32,
    });
    let [a, b, c, d] = v4.octets().map(u16::from);
    let (high, low) = (a << 8 | b, c << 8 | d);
    match dice.below(8) {
        0 => v4.to_ipv6_mapped().into(),
        1 => Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low).into(),
        2 => Ipv6Addr::new(0x2002, high, low, dice.below(2) as u16, 0, 0, 0, 1).into(),
        3 => Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low).into(),
        4 => Ipv6Addr::new(0x2001, 0xdb8, 0, dice.below(4) as u16, 0, 0, 0, dice.below(4) as u16).into(),
        _ => v4.into(),
    }
}

fn net(dice: &mut Dice) -> Thing {
    let address = address(dice);
    let most = if address.is_ipv4() { 32 } else { 128 };
    let len = match dice.below(10) {
        0..=4 => most,
        5 => 0,
        6 => most - dice.below(9) as u8,
        _ => dice.below(u64::from(most) + 1) as u8,
    };
    Thing::Net(address, len)
}

const USERS: [&str; 10] =
    ["root", "Root", "alice", "ALICE", "bob", "0", "00", "1000", "4294967296", "4294968296"];
const HOSTS: [&str; 6] = ["db1", "DB1", "db1.", "gw.example.org", "GW.example.ORG.", "www"];

fn thing(dice: &mut Dice) -> Thing {
    match dice.below(10) {
        0 => Thing::User(dice.pick(&USERS).to_owned()),
        1 => Thing::Host(dice.pick(&HOSTS).to_owned()),
        _ => net(dice),
    }
}

fn entry(thing: &Thing) -> Entry {
    let what = match thing {
        Thing::Net(address, len) => Guarded::Net(format!("{address}/{len}").parse().unwrap()),
        Thing::User(name) => Guarded::user(name),
        Thing::Host(name) => Guarded::host(name),
    };
    Entry { what, origin: Origin::Machine, reason: Arc::from("r"), until: None }
}

/// As a workflow would have it: a typed argument of an action.
fn action(thing: &Thing, dice: &mut Dice) -> (Action, ValueType) {
    let (text, kind) = match thing {
        Thing::Net(address, len) => {
            let whole = *len == if address.is_ipv4() { 32 } else { 128 };
            let kind = if address.is_ipv4() { ValueType::Ipv4 } else { ValueType::Ipv6 };
            match (whole, dice.below(4)) {
                (true, 0) => (address.to_string(), ValueType::Prefix),
                (true, 1) => (address.to_string(), ValueType::Address),
                (true, 2) => (address.to_string(), ValueType::Host),
                (true, _) => (address.to_string(), kind),
                (false, _) => (format!("{address}/{len}"), ValueType::Prefix),
            }
        }
        Thing::User(name) => (name.clone(), ValueType::User),
        Thing::Host(name) => (name.clone(), ValueType::Host),
    };
    let value = kind.fit(Value::from(text)).unwrap();
    let args = [("on".into(), value)].into_iter().collect();
    (
        Action {
            name: "block".into(),
            args,
            target: None,
            idempotent: true,
            probe: false,
            question: None,
            expires: None,
        },
        kind,
    )
}

#[test]
fn c27_none_protected_passes_and_none_harmless_is_refused() {
    #[expect(clippy::disallowed_methods, reason = "a test is told by its environment how far to go")]
    let cases = std::env::var("QUELL_PROTECT_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(30_000_u64);
    let (mut dice, spaces) = (Dice(27), spaces());
    let (mut refused, mut passed) = (0_u64, 0_u64);
    let (mut things, mut set) = (Vec::new(), Protected::default());
    for case in 0..cases {
        if case % 50 == 0 {
            things = (0..dice.below(8)).map(|_| thing(&mut dice)).collect();
            // A short prefix would protect half of everything.
            things.retain(|thing| !matches!(thing, Thing::Net(_, len) if *len < 4));
            set = Protected::new(things.iter().map(entry));
        }
        let target = thing(&mut dice);
        let (action, kind) = action(&target, &mut dice);
        let found = targets(&action, &[("on".into(), kind)], Some("on")).unwrap();
        let refusal = set.refuses_any(&found, Timestamp(0));
        let expected = naive(&target, &things, &spaces);
        assert_eq!(
            refusal.is_some(),
            expected,
            "case {case}: {target:?} as {kind} against {things:?}: {refusal:?}"
        );
        if expected { refused += 1 } else { passed += 1 }
    }
    println!("{cases} decisions: {refused} refused, {passed} passed, none wrongly");
    assert!(refused > cases / 10 && passed > cases / 10, "the cases are one-sided: {refused} to {passed}");
}
