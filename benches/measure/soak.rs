//! Ten minutes at a steady rate: nothing may grow but the database.

use std::thread;
use std::time::Duration;

use crate::figures::Table;
use crate::load::{self, Stored};
use crate::process;
use crate::support::{Client, Home, Mosquitto, SOON, let_run, names};

const RATE: u32 = 1000;
const FIRST: Duration = Duration::from_secs(60);
const REST: Duration = Duration::from_secs(540);
const MESSAGES: usize = RATE as usize * 600;

pub fn measure(table: &mut Table) {
    eprintln!("soak: ten minutes at {RATE} readings/s");
    let broker = Mosquitto::running();
    let home = Home::new();
    let mut daemon = home.start(&load::config(&broker.access()));
    daemon.wait_line(names::CONNECTED, SOON);
    let publisher = Client::connect(&broker.access());
    let publishing = thread::spawn(move || {
        publisher.publish_all(load::paced(RATE, MESSAGES, |n| {
            // An alert is raised and resolved now and then.
            let payload = if n % 1000 == 0 { load::breaking(n) } else { load::normal(n) };
            (names::READINGS.to_owned(), payload)
        }));
    });
    let journal = home.path(&format!("{}.journal", names::DATABASE));
    let look = || {
        let (memory, files) =
            (process::memory_mib(daemon.pid()), process::open_files(daemon.pid()));
        (memory, files, process::files_in(&journal).map_or("no".to_owned(), |n| n.to_string()))
    };
    let_run(FIRST);
    let (memory_before, files_before, segments_before) = look();
    let_run(REST);
    let (memory, files, segments) = look();
    publishing.join().expect("all published");
    Stored::open(&home).expect("a database").wait(MESSAGES, SOON);
    assert_eq!(daemon.stop(), 0);
    let ratio = format!("{:.2}", memory / memory_before);
    table.add(
        "ten minutes at 1,000/s: memory at the end, beside after the first",
        format!("{memory:.1} MiB"),
        format!("{memory_before:.1} MiB"),
        ratio,
        "≤ 1.05",
    );
    let same = "the same";
    table.add("… open files", files.to_string(), files_before.to_string(), String::new(), same);
    table.add("… files in the journal", segments, segments_before, String::new(), "bounded");
}
