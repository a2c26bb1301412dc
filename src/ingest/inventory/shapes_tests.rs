use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

fn shown(shapes: &TopicShapes<()>) -> Vec<(String, u64)> {
    shapes.sorted().iter().map(|shape| (shape.text(), shape.count)).collect()
}

#[test]
fn ids_and_numbers_are_levels_that_differ() {
    for (topic, expected) in [
        ("shellies/shellyht-A1B2C3/sensor/temperature", "shellies/+/sensor/temperature"),
        ("home/hall/BTtoMQTT/A4C138112233", "home/hall/BTtoMQTT/+"),
        ("ruuvi/C1:C2:C3:C4:C5:C6/D1:D2:D3:D4:D5:D6", "ruuvi/+/+"),
        ("application/7/device/24e124136c220017/event/up", "application/+/device/+/event/up"),
        ("zigbee2mqtt/0x00158d0001a2b3c4", "zigbee2mqtt/+"),
        ("factory/sensors/TEMP_001", "factory/sensors/+"),
        ("rtl_433/roof/events", "rtl_433/roof/events"),
        ("v3/app/devices/bed-4/up", "v3/app/devices/+/up"),
        ("air/kitchen/pm2_5", "air/kitchen/pm2_5"),
        ("air/kitchen/co2", "air/kitchen/co2"),
        ("the/facade/decade", "the/facade/decade"),
        ("node12/f47ac10b-58cc-4372-a567-0e02b2c3d479", "+/+"),
        ("/a//b", "/a//b"),
        ("spBv1.0/g/DDATA/e/d", "spBv1.0/g/DDATA/e/d"),
    ] {
        let mut shapes = TopicShapes::<()>::default();
        shapes.note(topic, b"1", at(0));
        assert_eq!(shown(&shapes), [(expected.to_owned(), 1)], "{topic}");
    }
}

#[test]
fn shapes_that_differ_in_one_level_are_merged() {
    let mut shapes = TopicShapes::<()>::default();
    for name in ["attic", "cellar"] {
        shapes.note(&format!("site/{name}/state"), br#"{"t":1,"h":2}"#, at(0));
    }
    assert_eq!(shapes.sorted().len(), 2);
    for name in ["attic", "hall", "hall", "roof"] {
        shapes.note(&format!("site/{name}/state"), br#"{"t":3,"h":4}"#, at(1));
    }
    assert_eq!(shown(&shapes), [("site/+/state".to_owned(), 6)]);
    // A payload of another structure is not merged, and quantities are no names.
    shapes.note("site/door/state", b"open", at(2));
    assert_eq!(shown(&shapes)[0], ("site/+/state".to_owned(), 7));
    for quantity in ["temperature", "humidity", "pressure", "co2"] {
        shapes.note(&format!("air/kitchen/{quantity}"), b"1", at(2));
    }
    assert_eq!(shapes.sorted().len(), 5);
}

#[test]
fn a_shape_has_its_last_message_and_its_times() {
    let mut shapes = TopicShapes::<()>::default();
    shapes.note("a/1", br#"{"x":1}"#, at(0));
    shapes.note("a/2", br#"{"x":2}"#, at(0));
    shapes.note("a/3", br#"{"y":3}"#, at(5));
    let [shape] = shapes.sorted()[..] else { panic!() };
    assert_eq!((shape.first_seen, shape.last_seen, shape.count), (at(0), at(5), 3));
    assert_eq!((shape.topic.as_str(), &*shape.payload), ("a/3", &br#"{"y":3}"#[..]));
    assert_eq!(shape.structure.keys(), ["y"]);
    // Within a second the payload is only kept; `refresh` parses it.
    shapes.note("a/5", br#"{"z":5}"#, at(5));
    let [shape] = shapes.sorted()[..] else { panic!() };
    assert_eq!((shape.topic.as_str(), &*shape.payload), ("a/5", &br#"{"z":5}"#[..]));
    assert_eq!(
        (shape.structure_topic.as_str(), shape.structure.keys()),
        ("a/3", vec!["y".to_owned()])
    );
    shapes.refresh();
    let [shape] = shapes.sorted()[..] else { panic!() };
    assert_eq!(
        (shape.structure_topic.as_str(), shape.structure.keys()),
        ("a/5", vec!["z".to_owned()])
    );
    shapes.note("a/4", &vec![b'x'; SHOWN_BYTES + 1], at(9));
    let [shape] = shapes.sorted()[..] else { panic!() };
    assert_eq!((shape.payload.len(), shape.is_cut), (SHOWN_BYTES, true));
}

#[test]
fn the_shape_with_the_fewest_messages_is_evicted() {
    let mut shapes = TopicShapes::<()>::default();
    let name = |number: usize| -> String {
        let letter =
            |at: u32| char::from(b'g' + u8::try_from(number / 16_usize.pow(at) % 16).unwrap());
        // Levels in number as well, so that none are siblings.
        let name: String = (0..4).map(letter).collect();
        format!("{name}/{}", "x/".repeat(number % 40))
    };
    for number in 0..MOST_SHAPES {
        shapes.note(&name(number), format!("{{\"k{number}\":1}}").as_bytes(), at(0));
    }
    for number in 1..MOST_SHAPES {
        shapes.note(&name(number), b"1", at(0));
    }
    assert_eq!(shapes.sorted().len(), MOST_SHAPES);
    shapes.note("quite/new", b"1", at(1));
    assert_eq!((shapes.sorted().len(), shapes.num_unlisted()), (MOST_SHAPES, 1));
    assert!(shown(&shapes).iter().all(|(text, _)| *text != name(0)));
    // One shape a second is evicted.
    shapes.note("quite/other", b"1", at(1));
    assert_eq!((shapes.sorted().len(), shapes.num_unlisted()), (MOST_SHAPES, 2));
    assert!(shown(&shapes).iter().any(|(text, _)| text == "quite/new"));
    shapes.note(&"é/".repeat(600), b"1", at(2));
    assert!(shapes.sorted().iter().all(|shape| shape.topic.len() <= LONGEST_TOPIC));
    assert_eq!(shapes.sorted().len(), MOST_SHAPES);
}
