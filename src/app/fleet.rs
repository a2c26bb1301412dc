//! The daemon's own sensors: which there are, and how they become others while it runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::WeakAddr;

use crate::config::changes::{self, SensorChanges};
use crate::config::{FleetConfig, SensorConfig, SensorKey, TimeStyle};
use crate::messages::Measured;
use crate::sensors::{
    CurrentSchedule, FleetClock, Rescheduled, Sensor, SensorSchedule, SensorSettings,
};
use crate::supervisor::{
    ChangeError, ChildId, ChildSettings, ChildSpec, GroupHandle, GroupSpec, Mailbox, Route,
};

/// Sensors have nothing to finish: one that is still waiting for the intake is cut off.
const SHUTDOWN: Duration = Duration::from_millis(500);

/// Time a change waits for its new sensors to start: a failing one takes some seconds to be quarantined.
const UP_AT_MOST: Duration = Duration::from_secs(10);

/// State shared by all sensors, and what is known of each.
pub(super) struct Fleet {
    clock: FleetClock,
    terms: Arc<ChildSettings>,
    times: TimeStyle,
    intake: Route<Measured>,
    members: HashMap<SensorKey, FleetMember>,
}

struct FleetMember {
    id: ChildId,
    settings: Arc<SensorSettings>,
    /// Weak, since an address would cost each of 100,000 sensors 100 bytes.
    addr: WeakAddr<Sensor>,
}

impl FleetMember {
    fn key(&self) -> SensorKey {
        self.settings.config.key()
    }
}

impl Fleet {
    pub fn new(times: TimeStyle, intake: Route<Measured>) -> Self {
        let terms = Arc::new(ChildSettings { shutdown: SHUTDOWN, ..ChildSettings::sensor() });
        Self { clock: FleetClock::default(), terms, times, intake, members: HashMap::new() }
    }

    /// The group to start with.
    pub fn group(&mut self, timing: FleetConfig, sensors: Vec<SensorConfig>) -> GroupSpec {
        let schedules = SensorSchedule::of_fleet(timing, &sensors);
        let mut specs = Vec::with_capacity(sensors.len());
        for ((nth, sensor), schedule) in (0..).zip(sensors).zip(schedules) {
            let (spec, member) = self.member(sensor, schedule, true);
            self.members.insert(member.key(), FleetMember { id: ChildId::nth(nth), ..member });
            specs.push(spec);
        }
        GroupSpec::new("fleet").children(specs)
    }

    fn member(
        &self,
        sensor: SensorConfig,
        schedule: SensorSchedule,
        makes_up: bool,
    ) -> (ChildSpec<Sensor>, FleetMember) {
        let name = sensor.id.clone();
        let settings = Arc::new(SensorSettings {
            config: sensor,
            schedule: CurrentSchedule::new(schedule),
            clock: self.clock.clone(),
            makes_up,
            times: self.times,
            intake: self.intake.clone(),
        });
        let mailbox = Mailbox::<Sensor>::new();
        let addr = mailbox.addr().downgrade();
        let spec = ChildSpec::sensor(name, mailbox, settings.clone().factory());
        // Its id is assigned with its place in the group.
        let member = FleetMember { id: ChildId::nth(0), settings, addr };
        (spec.settings(self.terms.clone()), member)
    }

    /// Changes the fleet to these sensors. Unchanged ones keep running; those that take turns get their new turns.
    ///
    /// # Errors
    /// If the group is stopping, or not started yet. What was done by then stays.
    pub async fn become_one_of(
        &mut self,
        group: &GroupHandle,
        timing: FleetConfig,
        sensors: Vec<SensorConfig>,
    ) -> Result<SensorChanges, ChangeError> {
        let old = self.members.values().map(|member| &member.settings.config);
        let changes = changes::sensors(old, &sensors);
        let schedules = SensorSchedule::of_fleet(timing, &sensors);
        let changed = changes.changed.iter().map(|place| sensors[*place].key());
        self.remove(group, changes.removed.iter().cloned().chain(changed).collect()).await?;
        for place in &changes.unchanged {
            self.reschedule(&sensors[*place], schedules[*place]);
        }
        let is_new: Vec<bool> = {
            let mut is_new = vec![false; sensors.len()];
            changes.added.iter().chain(&changes.changed).for_each(|place| is_new[*place] = true);
            is_new
        };
        let new = sensors.into_iter().zip(schedules).zip(is_new).filter(|(_, is_new)| *is_new);
        self.add(group, new.map(|(new, _)| new)).await?;
        Ok(changes)
    }

    async fn remove(
        &mut self,
        group: &GroupHandle,
        keys: Vec<SensorKey>,
    ) -> Result<(), ChangeError> {
        if keys.is_empty() {
            return Ok(());
        }
        let ids = keys.iter().filter_map(|key| self.members.get(key)).map(|member| member.id);
        group.remove(ids).await?;
        keys.iter().for_each(|key| drop(self.members.remove(key)));
        Ok(())
    }

    async fn add(
        &mut self,
        group: &GroupHandle,
        sensors: impl Iterator<Item = (SensorConfig, SensorSchedule)>,
    ) -> Result<(), ChangeError> {
        let (specs, members): (Vec<_>, Vec<_>) =
            sensors.map(|(sensor, schedule)| self.member(sensor, schedule, false)).unzip();
        if specs.is_empty() {
            return Ok(());
        }
        let (ids, settled) = group.add(specs).await?;
        for (id, member) in ids.into_iter().zip(members) {
            self.members.insert(member.key(), FleetMember { id, ..member });
        }
        // A sensor that isn't up by then is handled by the supervisor, as at a start.
        let _ = tokio::time::timeout(UP_AT_MOST, settled).await;
        Ok(())
    }

    /// A sensor with its own interval keeps its schedule, whatever sensors are added or removed.
    fn reschedule(&self, sensor: &SensorConfig, schedule: SensorSchedule) {
        if sensor.interval.is_some() {
            return;
        }
        let Some(member) = self.members.get(&sensor.key()) else { return };
        if member.settings.schedule.set(schedule)
            && let Some(addr) = member.addr.upgrade()
        {
            // Lost only if the sensor has ended. One per change, so they can't accumulate.
            addr.do_send(Rescheduled);
        }
    }
}
