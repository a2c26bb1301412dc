//! What Linux says a process has used.

use std::fs;
use std::path::Path;

/// Ticks of /proc/PID/stat in a second: 100 on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// CPU seconds of all its threads so far, its children's not counted.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = read(pid, "stat");
    // The second field is the program's name in brackets, which may hold anything.
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks = |number: usize| -> f64 {
        let field = fields.split_whitespace().nth(number).expect("utime and stime");
        field.parse().expect("a number of ticks")
    };
    (ticks(11) + ticks(12)) / TICKS
}

/// Resident memory now, in MiB.
pub fn memory_mib(pid: u32) -> f64 {
    status_mib(pid, "VmRSS:")
}

/// The most resident memory it ever had, in MiB.
pub fn peak_memory_mib(pid: u32) -> f64 {
    status_mib(pid, "VmHWM:")
}

pub fn open_files(pid: u32) -> usize {
    let folder = format!("/proc/{pid}/fd");
    fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder}: {error}")).count()
}

/// Files in a folder; `None` when there is no such folder.
pub fn files_in(folder: &Path) -> Option<usize> {
    Some(fs::read_dir(folder).ok()?.count())
}

fn status_mib(pid: u32, name: &str) -> f64 {
    let status = read(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of memory");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kib / 1024.0
}

fn read(pid: u32, name: &str) -> String {
    let path = format!("/proc/{pid}/{name}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
