//! Readings come in by the publish hook: in the log first, acknowledged after.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clients::VERSIONS;
use super::raw::Raw;
use super::{DEADLINE, Running};
use crate::broker::PublishHook;
use crate::config::ReadingTopic;
use crate::ingest::formats::{Formats, OriginJson};
use crate::ingest::testing::{durable_log, full_log, log};
use crate::ingest::{Log, Subscriptions};
use crate::wire::Topics;

const READINGS: &str = "factory/sensors/temperature";
const STATUS: &str = "factory/sensors/status";
/// Long enough for an answer that is on its way.
const A_MOMENT: Duration = Duration::from_millis(300);

fn broker(log: &Arc<Log>) -> Running {
    let topics = Topics::new("factory", ReadingTopic::Shared);
    let format = OriginJson::new(topics, chrono_tz::UTC);
    let formats = Formats::new(vec![Box::new(format)]);
    Running::with_hook(PublishHook {
        log: log.clone(),
        subscriptions: Subscriptions::new(formats, 0),
        forward: Vec::new(),
        reserved: Vec::new(),
    })
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_acknowledged(client: &mut Raw, qos: u8) -> bool {
    client.is_acknowledged(qos, DEADLINE)
}

#[test]
fn nothing_is_acknowledged_or_passed_on_before_the_log_has_it() {
    for version in VERSIONS {
        for qos in [1, 2] {
            let (_folder, log) = full_log();
            let broker = broker(&log);
            let mut listener = Raw::connect(broker.addr(), "listener", true);
            listener.subscribe("#", 0);
            let mut device = Raw::connect_as(broker.addr(), "device", version);
            device.publish_at(qos, false, READINGS, b"reading");
            // The others are served meanwhile.
            let mut other = Raw::connect_as(broker.addr(), "other", version);
            for topic in ["elsewhere", STATUS] {
                other.publish_at(qos, false, topic, b"other");
                assert!(is_acknowledged(&mut other, qos), "{version:?} {topic} at {qos}");
                assert_eq!(listener.next(DEADLINE).expect("passed on").payload, b"other");
            }
            assert!(!device.is_acknowledged(qos, A_MOMENT), "{version:?} at {qos}");
            assert_eq!((listener.next(A_MOMENT), log.last()), (None, 0));

            log.stop_backpressure();
            assert!(is_acknowledged(&mut device, qos), "{version:?} at {qos}");
            assert_eq!(log.contents(), [(READINGS.to_owned(), 7)]);
            assert_eq!(listener.next(DEADLINE).expect("passed on").payload, b"reading");
        }
    }
}

#[test]
fn every_reading_comes_in_once_whatever_it_looks_like() {
    let (_folder, log) = log(65_536);
    let broker = broker(&log);
    for version in VERSIONS {
        let before = log.contents().len();
        let mut device = Raw::connect_as(broker.addr(), "device", version);
        device.publish_at(0, false, READINGS, b"at most once");
        device.publish_at(1, true, "factory/sensors/co2/C_1", b"retained");
        assert!(is_acknowledged(&mut device, 1));
        device.publish_at(1, false, READINGS, &vec![b' '; 100_000]);
        assert!(is_acknowledged(&mut device, 1));
        // Not readings.
        device.publish_at(1, true, STATUS, b"online");
        assert!(is_acknowledged(&mut device, 1));
        device.publish_at(1, false, "factory/alerts/temperature", b"alert");
        assert!(is_acknowledged(&mut device, 1));
        // It gets the retained one, which came in when it was published.
        let mut listener = Raw::connect(broker.addr(), "listener", true);
        listener.subscribe("factory/sensors/co2/+", 0);
        assert_eq!(listener.next(DEADLINE).expect("retained").payload, b"retained");
        let came: Vec<_> = log.contents().split_off(before);
        let expected = [
            (READINGS.to_owned(), 12),
            ("factory/sensors/co2/C_1".to_owned(), 8),
            (READINGS.to_owned(), 100_000),
        ];
        assert_eq!(came, expected, "{version:?}");
    }
}

#[test]
fn a_will_can_be_a_reading() {
    let (_folder, log) = log(65_536);
    let broker = broker(&log);
    drop(Raw::connect_with_will(broker.addr(), "device", READINGS, "the last"));
    eventually("the will", || log.last() == 1);
    assert_eq!(log.contents(), [(READINGS.to_owned(), 8)]);
}

#[test]
fn who_waits_too_long_is_cut_off_and_can_come_back() {
    let (_folder, log) = full_log();
    let broker = broker(&log);
    for version in VERSIONS {
        let mut device = Raw::connect_as(broker.addr(), "patient", version);
        device.publish_at(1, false, READINGS, b"reading");
        assert!(!device.is_acknowledged(1, DEADLINE), "{version:?}");
        assert!(device.is_closed(), "{version:?}");
    }
    // One that comes back earlier needn't wait for longer than that either, and its session goes on.
    let mut device = Raw::connect(broker.addr(), "impatient", false);
    device.subscribe("elsewhere", 1);
    device.publish_at(1, false, READINGS, b"reading");
    assert!(!device.is_acknowledged(1, A_MOMENT));
    drop(device);
    let mut other = Raw::connect(broker.addr(), "other", true);
    other.publish_numbers("elsewhere", 1..=10);
    let mut device = Raw::connect(broker.addr(), "impatient", false);
    assert!(device.session_present);
    for number in 1..=10 {
        assert_eq!(device.next(DEADLINE).expect("kept for it").number(), number);
    }
    device.publish_at(2, false, READINGS, b"again");
    assert!(!device.is_acknowledged(2, A_MOMENT));
    assert_eq!(log.last(), 0);
    log.stop_backpressure();
    assert!(is_acknowledged(&mut device, 2));
    // The first one may have come in, too, unless its time was over.
    assert_eq!(log.contents().last(), Some(&(READINGS.to_owned(), 5)));
}

#[test]
fn those_who_wait_do_not_hold_up_a_stop() {
    let (_folder, log) = full_log();
    let mut broker = broker(&log);
    let mut waiting: Vec<_> = (0..50)
        .map(|id| {
            let mut device = Raw::connect(broker.addr(), &id.to_string(), true);
            device.publish_at(1, false, READINGS, b"reading");
            device
        })
        .collect();
    assert!(!waiting[49].is_acknowledged(1, A_MOMENT));
    let started = Instant::now();
    broker.stop();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    for device in &mut waiting {
        assert!(!device.is_acknowledged(1, DEADLINE));
    }
    assert_eq!(Arc::strong_count(&log), 1);
}

#[test]
fn many_devices_share_one_wait_for_the_device_below() {
    const DEVICES: usize = 50;
    let (_folder, log) = durable_log();
    let broker = broker(&log);
    let mut devices: Vec<_> = (0..DEVICES)
        .map(|id| Raw::connect_as(broker.addr(), &id.to_string(), VERSIONS[id % 2]))
        .collect();
    let slow = futures_util::FutureExt::now_or_never(log.slow_device()).expect("free");
    for device in &mut devices {
        device.publish_at(1, false, READINGS, b"reading");
    }
    eventually("all are written", || log.last() == DEVICES as u64);
    assert!(!devices[0].is_acknowledged(1, A_MOMENT), "before it is on the device");
    assert_eq!(log.num_syncs(), 0);
    drop(slow);
    for device in &mut devices {
        assert!(is_acknowledged(device, 1));
    }
    assert_eq!(log.num_syncs(), 1);
}
