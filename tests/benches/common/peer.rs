//! A peer that serves over HTTP beside Citywall.

#![allow(dead_code, reason = "each benchmark takes what it needs")]

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A running peer; it is ended when this is dropped.
pub struct Peer {
    child: Child,
    /// Where it serves, as `127.0.0.1:port`.
    pub address: String,
}

impl Peer {
    /// Runs a command that serves on a port, and waits until a path of it is answered.
    pub fn start(command: &mut Command, port: u16, path: &str) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let peer = Self { child, address: format!("127.0.0.1:{port}") };
        let end = Instant::now() + Duration::from_secs(60);
        while ureq::get(format!("http://{}{path}", peer.address)).call().is_err() {
            assert!(Instant::now() < end, "{command:?} does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Its workers end with it.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// A port on which nothing listens.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
