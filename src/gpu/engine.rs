use super::{Kernels, Lanes, Layout, Member, Record, limits};
use crate::error::Result;
use crate::plan::{Arena, Limits};
use crate::rule::AnyRule;

/// What an optimizer has on the device besides the caller's buffers and what is bound to them.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) limits: Limits,
    pub(crate) layout: Layout,
    pub(crate) lanes: Lanes,
    pub(crate) record: Record,
    pub(crate) kernels: Kernels,
}

impl Engine {
    /// Allocates state and step record, and compiles what does not depend on buffers.
    pub(crate) fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        rules: &[Box<dyn AnyRule>],
        layout: Layout,
        arena: &Arena,
        members: &[Member],
    ) -> Result<Self> {
        let lanes = Lanes::new(device, &arena.pages, |variant| rules[variant].active_states().len())?;
        let record = Record::new(device, &layout, rules, members)?;
        let (device, queue, limits) = (device.clone(), queue.clone(), limits(device));
        Ok(Engine { device, queue, limits, layout, lanes, record, kernels: Kernels::default() })
    }
}
