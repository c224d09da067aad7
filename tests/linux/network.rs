//! Two network namespaces with a cable between them: one that quell guards, and one outside.

use std::fs::File;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/linux/host/quell.nft");

/// The two ends of the cable.
#[derive(Clone, Copy)]
pub enum Family {
    V4,
    V6,
}

pub struct Network {
    family: Family,
    guarded: String,
    outside: String,
}

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn ip(args: &[&str]) {
    run("/usr/sbin/ip", args);
}

impl Network {
    pub fn new(family: Family) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let network = Network {
            family,
            guarded: format!("quell-test-{id}-in"),
            outside: format!("quell-test-{id}-out"),
        };
        for namespace in [&network.guarded, &network.outside] {
            ip(&["netns", "add", namespace]);
            ip(&["-n", namespace, "link", "set", "lo", "up"]);
        }
        let (guarded, outside) = (network.guarded.as_str(), network.outside.as_str());
        ip(&["-n", guarded, "link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns", outside]);
        for (namespace, address) in
            [(guarded, network.guarded_address()), (outside, network.outside_address())]
        {
            match family {
                Family::V4 => ip(&["-n", namespace, "addr", "add", &format!("{address}/24"), "dev", "v0"]),
                Family::V6 => {
                    ip(&["-n", namespace, "addr", "add", &format!("{address}/64"), "dev", "v0", "nodad"]);
                }
            }
            ip(&["-n", namespace, "link", "set", "v0", "up"]);
        }
        network
    }

    pub fn guarded_address(&self) -> &'static str {
        match self.family {
            Family::V4 => "198.18.0.1",
            Family::V6 => "fd00:18::1",
        }
    }

    pub fn outside_address(&self) -> &'static str {
        match self.family {
            Family::V4 => "198.18.0.2",
            Family::V6 => "fd00:18::2",
        }
    }

    /// A command inside the guarded namespace; its process is the command's own.
    pub fn inside(&self) -> Command {
        let mut command = Command::new("/usr/sbin/ip");
        command.args(["netns", "exec", &self.guarded]);
        command
    }

    /// A command outside of it.
    pub fn beyond(&self) -> Command {
        let mut command = Command::new("/usr/sbin/ip");
        command.args(["netns", "exec", &self.outside]);
        command
    }

    /// Another host outside, from where nobody is logged in.
    pub fn neighbour_address(&self) -> &'static str {
        match self.family {
            Family::V4 => "198.18.0.3",
            Family::V6 => "fd00:18::3",
        }
    }

    pub fn load_table(&self) {
        run("/usr/sbin/ip", &["netns", "exec", &self.guarded, "/usr/sbin/nft", "-f", TABLE]);
    }

    /// What is blocked now, as the kernel says it.
    pub fn blocked(&self) -> String {
        let set = match self.family {
            Family::V4 => "blocked4",
            Family::V6 => "blocked6",
        };
        let nft = ["netns", "exec", &self.guarded, "/usr/sbin/nft", "list", "set", "inet", "quell", set];
        run("/usr/sbin/ip", &nft)
    }

    /// A service in the guarded namespace, until the end of the test.
    pub fn serve(&self, port: u16) {
        let at = self.guarded_socket(port);
        let listener = within(&self.guarded, move || TcpListener::bind(at)).unwrap();
        std::thread::spawn(move || listener.incoming().for_each(drop));
    }

    /// Whether a connection from outside gets through.
    pub fn connect(&self, port: u16) -> bool {
        let to = self.guarded_socket(port);
        within(&self.outside, move || TcpStream::connect_timeout(&to, Duration::from_millis(300))).is_ok()
    }

    fn guarded_socket(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.guarded_address().parse::<IpAddr>().unwrap(), port)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in [&self.guarded, &self.outside] {
            let _ = Command::new("/usr/sbin/ip").args(["netns", "del", namespace]).status();
        }
    }
}

/// Does something on a thread that is in a namespace. A socket belongs to where it was made.
fn within<T: Send + 'static>(namespace: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let file = File::open(format!("/run/netns/{namespace}")).unwrap();
    let thread = std::thread::spawn(move || {
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        work()
    });
    thread.join().unwrap()
}
