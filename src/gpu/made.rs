//! Counts what wgpu is asked to make, for proofs that something makes nothing.

#[cfg(feature = "testing")]
use core::cell::Cell;

/// What this crate has had wgpu make on the calling thread: rows run in threads of their own, many on one device.
///
/// ```
/// use wgpu_optim::Optimizer;
/// use wgpu_optim::testing::Made;
/// use wgpu_optim::wgpu;
///
/// /// A step records; it makes nothing.
/// fn makes_nothing(optimizer: &Optimizer, encoder: &mut wgpu::CommandEncoder) -> bool {
///     let before = Made::so_far();
///     optimizer.step(encoder);
///     before.since() == Made::default()
/// }
/// ```
#[cfg(feature = "testing")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Compute pipelines, each of them compiled.
    pub pipelines: u64,
    /// Buffers.
    pub buffers: u64,
    /// Bind groups.
    pub bind_groups: u64,
}

#[cfg(feature = "testing")]
std::thread_local! {
    static MADE: Cell<Made> = const { Cell::new(Made { pipelines: 0, buffers: 0, bind_groups: 0 }) };
}

#[cfg(feature = "testing")]
impl Made {
    /// All of it so far.
    pub fn so_far() -> Self {
        MADE.get()
    }

    /// What was made since then.
    pub fn since(self) -> Self {
        let now = Self::so_far();
        Made {
            pipelines: now.pipelines - self.pipelines,
            buffers: now.buffers - self.buffers,
            bind_groups: now.bind_groups - self.bind_groups,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy)]
pub(crate) enum Thing {
    Pipeline,
    Buffer,
    BindGroup,
}

/// Counts one thing more; nothing without the feature `testing`.
pub(crate) fn count(thing: Thing) {
    #[cfg(feature = "testing")]
    MADE.with(|made| {
        let mut counts = made.get();
        match thing {
            Thing::Pipeline => counts.pipelines += 1,
            Thing::Buffer => counts.buffers += 1,
            Thing::BindGroup => counts.bind_groups += 1,
        }
        made.set(counts);
    });
    #[cfg(not(feature = "testing"))]
    let _ = thing;
}
