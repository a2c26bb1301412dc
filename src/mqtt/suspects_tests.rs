use super::*;

struct World {
    suspects: Suspects,
    now: Instant,
}

fn message(topic: &str) -> Outgoing {
    Outgoing {
        topic: topic.into(),
        payload: Vec::new(),
        qos: Qos::ExactlyOnce,
        retained: false,
        is_forwarded: false,
    }
}

impl World {
    fn new() -> Self {
        Self { suspects: Suspects::default(), now: Instant::now() }
    }

    /// The QoS with which it goes.
    fn send(&mut self, tag: u64, topic: &str) -> Qos {
        self.suspects.send(Tag::Alert(tag), message(topic), self.now).qos
    }

    /// A connection ends, and the next one is made. What is held from then on.
    fn hang_up(&mut self) -> Vec<String> {
        self.suspects.ended(&Outcome::Closed, self.now);
        self.now += Duration::from_secs(2);
        self.suspects.opened(self.now)
    }

    fn holds(&mut self, topic: &str) -> bool {
        self.suspects.holds(topic, self.now)
    }
}

#[test]
fn a_message_at_which_the_broker_hangs_up_is_held_at_the_third_end() {
    let mut world = World::new();
    assert_eq!(world.send(1, "a"), Qos::ExactlyOnce);
    assert!(world.hang_up().is_empty());
    assert_eq!(world.send(1, "a"), Qos::ExactlyOnce);
    assert!(world.hang_up().is_empty());
    assert_eq!(world.send(1, "a"), Qos::AtLeastOnce, "perhaps that is it");
    assert_eq!(world.hang_up(), ["a"]);
    assert!(world.holds("a") && !world.holds("b"));
    assert!(world.suspects.may_send());
}

#[test]
fn those_in_flight_with_it_are_sent_one_at_a_time_and_acquitted() {
    let mut world = World::new();
    world.send(1, "a");
    world.send(2, "b");
    assert!(world.hang_up().is_empty());
    assert!(world.suspects.may_send());
    world.send(2, "b");
    assert!(!world.suspects.may_send());
    assert_eq!(world.suspects.answered(Tag::Alert(2)), Answered::default());
    for _ in 0..2 {
        assert!(world.suspects.may_send() && !world.holds("a"));
        world.send(1, "a");
        assert!(!world.suspects.may_send());
        world.hang_up();
    }
    assert!(world.holds("a") && !world.holds("b"));
    world.send(2, "b");
    assert!(world.suspects.may_send(), "no suspects are left");
}

#[test]
fn a_known_broker_needs_one_end_for_the_next_topic() {
    let mut world = World::new();
    for _ in 0..3 {
        world.send(1, "a");
        world.hang_up();
    }
    world.send(2, "b");
    assert_eq!(world.hang_up(), ["b"]);
}

#[test]
fn what_goes_with_less_is_said() {
    let mut world = World::new();
    for _ in 0..2 {
        world.send(1, "a");
        world.hang_up();
    }
    world.send(1, "a");
    let answered = world.suspects.answered(Tag::Alert(1));
    assert_eq!(answered.lowered, Some(Lowered::Qos(Qos::AtLeastOnce)));
    assert_eq!(answered.released, None);
    let retained = Outgoing { retained: true, qos: Qos::AtLeastOnce, ..message("b") };
    for _ in 0..2 {
        let sent = world.suspects.send(Tag::Online, retained.clone(), world.now);
        assert!(sent.retained);
        world.hang_up();
    }
    assert!(!world.suspects.send(Tag::Online, retained, world.now).retained);
    assert_eq!(world.suspects.answered(Tag::Online).lowered, Some(Lowered::NotRetained));
}

#[test]
fn a_held_topic_is_tried_again_alone_and_later_each_time() {
    let mut world = World::new();
    for _ in 0..3 {
        world.send(1, "a");
        world.hang_up();
    }
    let mut hold = FIRST_HOLD;
    for _ in 0..4 {
        world.now += hold.saturating_sub(Duration::from_secs(3));
        assert!(world.holds("a"));
        world.now += Duration::from_secs(3);
        world.send(9, "b");
        assert!(world.holds("a"), "not beside another");
        assert!(!world.suspects.may_send(), "and no other goes meanwhile");
        world.suspects.answered(Tag::Alert(9));
        assert!(!world.holds("a"));
        assert_eq!(world.send(1, "a"), Qos::ExactlyOnce, "as it is");
        assert!(!world.suspects.may_send());
        assert_eq!(world.hang_up(), ["a"]);
        hold = (hold * 2).min(LONGEST_HOLD);
    }
    assert_eq!(hold, LONGEST_HOLD);
    world.now += hold;
    assert!(!world.holds("a"));
    world.send(1, "a");
    assert_eq!(world.suspects.answered(Tag::Alert(1)).released.as_deref(), Some("a"));
    assert!(!world.holds("a"));
}

#[test]
fn a_broker_that_goes_or_says_another_reason_accuses_nobody() {
    let mut world = World::new();
    for _ in 0..9 {
        world.send(1, "a");
        world.suspects.ended(&Outcome::Closed, world.now);
        world.suspects.acquit();
        assert!(world.suspects.opened(world.now).is_empty());
        world.send(1, "a");
        world.suspects.ended(&Outcome::Reason { code: 0x8B, text: String::new() }, world.now);
        assert!(world.suspects.opened(world.now).is_empty());
        world.send(1, "a");
        world.now += PROMPT;
        assert!(world.hang_up().is_empty(), "it has waited for the answer too long");
    }
    assert!(world.suspects.suspected.is_empty());
}

#[test]
fn a_suspect_that_does_not_come_holds_nobody_up_for_long() {
    let mut world = World::new();
    world.send(1, "a");
    world.hang_up();
    world.send(2, "b");
    assert!(!world.suspects.may_send());
    world.suspects.answered(Tag::Alert(2));
    world.now += PATIENCE;
    world.suspects.tick(world.now);
    world.send(2, "b");
    assert!(world.suspects.may_send());
}
