use super::*;

struct World {
    poison: PoisonDetector,
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
        Self { poison: PoisonDetector::default(), now: Instant::now() }
    }

    /// The QoS with which it goes.
    fn send(&mut self, tag: u64, topic: &str) -> Qos {
        self.poison.on_publish(Tag::Alert(tag), message(topic), self.now).qos
    }

    /// A connection ends, and the next one is made. What is held from then on.
    fn hang_up(&mut self) -> Vec<String> {
        self.poison.on_close(&Outcome::Closed, self.now);
        self.now += Duration::from_secs(2);
        self.poison.on_reopen(self.now)
    }

    fn holds(&mut self, topic: &str) -> bool {
        self.poison.is_held(Tag::Alert(1), topic, self.now)
    }
}

#[test]
fn a_poison_message_is_held_at_the_third_close() {
    let mut world = World::new();
    assert_eq!(world.send(1, "a"), Qos::ExactlyOnce);
    assert!(world.hang_up().is_empty());
    assert_eq!(world.send(1, "a"), Qos::ExactlyOnce);
    assert!(world.hang_up().is_empty());
    assert_eq!(world.send(1, "a"), Qos::AtLeastOnce, "perhaps that is it");
    assert_eq!(world.hang_up(), ["a"]);
    assert!(world.holds("a") && !world.holds("b"));
    assert!(world.poison.may_publish(world.now));
}

#[test]
fn those_in_flight_with_it_are_published_one_at_a_time_and_cleared() {
    let mut world = World::new();
    world.send(1, "a");
    world.send(2, "b");
    assert!(world.hang_up().is_empty());
    assert!(world.poison.may_publish(world.now));
    world.send(2, "b");
    assert!(!world.poison.may_publish(world.now));
    assert_eq!(world.poison.on_answer(Tag::Alert(2)), Cleared::default());
    for _ in 0..2 {
        assert!(world.poison.may_publish(world.now) && !world.holds("a"));
        world.send(1, "a");
        assert!(!world.poison.may_publish(world.now));
        world.hang_up();
    }
    assert!(world.holds("a") && !world.holds("b"));
    world.send(2, "b");
    assert!(world.poison.may_publish(world.now), "no candidates are left");
}

#[test]
fn a_chance_close_holds_no_other_topic() {
    let mut world = World::new();
    for _ in 0..3 {
        world.send(1, "a");
        world.hang_up();
    }
    world.send(2, "b");
    assert!(world.hang_up().is_empty());
    assert!(!world.holds("b"));
}

#[test]
fn a_topic_is_named_as_the_cause_when_it_is_likely() {
    let close = |world: &mut World, outcome: &Outcome| {
        world.send(1, "a");
        world.poison.on_close(outcome, world.now);
        let causes = world.poison.likely_causes(outcome);
        world.poison.on_reopen(world.now);
        causes
    };
    let not_authorized = Outcome::Reason { code: 0x87, text: String::new() };
    assert_eq!(close(&mut World::new(), &not_authorized), ["a"]);
    let mut world = World::new();
    assert!(close(&mut world, &Outcome::Closed).is_empty());
    assert_eq!(close(&mut world, &Outcome::Closed), ["a"]);
}

#[test]
fn what_describes_entities_is_held_as_one() {
    let mut world = World::new();
    for n in 0..3 {
        let message = message(&format!("homeassistant/sensor/{n}/config"));
        world.poison.on_publish(Tag::Discovery(n), message, world.now);
        world.hang_up();
    }
    assert!(world.poison.is_held(Tag::Discovery(9), "homeassistant/sensor/9/config", world.now));
    assert!(!world.poison.is_held(Tag::Discovery(9), "factory/homeassistant/state", world.now));
    assert!(!world.holds("homeassistant/sensor/9/config"));
}

#[test]
fn a_message_without_an_answer_blocks_others_for_a_moment_only() {
    let mut world = World::new();
    world.send(1, "a");
    world.hang_up();
    world.send(1, "a");
    assert!(!world.poison.may_publish(world.now));
    world.now += PROMPT;
    assert!(world.poison.may_publish(world.now));
    assert!(!world.poison.is_unanswered(world.now));
    world.now += ANSWER_TIMEOUT;
    assert!(world.poison.is_unanswered(world.now));
}

#[test]
fn a_slow_close_counts_for_what_has_waited() {
    let mut world = World::new();
    for _ in 0..3 {
        world.send(1, "a");
        world.now += PROMPT * 2;
        world.hang_up();
    }
    assert!(world.holds("a"));
}

#[test]
fn a_new_intake_connection_retries_what_is_held() {
    let mut world = World::new();
    for _ in 0..3 {
        world.send(1, "a");
        world.hang_up();
    }
    world.poison.end_holds(world.now);
    assert!(!world.holds("a"));
}

#[test]
fn what_was_reduced_is_in_the_answer() {
    let mut world = World::new();
    for _ in 0..2 {
        world.send(1, "a");
        world.hang_up();
    }
    world.send(1, "a");
    let answered = world.poison.on_answer(Tag::Alert(1));
    assert_eq!(answered.reduced, Some(ReducedMessage::Qos(Qos::AtLeastOnce)));
    assert_eq!(answered.topic, None);
    let retained = Outgoing { retained: true, qos: Qos::AtLeastOnce, ..message("b") };
    for _ in 0..2 {
        let sent = world.poison.on_publish(Tag::Online, retained.clone(), world.now);
        assert!(sent.retained);
        world.hang_up();
    }
    assert!(!world.poison.on_publish(Tag::Online, retained, world.now).retained);
    assert_eq!(world.poison.on_answer(Tag::Online).reduced, Some(ReducedMessage::NotRetained));
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
        assert!(!world.poison.may_publish(world.now), "and no other goes meanwhile");
        world.poison.on_answer(Tag::Alert(9));
        assert!(!world.holds("a"));
        assert_eq!(world.send(1, "a"), Qos::ExactlyOnce, "as it is");
        assert!(!world.poison.may_publish(world.now));
        assert_eq!(world.hang_up(), ["a"]);
        hold = (hold * 2).min(LONGEST_HOLD);
    }
    assert_eq!(hold, LONGEST_HOLD);
    world.now += hold;
    assert!(!world.holds("a"));
    world.send(1, "a");
    assert_eq!(world.poison.on_answer(Tag::Alert(1)).topic.as_deref(), Some("a"));
    assert!(!world.holds("a"));
}

#[test]
fn a_close_for_another_reason_makes_no_candidates() {
    let mut world = World::new();
    for _ in 0..9 {
        world.send(1, "a");
        world.poison.on_close(&Outcome::Closed, world.now);
        world.poison.on_broker_away();
        assert!(world.poison.on_reopen(world.now).is_empty());
        world.send(1, "a");
        world.poison.on_close(&Outcome::Reason { code: 0x8B, text: String::new() }, world.now);
        assert!(world.poison.on_reopen(world.now).is_empty());
        world.send(1, "a");
        world.send(2, "b");
        world.poison.on_broker_away();
    }
    assert!(world.poison.candidates.is_empty());
}

#[test]
fn a_candidate_that_is_not_published_again_blocks_nothing_for_long() {
    let mut world = World::new();
    world.send(1, "a");
    world.hang_up();
    world.send(2, "b");
    assert!(!world.poison.may_publish(world.now));
    world.poison.on_answer(Tag::Alert(2));
    world.now += CANDIDATE_TIMEOUT;
    world.poison.tick(world.now);
    world.send(2, "b");
    assert!(world.poison.may_publish(world.now));
}
