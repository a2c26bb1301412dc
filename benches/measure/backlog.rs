//! Half a million messages waiting at HiveMQ: the memory of the daemon that takes them in.

use std::time::{Duration, Instant};

use crate::figures::Table;
use crate::load::{self, Stored};
use crate::process;
use crate::support::{Client, HiveMq, Home, SOON, eventually, names, require};

const MESSAGES: usize = 500_000;
const AT_MOST: Duration = Duration::from_secs(600);
/// The daemon's own messages of state wait in the same queue.
const SLACK: usize = 1000;

pub fn measure(table: &mut Table) {
    if !require(&HiveMq::TOOLS) {
        return;
    }
    eprintln!("backlog: {MESSAGES} messages at HiveMQ");
    let mut broker = HiveMq::new().with_queues(MESSAGES + SLACK);
    broker.start();
    let access = broker.access();
    let home = Home::new();
    let config = load::config(&access);
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    assert_eq!(daemon.stop(), 0);
    let publisher = Client::connect(&access);
    publisher.publish_all((0..MESSAGES).map(|n| (names::READINGS.to_owned(), load::normal(n))));
    let home = Home::new();
    let start = Instant::now();
    let mut daemon = home.spawn(&config);
    eventually("a database", SOON, || Stored::open(&home)).wait(MESSAGES, AT_MOST);
    #[allow(clippy::cast_precision_loss)]
    let rate = MESSAGES as f64 / start.elapsed().as_secs_f64();
    let peak = process::peak_memory_mib(daemon.pid());
    assert_eq!(daemon.stop(), 0);
    table.alone("taking in 500,000 waiting at HiveMQ", format!("{rate:.0} /s"), "");
    table.alone("… memory at most", format!("{peak:.0} MiB"), "< 60 MiB");
}
