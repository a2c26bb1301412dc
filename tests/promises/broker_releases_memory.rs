//! Memory that clients occupy in the embedded broker is returned to the system after they disconnect.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::support::raw_packets::{packet, text};
use crate::support::{Home, SOON, free_port, names, resident_kib};

const CLIENTS: usize = 2500;

/// Size of a will; the largest CONNECT is 64 KiB.
const WILL_BYTES: usize = 60_000;

/// Memory that may remain of more than 140 MiB.
const MOST_LEFT_KIB: u64 = 32 * 1024;

/// Longer than the allocator keeps free pages.
const BACK_WITHIN: Duration = Duration::from_secs(40);

/// Raises the test's own limit of open files: each client is one.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("up to the hard limit");
}

/// Connects a client with a large will.
fn client(port: u16, number: usize) -> TcpStream {
    let id = number.to_string().into_bytes();
    let will = vec![b'x'; WILL_BYTES];
    // MQTT 3.1.1, clean session, with a will.
    let head = [&text(b"MQTT")[..], &[4, 6, 0, 60]].concat();
    let connect = packet(0x10, &[head, text(&id), text(b"will"), text(&will)].concat());
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    stream.write_all(&connect).expect("sent");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).expect("a CONNACK");
    assert_eq!(answer, [0x20, 2, 0, 0]);
    stream
}

#[test]
fn memory_of_disconnected_clients_is_released() {
    raise_open_files();
    let (home, port) = (Home::new(), free_port());
    let mut daemon =
        home.start(&format!("language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n"));
    daemon.wait_line(names::CONNECTED, SOON);
    let pid = daemon.pid();
    let memory = || resident_kib(pid).expect("it runs");
    let before = memory();
    let clients: Vec<_> = (0..CLIENTS).map(|number| client(port, number)).collect();
    let most = memory();
    let taken = (CLIENTS * WILL_BYTES / 1024) as u64;
    assert!(most > before + taken, "{before} KiB, {most} with {CLIENTS} wills");
    drop(clients);
    daemon.wait_until("its memory is back", BACK_WITHIN, || memory() < before + MOST_LEFT_KIB);
    assert_eq!(daemon.stop(), 0);
}
