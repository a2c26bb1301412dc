//! Half a million messages waiting at HiveMQ: the daemon that takes them in, its memory above all,
//! beside the bare receiver.

use crate::drain::Costs;
use crate::figures::Table;
use crate::load::Judged;
use crate::support::{HiveMq, require};

const MESSAGES: usize = 500_000;
/// Each side goes first once: HiveMQ is slower while it is new.
const PAIRS: usize = 2;
/// The daemon's own messages of state wait in the same queue.
const SLACK: usize = 1000;

pub fn measure(table: &mut Table) {
    if !require(&HiveMq::TOOLS) {
        return;
    }
    eprintln!("backlog: {PAIRS} times {MESSAGES} messages at HiveMQ for each side");
    let mut costs = Costs::default();
    for pair in 0..PAIRS {
        let mut broker = HiveMq::new().with_queues(MESSAGES + SLACK);
        broker.start();
        costs.measure(&broker.access(), Judged::ByTwoLimits, MESSAGES, pair % 2 == 0);
    }
    table.pairs("taking in 500,000 waiting at HiveMQ", "/s", 0, &costs.rate, "");
    table.pairs("… processor time for each", "µs", 1, &costs.cpu, "");
    table.pairs("… memory at most", "MiB", 0, &costs.memory, "< 60 MiB");
}
