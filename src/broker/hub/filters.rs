//! Subscriptions: a tree of the levels of all filters.
//!
//! Invariants: no node without a subscription in or below it; the depth is that of the deepest allowed filter.

use std::num::NonZeroU32;

use bytestring::ByteString;
use rmqtt_codec::types::QoS;

use crate::domain::QuickMap;

/// Number of a session.
pub(super) type SessionKey = usize;

/// Upper bound of a subscription's memory: its node and those above, the filter, and its options.
pub(super) fn cost(filter: &str) -> usize {
    const NODE: usize = 300;
    NODE + filter.len() * 2 + filter.bytes().filter(|byte| *byte == b'/').count() * NODE
}

/// Options of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Options {
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub id: Option<NonZeroU32>,
}

/// Subscribers of one filter.
#[derive(Debug, Default)]
struct Subscribers {
    each: Vec<(SessionKey, Options)>,
    groups: QuickMap<ByteString, Group>,
}

/// Members of a shared subscription, one of which gets each message.
#[derive(Debug, Default)]
struct Group {
    members: Vec<(SessionKey, Options)>,
    next: usize,
}

#[derive(Debug, Default)]
struct Node {
    children: QuickMap<Box<str>, Node>,
    one_level: Option<Box<Node>>,
    here: Subscribers,
    below: Subscribers,
}

/// The tree.
#[derive(Debug, Default)]
pub(super) struct Filters(Node);

impl Filters {
    /// Adds or replaces a subscription.
    pub fn add(
        &mut self,
        group: Option<&str>,
        filter: &str,
        session: SessionKey,
        options: Options,
    ) {
        let members = subscribers(&mut self.0, filter).members(group);
        match members.iter_mut().find(|(member, _)| *member == session) {
            Some((_, known)) => *known = options,
            None => members.push((session, options)),
        }
    }

    /// Removes a subscription.
    pub fn remove(&mut self, group: Option<&str>, filter: &str, session: SessionKey) {
        let levels: Vec<_> = filter.split('/').collect();
        remove(&mut self.0, &levels, &mut |subscribers| {
            subscribers.members(group).retain(|(member, _)| *member != session);
            subscribers.groups.retain(|_, group| !group.members.is_empty());
        });
    }

    /// Shows all subscriptions that match a topic; of each group one that `can_take` it, if any can.
    pub fn find(
        &mut self,
        topic: &str,
        can_take: &impl Fn(SessionKey) -> bool,
        show: &mut impl FnMut(SessionKey, Options),
    ) {
        let mut visit = |subscribers: &mut Subscribers| subscribers.show(can_take, show);
        find(&mut self.0, topic.split('/'), !topic.starts_with('$'), &mut visit);
    }
}

impl Subscribers {
    fn members(&mut self, group: Option<&str>) -> &mut Vec<(SessionKey, Options)> {
        match group {
            None => &mut self.each,
            Some(group) => &mut self.groups.entry(ByteString::from(group)).or_default().members,
        }
    }

    fn is_empty(&self) -> bool {
        self.each.is_empty() && self.groups.is_empty()
    }

    fn show(
        &mut self,
        can_take: &impl Fn(SessionKey) -> bool,
        show: &mut impl FnMut(SessionKey, Options),
    ) {
        self.each.iter().for_each(|(session, options)| show(*session, *options));
        for group in self.groups.values_mut() {
            let count = group.members.len();
            let turn = |step| (group.next + step) % count;
            let chosen = (0..count).map(turn).find(|at| can_take(group.members[*at].0));
            let chosen = chosen.unwrap_or(group.next % count);
            group.next = chosen + 1;
            let (session, options) = group.members[chosen];
            show(session, options);
        }
    }
}

impl Node {
    fn is_empty(&self) -> bool {
        self.children.is_empty()
            && self.one_level.is_none()
            && self.here.is_empty()
            && self.below.is_empty()
    }
}

fn subscribers<'a>(root: &'a mut Node, filter: &str) -> &'a mut Subscribers {
    let mut node = root;
    for level in filter.split('/') {
        node = match level {
            "#" => return &mut node.below,
            "+" => node.one_level.get_or_insert_default(),
            _ => node.children.entry(level.into()).or_default(),
        };
    }
    &mut node.here
}

fn remove(node: &mut Node, levels: &[&str], change: &mut impl FnMut(&mut Subscribers)) {
    let Some((level, rest)) = levels.split_first() else { return change(&mut node.here) };
    match *level {
        "#" => change(&mut node.below),
        "+" => {
            if let Some(child) = &mut node.one_level {
                remove(child, rest, change);
            }
            node.one_level.take_if(|child| child.is_empty());
        }
        level => {
            let Some(child) = node.children.get_mut(level) else { return };
            remove(child, rest, change);
            if child.is_empty() {
                node.children.remove(level);
            }
        }
    }
}

fn find<'a>(
    node: &mut Node,
    mut levels: impl Iterator<Item = &'a str> + Clone,
    wildcards: bool,
    visit: &mut impl FnMut(&mut Subscribers),
) {
    if wildcards {
        visit(&mut node.below);
    }
    let Some(level) = levels.next() else { return visit(&mut node.here) };
    if wildcards && let Some(child) = &mut node.one_level {
        find(child, levels.clone(), true, visit);
    }
    if let Some(child) = node.children.get_mut(level) {
        find(child, levels, true, visit);
    }
}
