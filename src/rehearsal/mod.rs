//! Rules tried out before they go live: on readings made up for a test, or on those that are stored. Pure.
//!
//! [`player`] drives the daemon's own alarm engine with a clock made of times alone; [`test`](mod@test) compares
//! what comes of it with what a test expects; [`replay`] compares it with what was announced; [`trial`] shows
//! when one limit would have alarmed.
//!
//! Holds always: the same readings give the same alarms, whatever the hour and the machine.
//! Never: a clock, a file, a socket, or a judgement of its own.

mod diff;
pub mod player;
pub mod replay;
pub mod test;
pub mod trial;
