//! The entries that a consumer makes of a log.

use chrono_tz::Tz;

use super::super::formats::tests::Counting;
use super::super::formats::{Formats, OriginJson, Table};
use super::super::log::testing::log;
use super::*;
use crate::config::{self, ReadingTopic};
use crate::domain::{Quantity, Reading, SensorId};
use crate::wire::Topics;

const TOPIC: &str = "factory/sensors/temperature";

impl Polled {
    fn readings(&self) -> Vec<&Reading> {
        let readings = self.entries.iter().filter_map(|entry| match &entry.content {
            EntryContent::Data(data) => Some(&data.measurements),
            _ => None,
        });
        readings.flatten().map(|measurement| &measurement.reading).collect()
    }

    fn rejected(&self) -> Vec<&Rejected> {
        let rejected = self.entries.iter().filter_map(|entry| match &entry.content {
            EntryContent::Rejected(rejected) => Some(rejected),
            _ => None,
        });
        rejected.collect()
    }
}

fn consumer(log: &Arc<Log>, after: Position) -> LogConsumer {
    let format = OriginJson::new(Topics::new("factory", ReadingTopic::Shared), Tz::UTC);
    let formats = Formats::new(vec![Box::new(format)]);
    LogConsumer::new(log.clone(), Subscriptions::new(formats, 0), Vec::new(), after)
}

#[actix::test]
async fn entries_come_in_the_order_of_the_log() {
    let (_folder, log) = log(100);
    for payload in
        [r#"{"sensor_id":"A","temperature":1}"#, "online", r#"{"sensor_id":"B","temperature":2}"#]
    {
        log.accept_message(TOPIC, payload.as_bytes());
    }
    log.accept_message("factory/sensors/status", b"online");
    log.accept_message(TOPIC, &[b' '; 101]);
    let batch = consumer(&log, 0).next().await;
    let ids: Vec<_> = batch.readings().iter().map(|r| r.sensor_id.as_str()).collect();
    assert_eq!(ids, ["A", "B"]);
    assert_eq!((batch.after, batch.through, batch.rejected().len()), (0, 5, 2));
    assert_eq!(batch.rejected()[0].payload, b"online");
    assert_eq!(batch.rejected()[1].payload_bytes, 101);
    assert!(batch.rejected()[1].reason.contains("101 bytes, more than the 100"));
}

#[actix::test]
async fn a_large_message_on_an_ignored_or_description_topic_is_not_rejected() {
    let (_folder, log) = log(100);
    for topic in ["zigbee2mqtt/bridge/definitions", "camera/1", "zigbee2mqtt/lamp"] {
        log.accept_message(topic, &[b'x'; 101]);
    }
    let table = "[broker]\n[[devices]]\ntopic = \"camera/#\"\nignore = [\"*\"]\n\
                 [[devices]]\npreset = \"zigbee2mqtt\"\n";
    let config = crate::config::parse(table, "vigie.toml").unwrap();
    let formats = crate::ingest::formats::formats(&config).unwrap();
    let batch = LogConsumer::new(log, Subscriptions::new(formats, 0), Vec::new(), 0).next().await;
    let topics: Vec<_> = batch.rejected().iter().map(|it| it.topic.as_str()).collect();
    assert_eq!(topics, ["zigbee2mqtt/lamp"]);
}

#[actix::test]
async fn each_poll_continues_after_the_one_before() {
    let (_folder, log) = log(100);
    let mut consumer = consumer(&log, 0);
    let mut values = Vec::new();
    for number in 0..1000 {
        let reading = format!(r#"{{"sensor_id":"A","temperature":{number}}}"#);
        log.accept_message(TOPIC, reading.as_bytes());
    }
    while values.len() < 1000 {
        let batch = consumer.next().await;
        assert_eq!(batch.after, values.len() as u64);
        assert!(batch.readings().len() <= BATCH);
        values.extend(batch.readings().iter().map(|reading| reading.value.get()));
    }
    assert_eq!(values, (0..1000).map(f64::from).collect::<Vec<_>>());
}

#[actix::test]
async fn decoder_state_comes_with_its_record_and_a_panic_is_a_rejected_message() {
    let (_folder, log) = log(100);
    for payload in [b"a".as_slice(), b"panic", b"b"] {
        log.accept_message("count/a", payload);
    }
    let formats = Formats::new(vec![Box::new(Counting::default())]);
    let batch = LogConsumer::new(log, Subscriptions::new(formats, 0), Vec::new(), 0).next().await;
    let reasons: Vec<_> = batch.rejected().iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(reasons, ["0 before it", "the decoder panicked on it", "1 before it"]);
    let counts = batch.entries.iter().map(|it| it.decoders.first().and_then(|it| it.value.clone()));
    assert_eq!(counts.collect::<Vec<_>>(), [Some(vec![1]), None, Some(vec![2])]);
}

#[actix::test]
async fn an_action_keeps_its_position_among_the_readings() {
    let (_folder, log) = log(100);
    let mut consumer = consumer(&log, 0);
    let reading = br#"{"sensor_id":"T","temperature":1}"#;
    log.accept_message(TOPIC, reading);
    log.accept_message("factory/alarms/0123456789abcdef/ack", b"{}");
    log.accept_message(TOPIC, reading);
    let batch = consumer.next().await;
    let [first, asked, last] = &batch.entries[..] else { panic!("{batch:?}") };
    assert!(matches!(first.content, EntryContent::Data(_)), "{first:?}");
    let EntryContent::Action { message: Some(message), .. } = &asked.content else {
        panic!("{asked:?}")
    };
    assert_eq!(message.payload, b"{}");
    assert!(matches!(last.content, EntryContent::Data(_)), "{last:?}");
}

#[actix::test]
async fn an_append_wakes_a_waiting_consumer() {
    let (_folder, log) = log(100);
    let mut consumer = consumer(&log, 0);
    let waiting = actix_rt::spawn(async move { consumer.next().await });
    tokio::task::yield_now().await;
    log.accept_message(TOPIC, b"x");
    assert_eq!(waiting.await.unwrap().rejected().len(), 1);
}

#[actix::test]
async fn series_of_home_assistant_are_noted_as_its_own() {
    let text = "[broker]\n[[devices]]\npreset = \"homeassistant\"\n";
    let tables = config::parse(text, "test").unwrap().devices;
    let format = |prefix| OriginJson::new(Topics::new(prefix, ReadingTopic::Shared), Tz::UTC);
    let theirs = Table::new(Box::new(format("theirs")), &tables[0]);
    let formats = Formats::new(vec![Box::new(format("factory")), Box::new(theirs)]);
    let subscriptions = Subscriptions::new(formats, 0);
    let (_folder, log) = log(100);
    log.accept_message(TOPIC, br#"{"sensor_id":"OURS","temperature":1}"#);
    log.accept_message("theirs/sensors/temperature", br#"{"sensor_id":"THEIRS","temperature":1}"#);
    let may_show = |sensor: &str| {
        subscriptions.may_show(&SensorId::new(sensor).unwrap(), &Quantity::temperature())
    };
    assert!(!may_show("OURS"), "nothing was heard");
    let mut consumer = LogConsumer::new(log, subscriptions.clone(), Vec::new(), 0);
    assert_eq!(consumer.next().await.readings().len(), 2);
    assert!(may_show("OURS") && !may_show("THEIRS"));
    assert_eq!(subscriptions.origins(), 2);
}
