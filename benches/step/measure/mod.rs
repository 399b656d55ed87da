//! Contenders race in rounds, so that whatever else the machine does meets all of them.

mod clock;
mod pace;
mod spread;

use std::time::Instant;

pub use clock::{Clock, Laps, Sample};
pub use pace::{BUSY, Pace};
pub use spread::Spread;

use crate::Result;

/// Who is measured.
pub struct Contender<'a> {
    pub name: String,
    pub run: Run<'a>,
    /// Its times count so many times.
    weight: f64,
}

/// What a run is.
pub enum Run<'a> {
    /// The commands of one compute pass.
    Pass(Box<dyn FnMut(&mut wgpu::ComputePass<'_>) + 'a>),
    /// Commands of an encoder.
    Encoder(Box<dyn FnMut(&mut wgpu::CommandEncoder) + 'a>),
    /// Something that says itself how many seconds it took.
    Elsewhere(On, Box<dyn FnMut() -> Result<Sample> + 'a>),
}

/// What something else runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The cores of the host.
    Cores,
    /// The device.
    Device,
}

/// What a contender's runs took.
#[derive(Clone, Debug)]
pub struct Timing {
    pub name: String,
    pub whole: Spread,
    pub record: Option<Spread>,
    pub gpu: Option<Spread>,
}

/// How long a race may be.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds at most.
    pub rounds: usize,
    /// After about so many seconds no round begins, if there were three.
    pub seconds: f64,
}

/// A contender's turn lasts at least so many seconds, in several runs if need be.
const TURN: f64 = 4e-3;
/// A run that is shorter comes after one that is not counted: the caches are then its own.
const SHORT: f64 = 20e-3;
/// A first run that takes longer is warm-up enough.
const LONG: f64 = 0.5;
/// No fewer, or there is no spread.
const LEAST_ROUNDS: usize = 3;

impl Effort {
    /// For a race of more contenders.
    pub fn times(self, factor: f64) -> Self {
        Effort { seconds: factor * self.seconds, ..self }
    }

    /// For a race whose rounds differ more from each other.
    pub fn rounds(self, factor: usize) -> Self {
        Effort { rounds: if self.rounds > 1 { factor * self.rounds } else { 1 }, ..self }
    }
}

impl<'a> Contender<'a> {
    fn new(name: impl Into<String>, run: Run<'a>) -> Self {
        Contender { name: name.into(), run, weight: 1.0 }
    }

    /// Its times count so many times: those of a copy that moves a part of the bytes, as if it moved all.
    pub fn times(self, weight: f64) -> Self {
        Contender { weight, ..self }
    }

    pub fn pass(name: impl Into<String>, record: impl FnMut(&mut wgpu::ComputePass<'_>) + 'a) -> Self {
        Contender::new(name, Run::Pass(Box::new(record)))
    }

    pub fn encoder(name: impl Into<String>, record: impl FnMut(&mut wgpu::CommandEncoder) + 'a) -> Self {
        Contender::new(name, Run::Encoder(Box::new(record)))
    }

    /// Something on the host that says itself how many seconds it took.
    pub fn clocked(name: impl Into<String>, mut run: impl FnMut() -> Result<f64> + 'a) -> Self {
        Contender::elsewhere(name, On::Cores, move || Ok(Sample { whole: run()?, record: None, gpu: None }))
    }

    /// Something that says itself what it took.
    pub fn elsewhere(name: impl Into<String>, on: On, run: impl FnMut() -> Result<Sample> + 'a) -> Self {
        Contender::new(name, Run::Elsewhere(on, Box::new(run)))
    }

    /// Something on the host.
    pub fn host(name: impl Into<String>, mut run: impl FnMut() -> Result<()> + 'a) -> Self {
        let timed = move || {
            let start = Instant::now();
            run()?;
            Ok(start.elapsed().as_secs_f64())
        };
        Self::clocked(name, timed)
    }
}

/// Warms all contenders up, then times them in turns. The first one of a round changes.
pub fn race(clock: &Clock<'_>, contenders: &mut [Contender<'_>], effort: Effort) -> Result<Vec<Timing>> {
    let mut expected = Vec::new();
    for contender in contenders.iter_mut() {
        // The first run compiles, and touches memory for the first time.
        let first = clock.time(contender)?.whole;
        expected.push(if first < LONG && effort.rounds > 1 { clock.time(contender)?.whole } else { first });
    }
    let rest = |contender: &Contender<'_>| {
        if effort.rounds > 1 {
            std::thread::sleep(clock.pace().rest(&contender.run));
        }
    };
    contenders.last().into_iter().for_each(rest);
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); contenders.len()];
    let (start, mut has_idled) = (Instant::now(), true);
    for round in 0..effort.rounds {
        if round >= LEAST_ROUNDS && start.elapsed().as_secs_f64() > effort.seconds {
            break;
        }
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            let contender = &mut contenders[index];
            let busy = clock.pace().busy(&contender.run, has_idled);
            has_idled = Pace::idles(&contender.run);
            match busy {
                Some(seconds) => clock.busy(contender, if effort.rounds > 1 { seconds } else { 0.0 })?,
                None if expected[index] < SHORT && effort.rounds > 1 => drop(clock.time(contender)?),
                None => {}
            }
            // A process that has kept the device busy itself has made several steps already.
            let once = effort.rounds == 1 || busy.is_some() && matches!(contender.run, Run::Elsewhere(..));
            let runs = if once { 1 } else { (TURN / expected[index].max(1e-6)).clamp(1.0, 16.0) as usize };
            for _ in 0..runs {
                samples[index].push(clock.time(&mut contenders[index])?);
            }
            rest(&contenders[index]);
        }
    }
    contenders.iter().zip(samples).map(|(contender, samples)| timing(contender, &samples)).collect()
}

fn timing(contender: &Contender<'_>, samples: &[Sample]) -> Result<Timing> {
    let spread = |time: fn(&Sample) -> Option<f64>| Spread::of(samples.iter().filter_map(time).map(|time| contender.weight * time));
    let whole = spread(|sample| Some(sample.whole)).ok_or("no rounds; --repeats is at least 1")?;
    Ok(Timing { name: contender.name.clone(), whole, record: spread(|sample| sample.record), gpu: spread(|sample| sample.gpu) })
}
