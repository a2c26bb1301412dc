//! The program: parses the command line, runs the command, ends with its exit code.

use std::process::ExitCode;

/// jemalloc: its background threads return freed memory to the system. glibc's allocator keeps the memory of a client storm.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    vigie::cli::main().into()
}
