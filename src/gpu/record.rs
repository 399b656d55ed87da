//! What all passes share on the GPU: the step record, the status, and the tables that the host writes.

use super::RecordLayout;
use super::buffers::{KEPT, fits, table, upload_for, whole};
use super::tables::{Member, Tables};
use crate::error::Result;
use crate::program::{Shape, Sum, SumTree, distinct};
use crate::rule::AnyRule;
use crate::step::{Setup, Status};
use crate::wgsl::Resource;

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
    /// Before the first step.
    pub(crate) fn new(
        device: &wgpu::Device,
        setup: &Setup,
        layout: &RecordLayout,
        members: &[Member],
        tree: &SumTree,
        shapes: &[(u32, Shape)],
    ) -> Result<Self> {
        let initial = Status { loss_scale: setup.options.loss_scale.initial() as f32, unscale: 1.0, ..Status::default() };
        let status = upload_for(device, "wgpu-optim status", KEPT, &[initial])?;
        Self::with_status(device, setup, layout, members, tree, shapes, status)
    }

    /// With the status of other steps.
    pub(crate) fn with_status(
        device: &wgpu::Device,
        setup: &Setup,
        layout: &RecordLayout,
        members: &[Member],
        tree: &SumTree,
        shapes: &[(u32, Shape)],
        status: wgpu::Buffer,
    ) -> Result<Self> {
        fits(device, "the step record", 4 * layout.words)?;
        // Views read hyper-parameters also where no step was recorded: after loading.
        let mut words = vec![0_u32; layout.words as usize];
        for (block, &at) in setup.blocks.list.iter().zip(&layout.hyper) {
            let own = block.rule.hyper_words();
            words[at as usize..at as usize + own.len()].copy_from_slice(&own);
        }
        for (at, shape) in shapes {
            words[*at as usize..][..Shape::FIELDS.len()].copy_from_slice(bytemuck::cast_slice(&[*shape]));
        }
        let buffer = upload_for(device, "wgpu-optim step record", KEPT, &words)?;
        let tables = Tables::new(device, setup, layout, members, tree)?;
        let rules = distinct(setup, members.iter().map(|member| member.group));
        let rules = rules.into_iter().map(|group| setup.groups[group].rule.clone()).collect();
        let sums = sums(device, setup, tree)?;
        Ok(Record { buffer, status, tables, sums, rules })
    }

    /// With other options or another plan; what the record holds stays.
    pub(crate) fn renewed(
        &self,
        device: &wgpu::Device,
        setup: &Setup,
        layout: &RecordLayout,
        members: &[Member],
        tree: &SumTree,
    ) -> Result<Self> {
        let (tables, sums) = (Tables::new(device, setup, layout, members, tree)?, sums(device, setup, tree)?);
        Ok(Record { tables, sums, ..self.clone() })
    }

    /// With other hyper-parameters, schedules and limits: other [`Record::SETTINGS`].
    pub(crate) fn with_settings(&self, device: &wgpu::Device, setup: &Setup, layout: &RecordLayout) -> Result<Self> {
        Ok(Record { tables: self.tables.with_settings(device, setup, layout)?, ..self.clone() })
    }

    /// With other parameters active: another table of them, [`Resource::Parameters`].
    pub(crate) fn with_members(
        &self,
        device: &wgpu::Device,
        setup: &Setup,
        layout: &RecordLayout,
        members: &[Member],
        tree: &SumTree,
    ) -> Result<Self> {
        Ok(Record { tables: self.tables.with_members(device, setup, layout, members, tree)?, ..self.clone() })
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
fn sums(device: &wgpu::Device, setup: &Setup, tree: &SumTree) -> Result<Option<Sums>> {
    let sums = || -> Result<Sums> {
        let buffer = whole(device, "the table of sums", (size_of::<Sum>() * (tree.slots as usize + 1)) as u64)?;
        Ok(Sums { buffer, tree: table(device, "the tree of sums", &tree.words())? })
    };
    setup.features().measures.then(sums).transpose()
}
