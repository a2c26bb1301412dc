use super::*;

const SECOND: &str = "vigie-pub";

fn will() -> Outgoing {
    Outgoing {
        topic: "factory/sensors/status".into(),
        payload: b"offline".to_vec(),
        qos: Qos::AtLeastOnce,
        retained: true,
        is_forwarded: false,
    }
}

fn alert() -> Outgoing {
    Outgoing { qos: Qos::ExactlyOnce, retained: false, ..will() }
}

/// The QoS and the retain flag of the will, if there is one.
fn shown(capabilities: &Capabilities) -> Option<(Qos, bool)> {
    capabilities.will(will()).map(|will| (will.qos, will.retained))
}

struct Broker {
    capabilities: Capabilities,
    version: MqttVersion,
    now: Instant,
}

impl Broker {
    /// Whose intake stands.
    fn new(advertised: Advertised) -> Self {
        let mut capabilities = Capabilities::new(true);
        let now = Instant::now();
        capabilities.opened(Role::Intake, advertised, true, now);
        Self { capabilities, version: MqttVersion::V3_1_1, now }
    }

    fn fails(&mut self, outcome: Outcome) -> &mut Self {
        let role = match self.capabilities.intake_role() {
            Role::Intake => Role::Publishing,
            other => other,
        };
        let had_will = self.capabilities.will(will()).is_some();
        let failed = Failed { role, outcome, had_will };
        self.capabilities.failed(&failed, self.version, self.now);
        self
    }

    fn opens(&mut self) -> &mut Self {
        self.capabilities.opened(Role::Publishing, Advertised::default(), false, self.now);
        self
    }

    fn limits(&self) -> Vec<BrokerLimit> {
        self.capabilities.limits(SECOND)
    }
}

fn silent_close() -> Outcome {
    Outcome::Transport("closed".into())
}

fn reason(code: u8) -> Outcome {
    Outcome::Reason { code, text: String::new() }
}

#[test]
fn what_a_broker_says_is_kept_to() {
    let advertised = Advertised {
        maximum_qos: Qos::AtLeastOnce,
        takes_retained: false,
        maximum_packet_bytes: Some(100),
        assigned_id: Some("x".into()),
        refused: vec!["a/+".into()],
    };
    let broker = Broker::new(advertised);
    assert_eq!(shown(&broker.capabilities), Some((Qos::AtLeastOnce, false)));
    assert_eq!(broker.capabilities.adapt(alert()).unwrap().qos, Qos::AtLeastOnce);
    let large = Outgoing { payload: vec![0; 100], ..alert() };
    let refusal = broker.capabilities.adapt(large).unwrap_err();
    assert!(matches!(refusal, Refusal::TooLarge { bytes: 101.., most: 100 }), "{refusal:?}");
    assert_eq!(
        broker.limits(),
        [
            BrokerLimit::MaximumQos(1),
            BrokerLimit::NoRetainedMessages,
            BrokerLimit::MaximumPacketBytes(100),
            BrokerLimit::ClientIdAssigned("x".into()),
            BrokerLimit::SubscriptionRefused("a/+".into()),
        ]
    );
}

#[test]
fn a_broker_that_hangs_up_at_a_will_is_shown_less_of_it() {
    let mut broker = Broker::new(Advertised::default());
    assert_eq!(shown(&broker.capabilities), Some((Qos::AtLeastOnce, true)));
    broker.fails(silent_close());
    assert_eq!(shown(&broker.capabilities), Some((Qos::AtLeastOnce, true)), "it may be chance");
    broker.fails(silent_close());
    assert_eq!(shown(&broker.capabilities), Some((Qos::AtLeastOnce, false)));
    broker.fails(silent_close());
    assert_eq!(shown(&broker.capabilities), Some((Qos::AtMostOnce, true)));
    broker.fails(silent_close());
    assert_eq!(shown(&broker.capabilities), None);
    broker.fails(silent_close()).fails(silent_close());
    assert_eq!(broker.capabilities.intake_role(), Role::Intake, "it may be chance");
    broker.fails(silent_close());
    assert_eq!(broker.capabilities.intake_role(), Role::Both);
}

#[test]
fn what_went_is_remembered_for_all_messages() {
    let mut unretained = Broker::new(Advertised::default());
    unretained.fails(silent_close()).fails(silent_close()).opens();
    assert_eq!(unretained.limits(), [BrokerLimit::NoRetainedMessages]);
    assert!(!unretained.capabilities.adapt(will()).unwrap().retained);

    let mut at_most_once = Broker::new(Advertised::default());
    at_most_once.fails(silent_close()).fails(silent_close()).fails(silent_close()).opens();
    assert_eq!(at_most_once.limits(), [BrokerLimit::MaximumQos(0)]);
    let adapted = at_most_once.capabilities.adapt(will()).unwrap();
    assert_eq!((adapted.qos, adapted.retained), (Qos::AtMostOnce, true));

    let mut willless = Broker::new(Advertised::default());
    willless.fails(reason(0x87)).opens();
    assert_eq!(willless.limits(), [BrokerLimit::NoLastWill]);
    assert!(willless.capabilities.adapt(will()).unwrap().retained);
}

#[test]
fn a_reason_goes_straight_to_its_cure() {
    let mut retained = Broker::new(Advertised::default());
    retained.fails(reason(0x9A));
    assert_eq!(shown(&retained.capabilities), Some((Qos::AtLeastOnce, false)));
    let mut qos = Broker::new(Advertised::default());
    qos.fails(reason(0x9B));
    assert_eq!(shown(&qos.capabilities), Some((Qos::AtMostOnce, true)));
    for outcome in [reason(0x85), reason(0x97), Outcome::Return(2)] {
        let mut id = Broker::new(Advertised::default());
        id.fails(outcome);
        assert_eq!(id.capabilities.intake_role(), Role::Both);
        assert!(shown(&id.capabilities).is_some());
    }
}

#[test]
fn a_broker_that_is_away_or_busy_teaches_nothing() {
    let mut broker = Broker::new(Advertised::default());
    for outcome in
        [reason(0x86), reason(0x88), reason(0x89), Outcome::Return(3), Outcome::Return(4)]
    {
        broker.fails(outcome.clone()).fails(outcome.clone()).fails(outcome);
    }
    assert_eq!(shown(&broker.capabilities), Some((Qos::AtLeastOnce, true)));
    let intake = Failed { role: Role::Intake, outcome: reason(0x85), had_will: false };
    broker.capabilities.failed(&intake, MqttVersion::V5, broker.now);
    assert_eq!(broker.capabilities.intake_role(), Role::Intake);
    assert_eq!(broker.limits(), []);
}

#[test]
fn one_connection_does_both_where_the_second_is_refused() {
    let mut broker = Broker::new(Advertised::default());
    broker.fails(reason(0x87));
    assert_eq!(shown(&broker.capabilities), None, "the will may be what is not allowed");
    broker.fails(reason(0x87));
    assert_eq!(broker.capabilities.intake_role(), Role::Both);
    assert_eq!(shown(&broker.capabilities), Some((Qos::AtLeastOnce, true)));
    broker.capabilities.opened(Role::Both, Advertised::default(), true, broker.now);
    assert_eq!(broker.limits(), [BrokerLimit::OneConnection { refused: SECOND.into() }]);
    assert_eq!(broker.capabilities.adapt(alert()).unwrap().qos, Qos::AtLeastOnce);
    // The broker is away, for as long as it may be.
    for _ in 0..9 {
        broker.fails(silent_close());
    }
    assert_eq!(broker.capabilities.intake_role(), Role::Both);
    broker.fails(reason(0x87));
    assert_eq!(broker.capabilities.intake_role(), Role::Intake, "its rights have changed");
}

#[test]
fn after_a_second_connection_has_worked_its_failures_teach_nothing() {
    let mut broker = Broker::new(Advertised::default());
    broker.opens();
    broker.capabilities.tick(broker.now + SETTLED);
    for outcome in [silent_close(), Outcome::TimedOut, reason(0x87), reason(0x85), reason(0x97)] {
        broker.fails(outcome.clone()).fails(outcome.clone()).fails(outcome);
    }
    assert_eq!(broker.capabilities.intake_role(), Role::Intake);
    assert_eq!(shown(&broker.capabilities), Some((Qos::AtLeastOnce, true)));
    // With a new intake connection all may be different.
    broker.capabilities.opened(Role::Intake, Advertised::default(), true, broker.now);
    broker.fails(reason(0x85));
    assert_eq!(broker.capabilities.intake_role(), Role::Both);
}

#[test]
fn a_broker_that_closes_the_older_connection_of_two_gets_one() {
    let mut broker = Broker::new(Advertised::default());
    for _ in 0..2 {
        assert_eq!(broker.capabilities.intake_role(), Role::Intake);
        broker.capabilities.opened(Role::Intake, Advertised::default(), true, broker.now);
        broker.opens();
        broker.capabilities.intake_closed(broker.now);
    }
    assert_eq!(broker.capabilities.intake_role(), Role::Both);
    let mut flapping = Broker::new(Advertised::default());
    for _ in 0..9 {
        flapping.opens();
        flapping.capabilities.intake_closed(flapping.now + DISPLACED * 2);
    }
    assert_eq!(flapping.capabilities.intake_role(), Role::Intake);
}

#[test]
fn a_broker_that_does_not_answer_the_second_connection_gets_one() {
    let mut broker = Broker::new(Advertised::default());
    broker.fails(Outcome::TimedOut).fails(Outcome::TimedOut).fails(Outcome::TimedOut);
    assert_eq!(broker.capabilities.intake_role(), Role::Both);
}

#[test]
fn a_broker_of_mqtt_5_would_have_said_what_it_does_not_take_of_a_will() {
    let mut broker = Broker::new(Advertised::default());
    broker.version = MqttVersion::V5;
    broker.fails(silent_close()).fails(silent_close());
    assert_eq!(shown(&broker.capabilities), None);
}

#[test]
fn what_was_tried_ends_with_intake() {
    let mut broker = Broker::new(Advertised::default());
    broker.fails(silent_close()).fails(silent_close());
    broker.capabilities.intake_closed(broker.now);
    assert_eq!(shown(&broker.capabilities), Some((Qos::AtLeastOnce, true)));
}

#[test]
fn where_one_does_not_do_both_intake_goes_on_alone() {
    let mut broker = Broker::new(Advertised::default());
    broker.fails(reason(0x85)).fails(reason(0x87));
    assert_eq!(broker.capabilities.intake_role(), Role::Both);
    assert_eq!(shown(&broker.capabilities), None);
    broker.fails(reason(0x87));
    for _ in 0..9 {
        assert_eq!(broker.capabilities.intake_role(), Role::Intake);
        broker.fails(reason(0x85));
    }
}

#[test]
fn what_was_tried_is_forgotten_in_the_end() {
    let mut broker = Broker::new(Advertised::default());
    broker.fails(reason(0x9A)).opens();
    broker.capabilities.before_intake(broker.now + REMEMBERED[0] / 2);
    assert_eq!(broker.limits(), [BrokerLimit::NoRetainedMessages]);
    broker.capabilities.tick(broker.now + REMEMBERED[0]);
    assert_eq!(broker.limits(), [BrokerLimit::NoRetainedMessages]);
    broker.capabilities.before_intake(broker.now + REMEMBERED[0]);
    assert_eq!(broker.limits(), []);
    broker.fails(reason(0x9A)).opens();
    broker.capabilities.tick(broker.now + REMEMBERED[1]);
    assert_eq!(broker.limits(), []);
}

#[test]
fn a_message_that_went_with_less_teaches_too() {
    let mut broker = Broker::new(Advertised::default());
    broker.capabilities.learn(ReducedMessage::Qos(Qos::AtLeastOnce), broker.now);
    broker.capabilities.learn(ReducedMessage::NotRetained, broker.now);
    assert_eq!(broker.limits(), [BrokerLimit::MaximumQos(1), BrokerLimit::NoRetainedMessages]);
}

#[test]
fn nothing_is_retained_where_the_configuration_says_so() {
    let capabilities = Capabilities::new(false);
    assert_eq!(shown(&capabilities), Some((Qos::AtLeastOnce, false)));
    assert_eq!(capabilities.limits(SECOND), []);
}
