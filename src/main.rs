//! The program: parses the command line, runs the command, ends with its exit code.

use std::process::ExitCode;

/// It gives back to the system what is free, by threads of its own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    vigie::cli::main().into()
}
