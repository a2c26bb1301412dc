//! Half a million messages waiting at HiveMQ: the daemon that takes them in, its memory above all,
//! beside the bare receiver.

use crate::drain::{Costs, Side};
use crate::figures::Table;
use crate::load::Judged;
use crate::support::{HiveMq, require};

const MESSAGES: usize = 500_000;
/// Each side goes first as often: HiveMQ is slower while it is new. It has slow rounds and fast ones: two
/// gave ratios from 0.62 to 0.93.
const ROUNDS: usize = 4;
/// The daemon's own messages of state wait in the same queue.
const SLACK: usize = 1000;

pub fn measure(table: &mut Table) {
    if !require(&HiveMq::TOOLS) {
        return;
    }
    eprintln!("backlog: {ROUNDS} times {MESSAGES} messages at HiveMQ for each side");
    let mut sides = [Side::Vigie, Side::Bare];
    let mut costs = Costs::default();
    for _ in 0..ROUNDS {
        let mut broker = HiveMq::new().with_queues(MESSAGES + SLACK);
        broker.start();
        costs.measure(&broker.access(), Judged::ByTwoLimits, MESSAGES, &sides);
        sides.rotate_left(1);
    }
    costs.tell(table, "taking in 500,000 waiting at HiveMQ", ["", "", "< 60 MiB"]);
}
