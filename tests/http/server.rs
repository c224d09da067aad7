//! A small server on loopback: one thread for each connection, which does what the test says.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than anything takes here: it only ends a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One that listens for as long as the test runs.
pub struct Server {
    pub address: SocketAddr,
    requests: Receiver<Request>,
}

/// What a server was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Request line and headers.
    pub head: String,
    pub body: String,
}

impl Request {
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Reads one.
    pub fn read(stream: &mut impl Read) -> Option<Request> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let mut request = Request { head: String::from_utf8(head).unwrap(), body: String::new() };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        request.body = String::from_utf8(body).unwrap();
        Some(request)
    }
}

impl Server {
    /// Starts one that has each request answered.
    pub fn start(answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Server {
        let (asked, requests) = channel();
        Server::accept(requests, move |stream| {
            let Some(request) = Request::read(stream) else { return };
            asked.send(request.clone()).unwrap();
            answer(&request, stream);
        })
    }

    /// Starts one that does this with each connection.
    pub fn raw(connection: impl Fn(&mut TcpStream, &Sender<Request>) + Send + Sync + 'static) -> Server {
        let (asked, requests) = channel();
        Server::accept(requests, move |stream| connection(stream, &asked))
    }

    /// Starts one that answers so each time.
    pub fn says(answer: &str) -> Server {
        let answer = answer.to_owned();
        Server::start(move |_, stream| stream.write_all(answer.as_bytes()).unwrap())
    }

    fn accept(
        requests: Receiver<Request>,
        connection: impl Fn(&mut TcpStream) + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connection = Arc::new(connection);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, connection) = (stream.unwrap(), Arc::clone(&connection));
                std::thread::spawn(move || {
                    connection(&mut stream);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Server { address, requests }
    }

    /// Waits for the next request.
    pub fn next(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }

    /// The requests that nobody has looked at.
    pub fn rest(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

/// An answer of this status with this body.
pub fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Lets one thread tell another that something has happened.
pub fn signal() -> (impl Fn() + Send + Sync + 'static, Receiver<()>) {
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    (move || sender.lock().unwrap().send(()).unwrap_or(()), receiver)
}

/// Waits until the other side has closed the connection.
pub fn wait_for_close(stream: &mut TcpStream) {
    let mut buffer = [0; 64];
    while let Ok(1..) = stream.read(&mut buffer) {}
}
