use super::caught;
use super::kernels::Compiled;
use crate::error::{Error, Result};
use crate::rule::AnyRule;
use crate::wgsl::{self, Slot};

/// Words of an entry before the scalars: step count, and whether the parameter takes part.
const HEADER: u32 = 2;

/// The step record and the `prepare` kernels that bring it up to date.
///
/// On the GPU: first the hyper-parameters of every group, then an entry per parameter. What the host decides (hyper-parameters,
/// who takes part) is in buffers that are never written again but replaced, so that a step already recorded keeps
/// what it was recorded with, whatever is submitted when.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) buffer: wgpu::Buffer,
    settings: wgpu::Buffer,
    prepares: Vec<Prepare>,
}

/// The `prepare` of all groups that run one rule: one dispatch of one workgroup.
#[derive(Clone, Debug)]
struct Prepare {
    rule: Box<dyn AnyRule>,
    kernel: Compiled,
    entries: wgpu::Buffer,
    bind_group: wgpu::BindGroup,
}

/// A parameter, as far as the record is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) group: usize,
    /// Where its entry is, in words.
    pub(crate) record: u32,
    pub(crate) active: bool,
}

/// Where everything is in the record.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Where each group's hyper-parameters are, in words.
    pub(crate) hyper: Vec<u32>,
    /// Words in all.
    words: u64,
}

impl Layout {
    /// Room for the hyper-parameters of these groups.
    pub(crate) fn new<'a>(rules: impl Iterator<Item = &'a dyn AnyRule>) -> Self {
        let mut layout = Layout { hyper: Vec::new(), words: 0 };
        for rule in rules {
            layout.hyper.push(layout.words as u32);
            layout.words += rule.hyper_fields().len() as u64;
        }
        layout
    }

    /// Room for one more parameter; where it is, in words.
    pub(crate) fn push(&mut self, rule: &dyn AnyRule) -> u32 {
        let at = self.words as u32;
        self.words += u64::from(HEADER) + rule.scalar_fields().len() as u64;
        at
    }

    /// Where the scalars of the entry at `record` are, in words.
    pub(crate) fn scalars(&self, record: u32) -> u32 {
        record + HEADER
    }
}

impl Record {
    pub(crate) fn new(device: &wgpu::Device, layout: &Layout, rules: &[Box<dyn AnyRule>], members: &[Member]) -> Result<Self> {
        use wgpu::BufferUsages as Usage;
        let (needed, allowed) = (4 * layout.words, super::limits(device).binding);
        if needed > allowed {
            let (what, limit) = ("the step record".to_owned(), "max_storage_buffer_binding_size");
            return Err(Error::Limit { what, needed, limit, allowed });
        }
        let buffer = caught(device, || {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("wgpu-optim step record"),
                size: needed,
                usage: Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST,
                mapped_at_creation: false,
            })
        })?;
        let mut kernels: Vec<(Box<dyn AnyRule>, Compiled)> = Vec::new();
        for rule in members.iter().map(|member| &rules[member.group]) {
            if !kernels.iter().any(|(known, _)| known.is_like(&**rule)) {
                let kernel = Compiled::new(device, &format!("{} prepare", rule.name()), &wgsl::prepare(&**rule))?;
                kernels.push((rule.clone(), kernel));
            }
        }
        let settings = settings(device, rules)?;
        let prepare = |(rule, kernel): (Box<dyn AnyRule>, Compiled)| {
            let entries = entries(device, &*rule, layout, rules, members)?;
            let bind_group = bind(device, &kernel, &settings, &entries, &buffer)?;
            Ok(Prepare { rule, kernel, entries, bind_group })
        };
        let prepares = kernels.into_iter().map(prepare).collect::<Result<_>>()?;
        Ok(Record { buffer, settings, prepares })
    }

    /// Makes the steps recorded from now on use these hyper-parameters. What it costs does not depend on the number of parameters.
    pub(crate) fn replace_rules(&mut self, device: &wgpu::Device, rules: &[Box<dyn AnyRule>]) -> Result<()> {
        let settings = settings(device, rules)?;
        let prepare = |old: &Prepare| {
            let bind_group = bind(device, &old.kernel, &settings, &old.entries, &self.buffer)?;
            Ok(Prepare { bind_group, ..old.clone() })
        };
        self.prepares = self.prepares.iter().map(prepare).collect::<Result<_>>()?;
        self.settings = settings;
        Ok(())
    }

    /// Makes these members take part, or not, in the steps recorded from now on.
    pub(crate) fn replace_members(
        &mut self,
        device: &wgpu::Device,
        layout: &Layout,
        rules: &[Box<dyn AnyRule>],
        members: &[Member],
    ) -> Result<()> {
        let prepare = |old: &Prepare| {
            let entries = entries(device, &*old.rule, layout, rules, members)?;
            let bind_group = bind(device, &old.kernel, &self.settings, &entries, &self.buffer)?;
            Ok(Prepare { entries, bind_group, ..old.clone() })
        };
        self.prepares = self.prepares.iter().map(prepare).collect::<Result<_>>()?;
        Ok(())
    }

    /// How many dispatches begin a step.
    pub(crate) fn dispatches(&self) -> usize {
        self.prepares.len()
    }

    /// Records the dispatches that begin a step.
    pub(crate) fn dispatch(&self, pass: &mut wgpu::ComputePass<'_>) {
        for prepare in &self.prepares {
            pass.set_pipeline(&prepare.kernel.pipeline);
            pass.set_bind_group(0, &prepare.bind_group, &[]);
            pass.dispatch_workgroups(1, 1, 1);
        }
    }
}

/// The hyper-parameters of all groups.
fn settings(device: &wgpu::Device, rules: &[Box<dyn AnyRule>]) -> Result<wgpu::Buffer> {
    let words: Vec<u32> = rules.iter().flat_map(|rule| rule.hyper_words()).collect();
    upload(device, "wgpu-optim hyper-parameters", &words)
}

/// The members of all groups that run a rule like this one.
fn entries(
    device: &wgpu::Device,
    rule: &dyn AnyRule,
    layout: &Layout,
    rules: &[Box<dyn AnyRule>],
    members: &[Member],
) -> Result<wgpu::Buffer> {
    let own = members.iter().filter(|member| rules[member.group].is_like(rule));
    let words: Vec<u32> = own.flat_map(|member| [member.record, layout.hyper[member.group], u32::from(member.active)]).collect();
    upload(device, "wgpu-optim members", &words)
}

fn bind(
    device: &wgpu::Device,
    kernel: &Compiled,
    settings: &wgpu::Buffer,
    entries: &wgpu::Buffer,
    record: &wgpu::Buffer,
) -> Result<wgpu::BindGroup> {
    kernel.bind(device, |slot| match slot {
        Slot::Settings => settings.as_entire_binding(),
        Slot::Entries => entries.as_entire_binding(),
        _ => record.as_entire_binding(),
    })
}

/// A storage buffer with these contents, which nothing writes again.
pub(crate) fn upload<T: bytemuck::Pod>(device: &wgpu::Device, label: &str, data: &[T]) -> Result<wgpu::Buffer> {
    let bytes: &[u8] = bytemuck::cast_slice(data);
    let descriptor = wgpu::BufferDescriptor {
        label: Some(label),
        size: bytes.len() as u64,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: true,
    };
    // Not `create_buffer_init`, which panics on a lost device.
    let buffer = caught(device, || device.create_buffer(&descriptor))?;
    let mut view = buffer.get_mapped_range_mut(..).map_err(|error| Error::Wgpu(error.to_string()))?;
    view.copy_from_slice(bytes);
    drop(view);
    buffer.unmap();
    Ok(buffer)
}
