//! What schedules of learning rate scales have to be.

use crate::error::{BufferRole, Error, Result};
use crate::schedule::Schedule;

/// Fails on schedules without scales, on one for a scale that is not there, on two for one, and on one that is no schedule.
pub(crate) fn check_scale_schedules(param: &str, scales: Option<u64>, schedules: &[(usize, Schedule)]) -> Result<()> {
    let conflict = |what: String| Err(Error::Conflict { what: format!("{param}: {what}") });
    for (position, (index, schedule)) in schedules.iter().enumerate() {
        let Some(scales) = scales else {
            return conflict("lr_scale_schedules are for the numbers of lr_scales, which are not given".into());
        };
        if *index as u64 >= scales {
            return conflict(format!("a schedule is for number {index} of its {}, of which there are {scales}", BufferRole::LrScales));
        }
        if schedules[..position].iter().any(|(other, _)| other == index) {
            return conflict(format!("number {index} of its {} has two schedules", BufferRole::LrScales));
        }
        if let Err(message) = schedule.check() {
            return conflict(format!("the schedule for number {index} of its {}: {message}", BufferRole::LrScales));
        }
    }
    Ok(())
}
