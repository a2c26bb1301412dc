//! The least a receiver can be, in a process of its own: this program once more, in another role.
//!
//! Same library, protocol version and Receive Maximum as the daemon's intake, and a callback that
//! counts. No journal, no database, no threads but Paho's.

use std::io::Read;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use paho_mqtt::{self as mqtt, properties};

use crate::storing;
use crate::support::{Access, Home, Process, SOON};

/// As the daemon's intake has it.
const RECEIVE_MAXIMUM: i32 = 1000;
const SESSION_SECONDS: i32 = 3600;
/// Counts the backlog of a session and says when.
const RECEIVER: &str = "receiver";
/// Stores it too.
const STORER: &str = "storer";
/// Sends each so-many-th message back.
const ECHO: &str = "echo";

/// What the roles print, so that their parent knows.
pub const CONNECTING: &str = "connecting at ";
pub const SUBSCRIBED: &str = "subscribed";
pub const DONE: &str = "done at ";
const AT_MOST: Duration = Duration::from_secs(600);

/// Microseconds of Unix time, comparable between processes and with the daemon's log.
pub fn now_seconds() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock past 1970");
    since.as_micros() as f64 / 1e6
}

/// Starts a receiver on its persistent session; it says [`DONE`] at the `count`th message, and then
/// waits for its [`end`].
pub fn receiver(home: &Home, access: &Access, topic: &str, count: usize) -> Process {
    start(home, RECEIVER, &[&access.url, topic, &count.to_string()])
}

/// Starts one that says so when it has stored the `count`th message.
pub fn storer(home: &Home, access: &Access, topic: &str, count: usize) -> Process {
    let file = home.path("plain.db").display().to_string();
    start(home, STORER, &[&access.url, topic, &count.to_string(), &file])
}

/// Starts an echo of each `every`th message of `from` on `to`, at QoS 2; returns once it listens.
pub fn echo(home: &Home, access: &Access, from: &str, to: &str, every: usize) -> Process {
    let mut echo = start(home, ECHO, &[&access.url, from, to, &every.to_string()]);
    echo.eventually(SUBSCRIBED, SOON, |echo| echo.log().contains(SUBSCRIBED).then_some(()));
    echo
}

/// Ends either of them in good order.
pub fn end(mut process: Process) {
    drop(process.take_stdin());
    assert!(process.exit(SOON).success(), "ended in good order");
}

fn start(home: &Home, role: &str, args: &[&str]) -> Process {
    let mut command = Command::new(std::env::current_exe().expect("this program's own path"));
    command.arg(role).args(args);
    Process::start(role, &mut command, &home.path(&format!("{role}.txt")))
}

/// Plays a role if it is one; false otherwise.
pub fn play(role: &str, args: &[String]) -> bool {
    match (role, args) {
        (RECEIVER, [url, topic, count]) => count_all(url, topic, count.parse().expect("a count")),
        (STORER, [url, topic, count, file]) => {
            store_all(url, topic, count.parse().expect("a count"), file);
        }
        (ECHO, [url, from, to, every]) => repeat(url, from, to, every.parse().expect("a number")),
        _ => return false,
    }
    true
}

fn count_all(url: &str, topic: &str, count: usize) {
    let (done, is_done) = mpsc::channel();
    let mut received = 0;
    receive((url, RECEIVER), topic, (count, &is_done), move |_| {
        received += 1;
        if received == count {
            let _ = done.send(now_seconds());
        }
    });
}

fn store_all(url: &str, topic: &str, count: usize, file: &str) {
    let (done, is_done) = mpsc::channel();
    let (messages, waiting) = mpsc::sync_channel(storing::QUEUE);
    let mut database = storing::open(file);
    thread::spawn(move || {
        storing::store(&mut database, &waiting, count);
        let _ = done.send(now_seconds());
    });
    receive((url, STORER), topic, (count, &is_done), move |message| {
        let _ = messages.send(message.payload().to_vec());
    });
}

/// Connects, does something with each message, and waits for all `count` of them to be done with.
fn receive(
    (url, client_id): (&str, &str),
    topic: &str,
    (count, is_done): (usize, &mpsc::Receiver<f64>),
    mut take: impl FnMut(mqtt::Message) + Send + 'static,
) {
    let client = client(url, client_id);
    // `None` tells of a lost connection.
    client.set_message_callback(move |_, message| message.into_iter().for_each(&mut take));
    println!("{CONNECTING}{}", now_seconds());
    connect(&client, topic);
    println!("{SUBSCRIBED}");
    if count > 0 {
        println!("{DONE}{}", is_done.recv_timeout(AT_MOST).expect("all messages"));
    }
    leave(&client);
}

fn repeat(url: &str, from: &str, to: &str, every: usize) {
    let client = client(url, ECHO);
    let (received, to) = (AtomicUsize::new(0), Arc::<str>::from(to));
    client.set_message_callback(move |client, message| {
        let Some(message) = message else { return };
        if received.fetch_add(1, Ordering::Relaxed) % every == 0 {
            drop(client.publish(mqtt::Message::new(&*to, message.payload(), mqtt::QOS_2)));
        }
    });
    connect(&client, from);
    println!("{SUBSCRIBED}");
    leave(&client);
}

/// Waits for the parent's sign, and leaves in good order: what was acknowledged must not come again.
fn leave(client: &mqtt::AsyncClient) {
    let _ = std::io::stdin().read(&mut [0]);
    client.disconnect(None).wait_for(SOON).expect("disconnect");
}

fn client(url: &str, client_id: &str) -> mqtt::AsyncClient {
    let create = mqtt::CreateOptionsBuilder::new()
        .server_uri(url)
        .client_id(client_id)
        .mqtt_version(mqtt::MQTT_VERSION_5)
        .persistence(mqtt::PersistenceType::None)
        .max_buffered_messages(1000)
        .finalize();
    mqtt::AsyncClient::new(create).expect("a client")
}

fn connect(client: &mqtt::AsyncClient, topic: &str) {
    let mut options = mqtt::ConnectOptionsBuilder::new_v5();
    options.clean_start(false).properties(properties! {
        mqtt::PropertyCode::SessionExpiryInterval => SESSION_SECONDS,
        mqtt::PropertyCode::ReceiveMaximum => RECEIVE_MAXIMUM,
    });
    client.connect(options.finalize()).wait_for(SOON).expect("connect");
    client.subscribe(topic, mqtt::QOS_1).wait_for(SOON).expect("subscribe");
}
