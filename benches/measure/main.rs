//! What the daemon costs: the release binary driven from outside, by its config file and its broker,
//! beside the least a receiver can be; and the pure steps of a reading's way beside a bare parse.
//!
//! Absolute figures wander with the machine, so each is taken beside another of the same run, in turns
//! (A B, B A, …), and told as a ratio. `cargo bench --bench measure -- PART…` measures the parts named
//! and prints one Markdown table on stdout; what goes on meanwhile is on stderr. Asserts nothing but
//! that every reading has been counted.

#[path = "../../tests/support/mod.rs"]
mod support;

mod backlog;
mod bare;
mod broker;
mod dashboard;
mod drain;
mod figures;
mod fleet;
mod formats;
mod history;
mod latency;
mod load;
mod process;
mod rules;
mod soak;
mod steps;
mod storing;
mod upkeep;

use figures::Table;

type Measure = fn(&mut Table);

/// Each part's name and what measures it.
const PARTS: [(&str, Measure); 13] = [
    ("drain", drain::measure),
    ("drain-rules", drain::measure_with_rules),
    ("latency", latency::measure),
    ("fleet", fleet::measure),
    ("steps", steps::measure),
    ("formats", formats::measure),
    ("rules", rules::measure),
    ("backlog", backlog::measure),
    ("latency-hivemq", latency::measure_at_hivemq),
    ("soak", soak::measure),
    ("history", history::measure),
    ("dashboard", dashboard::measure),
    ("broker", broker::measure),
];

/// The others take long, or take HiveMQ or browsers, and are only run when they are named.
const USUAL: [&str; 6] = ["drain", "drain-rules", "latency", "fleet", "steps", "rules"];

fn main() {
    // Cargo adds `--bench`.
    let args: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let Some((role, args)) = args.split_first()
        && bare::play(role, args)
    {
        return;
    }
    // Numbers belong to a part.
    let named = args.iter().map(String::as_str).filter(|arg| arg.parse::<u64>().is_err());
    let named: Vec<_> = named.collect();
    let wanted = if named.is_empty() { USUAL.to_vec() } else { named };
    let mut table = Table::default();
    for name in wanted {
        let Some((_, measure)) = PARTS.iter().find(|(part, _)| *part == name) else {
            let parts = PARTS.map(|(part, _)| part).join(", ");
            eprintln!("there is no part `{name}`: name some of {parts}");
            std::process::exit(2);
        };
        measure(&mut table);
    }
    println!("{table}");
}
