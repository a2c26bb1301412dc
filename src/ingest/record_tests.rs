//! Layout and round trip of the log's records.

use proptest::prelude::*;

use super::*;
use crate::domain::{Action, AlarmName, Location, Operator, Quantity, SensorId, Unit, Value, Via};

fn at(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap()
}

fn clocks(own: u64, embedded: u64, remote: u64) -> ListeningClocks {
    let mut clocks = ListeningClocks::default();
    for (ingress, micros) in Ingress::ALL.into_iter().zip([own, embedded, remote]) {
        clocks.set_at_least(ingress, Duration::from_micros(micros));
    }
    clocks
}

#[test]
fn the_layout_of_a_message_is_as_documented() {
    let incoming = IncomingMessage {
        is_replayed: true,
        ..IncomingMessage::live(Ingress::Remote, "a/b", b"xyz", 1)
    };
    let record = message(&incoming, at(0x0102), &clocks(1, 2, 3), 100);
    assert_eq!(record[..10], [2, 1, 2, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(record[10..18], [1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((record[18], record[26]), (2, 3));
    assert_eq!(record[34..41], [0b0000_1110, 3, 0, 0, 0, 3, 0]);
    assert_eq!(record[41..], *b"a/bxyz");
}

#[test]
fn a_record_of_version_1_is_a_live_message_without_clocks() {
    let mut record = vec![1, 2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 3, 0];
    record.extend_from_slice(b"a/bxyz");
    let (receipt, body) = decode(&record).unwrap();
    assert_eq!(receipt, Receipt { at: at(0x0102), clocks: None });
    let expected =
        IncomingMessage { ingress: None, ..IncomingMessage::live(Ingress::Own, "a/b", b"xyz", 0) };
    assert_eq!(body, Body::Message(expected));
}

#[test]
fn a_payload_over_the_limit_is_truncated() {
    let payload = vec![b' '; 10_001];
    let incoming = IncomingMessage::live(Ingress::Embedded, "t", &payload, 0);
    let kept = |limit| {
        let record = message(&incoming, at(0), &ListeningClocks::default(), limit);
        match decode(&record) {
            Some((_, Body::Message(incoming))) => (incoming.payload.len(), incoming.payload_bytes),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(kept(10_000), (KEPT_BYTES, 10_001));
    assert_eq!(kept(10_001), (10_001, 10_001));
}

#[test]
fn a_finding_is_decoded_as_it_was_encoded() {
    let value = Value::new(1.5).unwrap();
    let expected = Finding { about: "disk".into(), is_wrong: true, value, unit: "GB".into() };
    let record = finding(&expected, at(7), &clocks(1, 2, 3)).unwrap();
    let (receipt, body) = decode(&record).unwrap();
    assert_eq!(receipt, Receipt { at: at(7), clocks: Some(clocks(1, 2, 3)) });
    assert_eq!((record[..2].to_vec(), body), (vec![2, 5], Body::Finding(expected)));
}

#[test]
fn each_other_kind_is_decoded_as_it_was_encoded() {
    let own = Reading {
        sensor_id: SensorId::new("T").unwrap(),
        location: Location::new("Hall"),
        quantity: Quantity::temperature(),
        value: Value::new(38.0).unwrap(),
        unit: Unit::new("celsius"),
        timestamp: at(5),
    };
    let asked = OperatorAction {
        what: Action::Shelve { lasting: Duration::from_secs(60), is_one_shot: true },
        alarm: AlarmName::Of { rule: "r".into(), sensor_id: SensorId::new("T").unwrap() },
        operator: Operator::new("ann", Some("testing")).unwrap(),
        at: at(7),
        via: Via::Api,
    };
    let clocks = clocks(3, 2, 1);
    let receipt = Receipt { at: at(9), clocks: Some(clocks) };
    let record = reading(&own, at(9), &clocks);
    assert!(is_outbound(&record));
    assert_eq!(decode(&record), Some((receipt, Body::OwnReading(own))));
    let record = action(&asked, at(9), &clocks).unwrap();
    assert_eq!(decode(&record), Some((receipt, Body::Action(asked))));
    let record = time_mark(at(9), &clocks);
    assert!(!is_outbound(&record));
    assert_eq!(decode(&record), Some((receipt, Body::TimeMark)));
}

#[test]
fn a_message_keeps_its_forwarding_unless_it_is_truncated() {
    let live = IncomingMessage::live(Ingress::Embedded, "a/b", b"payload", 2);
    for forward in [None, Some(false), Some(true)] {
        let forward = forward.map(|is_retained| Forward { is_retained });
        let incoming = IncomingMessage { forward, ..live };
        let record = message(&incoming, at(9), &clocks(1, 2, 3), 7);
        assert_eq!(is_outbound(&record), forward.is_some());
        assert_eq!(decode(&record).map(|it| it.1), Some(Body::Message(incoming)));
        let too_large = IncomingMessage { payload: &[7; 2 * KEPT_BYTES], ..incoming };
        assert!(!is_outbound(&message(&too_large, at(9), &clocks(1, 2, 3), 7)));
    }
    assert!(!is_outbound(&[]) && !is_outbound(&[2, 1]));
}

proptest! {
    #[test]
    fn a_message_is_decoded_as_it_was_encoded(
        topic in "\\PC{0,40}", payload in prop::collection::vec(any::<u8>(), 0..300),
        micros in 0..1_i64 << 52, listened in 0..1_u64 << 52, way in 0..3_usize,
        is_replayed: bool, qos in 0..3_u8,
    ) {
        let clocks = clocks(listened, listened / 2, listened / 3);
        let incoming =
            IncomingMessage { is_replayed, ..IncomingMessage::live(Ingress::ALL[way], &topic, &payload, qos) };
        let record = message(&incoming, at(micros), &clocks, 1000);
        let receipt = Receipt { at: at(micros), clocks: Some(clocks) };
        prop_assert_eq!(decode(&record), Some((receipt, Body::Message(incoming))));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), version in 1..3_u8) {
        let _ = decode(&bytes);
        let _ = decode(&[&[version], &bytes[..]].concat());
    }
}
