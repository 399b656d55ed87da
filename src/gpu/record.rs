//! What all passes share on the GPU: the step record, the status, and the tables that the host writes.

use super::RecordLayout;
use super::buffers::{KEPT, fits, table, upload_for, whole};
use super::tables::{Member, Tables};
use crate::error::Result;
use crate::program::{Shape, Sum, SumTree, distinct};
use crate::rule::AnyRule;
use crate::step::{Config, Status};
use crate::wgsl::{AWAITED, HEAD, ORDER, REPLACED, Resource};

/// GPU buffers shared by all passes: step record, status, tables, sums.
///
/// The record has the hyper-parameters of every block, an entry per parameter, and the factors of adaptive clipping.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) buffer: wgpu::Buffer,
    pub(crate) status: wgpu::Buffer,
    pub(crate) tables: Tables,
    /// Where gradients are measured.
    pub(crate) sums: Option<Sums>,
    /// The rules, by the numbers that the table of parameters has.
    rules: Vec<Box<dyn AnyRule>>,
}

/// The sums of gradients and how they are formed.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    pub(crate) buffer: wgpu::Buffer,
    pub(crate) tree: wgpu::Buffer,
}

impl Record {
    /// Before the first step; with the status of other steps, it awaits [`Record::replace`].
    pub(crate) fn new(
        device: &wgpu::Device,
        config: &Config,
        layout: &RecordLayout,
        members: &[Member],
        tree: &SumTree,
        shapes: &[(u32, Shape)],
        status: Option<wgpu::Buffer>,
    ) -> Result<Self> {
        let order = if status.is_some() { AWAITED } else { 0 };
        let initial = Status { loss_scale: config.options.loss_scale.initial() as f32, unscale: 1.0, ..Status::default() };
        let status = status.map_or_else(|| upload_for(device, "wgpu-optim status", KEPT, &[initial]), Ok)?;
        fits(device, "the step record", 4 * layout.words)?;
        // Views read hyper-parameters also where no step was recorded: after loading.
        let mut words = vec![0_u32; layout.words.max(HEAD) as usize];
        (words[ORDER as usize], words[REPLACED as usize]) = (order, REPLACED);
        for (block, &at) in config.blocks.list.iter().zip(&layout.hyper) {
            let own = block.rule.hyper_words();
            words[at as usize..at as usize + own.len()].copy_from_slice(&own);
        }
        for (at, shape) in shapes {
            words[*at as usize..][..Shape::FIELDS.len()].copy_from_slice(bytemuck::cast_slice(&[*shape]));
        }
        let buffer = upload_for(device, "wgpu-optim step record", KEPT, &words)?;
        let tables = Tables::new(device, config, layout, members, tree)?;
        let rules = distinct(config, members.iter().map(|member| member.group));
        let rules = rules.into_iter().map(|group| config.groups[group].rule.clone()).collect();
        let sums = sums(device, config, tree)?;
        Ok(Record { buffer, status, tables, sums, rules })
    }

    /// With other options or another plan; what the record holds stays.
    pub(crate) fn renewed(
        &self,
        device: &wgpu::Device,
        config: &Config,
        layout: &RecordLayout,
        members: &[Member],
        tree: &SumTree,
    ) -> Result<Self> {
        let (tables, sums) = (Tables::new(device, config, layout, members, tree)?, sums(device, config, tree)?);
        Ok(Record { tables, sums, ..self.clone() })
    }

    /// With other hyper-parameters, schedules and limits: other [`Record::SETTINGS`].
    pub(crate) fn with_settings(&self, device: &wgpu::Device, config: &Config, layout: &RecordLayout) -> Result<Self> {
        Ok(Record { tables: self.tables.with_settings(device, config, layout)?, ..self.clone() })
    }

    /// With other parameters active: another table of them, [`Resource::Parameters`].
    pub(crate) fn with_members(
        &self,
        device: &wgpu::Device,
        config: &Config,
        layout: &RecordLayout,
        members: &[Member],
        tree: &SumTree,
    ) -> Result<Self> {
        Ok(Record { tables: self.tables.with_members(device, config, layout, members, tree)?, ..self.clone() })
    }

    /// Records that this is the record from now on, and no longer the one before: steps that were recorded with that are refused from then on, and those
    /// with this until then. What else that holds is to be copied too.
    pub(crate) fn replace(&self, encoder: &mut wgpu::CommandEncoder, before: &Record) {
        encoder.copy_buffer_to_buffer(&before.buffer, 0, &self.buffer, 0, 4 * (ORDER + 1));
        encoder.copy_buffer_to_buffer(&self.buffer, 4 * u64::from(REPLACED), &before.buffer, 4 * ORDER, 4);
    }

    /// What [`Record::with_settings`] replaces.
    pub(crate) const SETTINGS: [Resource; 3] = [Resource::Options, Resource::Assignments, Resource::Schedules];

    /// The rules, by the numbers that the table of parameters has.
    pub(crate) fn rules(&self) -> &[Box<dyn AnyRule>] {
        &self.rules
    }

    /// What of a step is not in its bucket.
    pub(crate) fn resource(&self, slot: Resource) -> wgpu::BindingResource<'_> {
        let Tables { settings, assignments, schedules, entries } = &self.tables;
        let buffer = match slot {
            Resource::Options => settings,
            Resource::Assignments => assignments,
            Resource::Schedules => schedules,
            Resource::Parameters => entries,
            Resource::Status => &self.status,
            // A kernel has no other slots than for what there is.
            _ => &self.buffer,
        };
        buffer.as_entire_binding()
    }
}

/// Room for what is measured, if anything is, and a slot after it that says of which step.
fn sums(device: &wgpu::Device, config: &Config, tree: &SumTree) -> Result<Option<Sums>> {
    let sums = || -> Result<Sums> {
        let buffer = whole(device, "the table of sums", (size_of::<Sum>() * (tree.slots as usize + 1)) as u64)?;
        Ok(Sums { buffer, tree: table(device, "the tree of sums", &tree.words())? })
    };
    config.step_kind().measures.then(sums).transpose()
}
