//! Domain types: readings, quantities, alerts, alarms.
//!
//! Plain types without I/O, clock or actor. All other modules use them; JSON, SQL and topics are converted at the
//! edges.

mod alert;
mod broker_state;
mod checkpoint;
mod database_fault;
mod decoder;
pub mod duration;
mod failures;
mod finding;
mod fingerprint;
mod fnv;
pub mod glob;
mod listening;
mod live;
mod measurement;
mod operator;
pub mod placeholders;
mod position;
mod quantity;
mod quick;
mod reading;
pub mod time;
mod trial;
pub mod unit;
mod value;

pub use alert::{AlarmState, AlertEvent, AlertState, Change, Limit, Priority, StandingAlert};
pub use broker_state::BrokerStateChange;
pub use checkpoint::{ReadingCounts, SeriesPart, SeriesState};
pub use database_fault::DatabaseFault;
pub use decoder::DecoderChange;
pub use failures::{FORGOTTEN_AFTER, FailedSource, Failures, MOST as MOST_FAILURES, Source};
pub use finding::{DISK, FINDER, Finding, is_of_findings};
pub use fingerprint::Fingerprint;
pub use fnv::Fnv1a;
pub use listening::{Ingress, ListeningClocks};
pub use live::{
    AlarmKey, LiveAlarm, LiveChanges, LiveHeads, SeriesDescription, SeriesFlags, SeriesValue,
};
pub use measurement::{Measurement, News, ReadingClock};
pub use operator::{
    Action, ActionError, ActionRecord, AlarmName, AlarmNameError, AlarmOf, AlarmView,
    LONGEST_SHELF, Operator, OperatorAction, Refused, SHELVED_FOR, Said, ShelfView, Via,
};
pub use position::Position;
pub use quantity::{Quantity, QuantityError};
pub use quick::{QuickMap, QuickSet};
pub use reading::{
    Availability, Location, Presence, Reach, Reading, Rejected, SensorId, SensorIdError,
};
pub use trial::TriedRule;
pub use unit::{Conversion, Dimension, Unit};
pub use value::{Value, ValueError};
