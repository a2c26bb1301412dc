//! Hours and months of history in minutes, on the real binary with a fast wall clock.
//!
//! Runs with `VIGIE_ACCEPT=history` (kills amid hourly writes) and `VIGIE_ACCEPT=month` (the file stops growing).

mod kills;
mod month;
