use super::*;
use crate::agent::tests::task;
use crate::engine::protect::{Guarded as Protects, Origin, Target};
use crate::engine::{AgentKind, DrillSpec, Means};
use crate::model::ValueType;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A machine as its kernel would show it (little-endian, as these files are on all that CI has).
fn machine(root: &Path) {
    let files = [
        (
            "etc/resolv.conf",
            "# by hand\nnameserver 127.0.0.53\nnameserver fe80::53%eth0\nsearch example.org\n",
        ),
        ("run/systemd/resolve/resolv.conf", "nameserver 192.0.2.53\n"),
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\n"),
        ("proc/sys/kernel/hostname", "Watch\n"),
        (
            "proc/net/fib_trie",
            "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 127.0.0.0\n        /8 host LOCAL\n     |-- 192.0.2.10\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n",
        ),
        ("proc/net/if_inet6", "fe800000000000000000000000000001 02 40 20 80     eth0\n"),
        (
            "proc/net/route",
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
             eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
             eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
             tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n",
        ),
        (
            "proc/net/tcp",
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             \x20  0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0\n\
             \x20  1: 0A0200C0:0016 0700000A:D431 01 00000000:00000000 00:00000000 00000000     0        0 101 1 0\n\
             \x20  2: 0A0200C0:0050 0800000A:D432 01 00000000:00000000 00:00000000 00000000    33        0 102 1 0\n\
             \x20  3: 0A0200C0:0016 0900000A:D433 06 00000000:00000000 00:00000000 00000000     0        0 103 1 0\n",
        ),
        (
            "proc/net/tcp6",
            "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             \x20  0: 0000000000000000FFFF00000A0200C0:0016 0000000000000000FFFF00000B00000A:D431 01 00000000:00000000 00:00000000 00000000     0        0 104 1 0\n\
             \x20  1: B80D0120000000000000000001000000:0016 B80D0120000000000000000002000000:D431 01 00000000:00000000 00:00000000 00000000     0        0 105 1 0\n",
        ),
        ("proc/1/comm", "init\n"),
        ("proc/70/comm", "sshd\n"),
        ("proc/71/comm", "sshd-session\n"),
        ("proc/80/comm", "nginx\n"),
    ];
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    for (fd, to) in [("70/fd/3", 100), ("70/fd/4", 101), ("71/fd/4", 104), ("71/fd/5", 105), ("80/fd/9", 102)]
    {
        let fd = root.join("proc").join(fd);
        fs::create_dir_all(fd.parent().unwrap()).unwrap();
        symlink(format!("socket:[{to}]"), fd).unwrap();
    }
}

fn read(root: &Path) -> Vec<String> {
    let machine = Machine::new(root).with_operators([Arc::from("ann")], []);
    let mut found: Vec<String> = machine.read().unwrap().iter().map(ToString::to_string).collect();
    found.sort();
    found
}

#[test]
fn c27_what_a_machine_must_not_cut_off() {
    let root = tempfile::tempdir().unwrap();
    machine(root.path());
    let own = rustix::process::getuid().as_raw();
    let found: Vec<String> =
        read(root.path()).into_iter().filter(|entry| !entry.contains("quell's own")).collect();
    let mut expected = vec![
        "127.0.0.0/8 (own address)",
        "192.0.2.10 (own address)",
        "fe80::1 (own address)",
        "192.0.2.1 (default gateway)",
        "127.0.0.53 (resolver)",
        "fe80::53 (resolver)",
        "192.0.2.53 (resolver)",
        "10.0.0.7 (logged in by ssh)",
        "10.0.0.11 (logged in by ssh)",
        "2001:db8::2 (logged in by ssh)",
        "interface eth0 (default route)",
        "interface tun0 (carries an ssh login)",
        "interface tun0 (carries an ssh login)",
        "host localhost (this host)",
        "host watch (this host)",
        "user 0 (root)",
        "user root (root)",
        "user root (root)",
        "user toor (root)",
        "user 1000 (operator)",
        "user ann (operator)",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected, "as uid {own}");
}

#[test]
fn c27_operators_are_protected_by_name_number_and_group() {
    let root = tempfile::tempdir().unwrap();
    machine(root.path());
    let passwd = "ann:x:1000:1000::/:/bin/sh\nbob:x:1001:3000::/:/bin/sh\neve:x:1002:1002::/:/bin/sh\n";
    fs::write(root.path().join("etc/passwd"), passwd).unwrap();
    fs::write(root.path().join("etc/group"), "soc:x:3000:eve,far\nweb:x:33:www\n").unwrap();
    for (users, groups, expected) in [
        (&["ann"][..], &[][..], &["1000", "ann"][..]),
        (&["1000"], &[], &["1000", "ann"]),
        (&["77", "nobody"], &[], &["77", "nobody"]),
        (&[], &["soc"], &["1001", "1002", "bob", "eve", "far"]),
        (&[], &["none"], &[]),
    ] {
        let arcs = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<Vec<_>>();
        let people = Machine::new(root.path()).with_operators(arcs(users), arcs(groups));
        let found = people.read().unwrap();
        let operators = found.iter().filter(|entry| entry.reason.starts_with("operator"));
        let found: BTreeSet<String> = operators.map(|entry| entry.what.to_string()).collect();
        let expected: BTreeSet<String> = expected.iter().map(|user| (*user).to_owned()).collect();
        assert_eq!(found, expected, "{users:?} {groups:?}");
    }
    // Nobody knows who is in a group that cannot be read.
    fs::remove_file(root.path().join("etc/group")).unwrap();
    let people = Machine::new(root.path()).with_operators([], [Arc::from("soc")]);
    assert!(people.read().is_err());
}

#[test]
fn c27_what_is_protected_can_change_while_an_engine_works() {
    let root = tempfile::tempdir().unwrap();
    machine(root.path());
    let guard = guard(root.path());
    let task = block("203.0.113.5", false);
    assert_eq!(guard.permits(&task, &spec(None)), Ok(()));
    let what = Protects::Net("203.0.113.0/24".parse().unwrap());
    let office = Entry { what, origin: Origin::Settings, reason: "the office".into(), until: None };
    guard.protect(Origins { machine: Machine::new(root.path()), settings: vec![office] });
    assert!(guard.permits(&task, &spec(None)).is_err());
}

#[test]
fn c27_who_may_not_look_protects_whoever_root_let_in() {
    let root = tempfile::tempdir().unwrap();
    machine(root.path());
    // Where other processes are hidden, nobody can tell which connection is a login.
    for process in ["1", "70", "71"] {
        fs::remove_dir_all(root.path().join("proc").join(process)).unwrap();
    }
    let found = read(root.path());
    let logins = found.iter().filter(|entry| entry.contains("ssh)")).count();
    assert_eq!(logins, 3, "{found:?}");
    assert!(!found.iter().any(|entry| entry.starts_with("10.0.0.8 ")), "a web client is no login: {found:?}");
}

#[test]
fn c27_a_machine_that_cannot_be_read_is_not_acted_on() {
    for gone in ["proc/net/tcp", "proc/net/fib_trie", "proc/net/route"] {
        let root = tempfile::tempdir().unwrap();
        machine(root.path());
        fs::remove_file(root.path().join(gone)).unwrap();
        let guard = guard(root.path());
        let why = guard.permits(&block("203.0.113.5", false), &spec(None)).unwrap_err();
        assert!(
            why.starts_with("cannot read who is connected (") && why.ends_with(": refusing to act"),
            "{why}"
        );
        assert!(why.contains(gone), "{why}");
    }
}

fn guard(root: &Path) -> Guard {
    Guard::new(KillSwitch::default(), Origins { machine: Machine::new(root), settings: vec![] })
}

fn block(address: &str, undo: bool) -> Task {
    Task { undo, ..task(AgentKind::Exec, "block", &[("address", address)]) }
}

fn spec(lifts: Option<bool>) -> ActionSpec {
    ActionSpec {
        takes: vec![("address".into(), ValueType::Address)],
        optional: vec![],
        target: Some("address".into()),
        idempotent: true,
        lifts,
        undo: None,
        means: Means::Drill(DrillSpec::default()),
        probe: None,
    }
}

#[test]
fn c27_a_block_is_refused_and_its_undo_is_not() {
    let root = tempfile::tempdir().unwrap();
    machine(root.path());
    let guard = guard(root.path());
    for (address, undo, lifts, refused) in [
        ("203.0.113.5", false, None, None),
        ("192.0.2.1", false, None, Some("protected: 192.0.2.1 (default gateway)")),
        ("10.0.0.7", false, None, Some("protected: 10.0.0.7 (logged in by ssh)")),
        ("::ffff:10.0.0.7", false, None, Some("protected: 10.0.0.7 (logged in by ssh)")),
        ("192.0.2.1", true, None, None),
        ("192.0.2.1", true, Some(true), None),
        ("192.0.2.1", false, Some(true), None),
        // An undo that blocks again.
        ("192.0.2.1", true, Some(false), Some("protected: 192.0.2.1 (default gateway)")),
    ] {
        let verdict = guard.permits(&block(address, undo), &spec(lifts));
        assert_eq!(verdict.err().as_deref(), refused, "{address} undo={undo} lifts={lifts:?}");
    }
}

#[test]
fn c27_who_logs_in_is_protected_within_a_fifth_of_a_second() {
    let root = tempfile::tempdir().unwrap();
    machine(root.path());
    let guard = guard(root.path());
    let login = Target::Net("10.0.0.9".parse().unwrap());
    assert_eq!(guard.protected().unwrap().refuses(&login, Timestamp(0)), None);
    // The one that was closing is established now, and the master has it.
    let tcp = root.path().join("proc/net/tcp");
    fs::write(&tcp, fs::read_to_string(&tcp).unwrap().replace("D433 06", "D433 01")).unwrap();
    symlink("socket:[103]", root.path().join("proc/70/fd/5")).unwrap();
    std::thread::sleep(FRESH);
    let set = guard.protected().unwrap();
    let entry = set.refuses(&login, Timestamp(0)).expect("it is protected");
    assert_eq!((entry.origin, &*entry.reason), (Origin::Machine, "logged in by ssh"));
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux says who is connected")]
fn c27_this_machine_can_be_read() {
    let found = Machine::default().read().unwrap();
    let own = Target::Net("127.0.0.1".parse().unwrap());
    assert!(crate::engine::protect::Protected::new(found).refuses(&own, Timestamp(0)).is_some());
}
