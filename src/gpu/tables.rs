//! The tables that the host uploads for `prepare`: settings, hyper-parameters, schedules and one entry per parameter.

use super::RecordLayout;
use super::buffers::table;
use crate::error::Result;
use crate::program::{SumTree, distinct};
use crate::rule::Layout as _;
use crate::step::{Assignment, AssignmentWords, Clip, ClipWords, Config, NormClip, NormScope, OptionWords, ParamSettings};

/// Words of a clip.
const CLIP: u32 = ClipWords::<f32>::FIELDS.len() as u32;

/// A parameter, as far as the step record is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) group: usize,
    pub(crate) block: usize,
    /// Where its entry is, in words.
    pub(crate) record: u32,
    pub(crate) active: bool,
}

/// What the host decides, as the kernels read it. Immutable: a change uploads new tables; recorded steps keep theirs, whatever is submitted when.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) settings: wgpu::Buffer,
    pub(crate) assignments: wgpu::Buffer,
    pub(crate) schedules: wgpu::Buffer,
    pub(crate) entries: wgpu::Buffer,
}

impl Tables {
    pub(crate) fn new(device: &wgpu::Device, config: &Config, layout: &RecordLayout, members: &[Member], tree: &SumTree) -> Result<Self> {
        let entries = table(device, "the table of parameters", &entries(config, layout, members, tree))?;
        Self::of(device, config, layout, entries)
    }

    /// With other hyper-parameters, schedules and limits. What it costs does not depend on the number of parameters.
    pub(crate) fn with_settings(&self, device: &wgpu::Device, config: &Config, layout: &RecordLayout) -> Result<Self> {
        Self::of(device, config, layout, self.entries.clone())
    }

    fn of(device: &wgpu::Device, config: &Config, layout: &RecordLayout, entries: wgpu::Buffer) -> Result<Self> {
        let (assignments, schedules) = assignments(config, layout);
        Ok(Tables {
            settings: table(device, "the table of settings", &settings(config))?,
            assignments: table(device, "the table of hyper-parameters", &assignments)?,
            schedules: table(device, "the table of schedules", &schedules)?,
            entries,
        })
    }

    /// With other parameters active.
    pub(crate) fn with_members(
        &self,
        device: &wgpu::Device,
        config: &Config,
        layout: &RecordLayout,
        members: &[Member],
        tree: &SumTree,
    ) -> Result<Self> {
        Ok(Tables { entries: table(device, "the table of parameters", &entries(config, layout, members, tree))?, ..self.clone() })
    }
}

/// The options and the averages.
fn settings(config: &Config) -> Vec<u32> {
    let mut words = OptionWords::of::<f32>(&config.options).words();
    words.extend(config.options.averages().iter().flat_map(|average| average.words::<f32>().words()));
    words
}

/// One word of the hyper-parameters and clips each, and the schedules that some follow.
fn assignments(config: &Config, layout: &RecordLayout) -> (Vec<AssignmentWords>, Vec<u32>) {
    // A binding has at least one word.
    let mut schedules: Vec<u32> = vec![0];
    let mut places: Vec<Vec<u32>> = Vec::new();
    for group in &config.groups {
        let place = |schedule: &crate::schedule::Schedule| {
            let at = schedules.len() as u32;
            schedules.extend(schedule.words());
            at
        };
        places.push(group.schedules.iter().map(|(_, schedule)| schedule).map(place).collect());
    }
    let assigned = |group: usize, word: u32, assignment| match assignment {
        Assignment::Constant(offset) => AssignmentWords { word, offset, schedule: AssignmentWords::CONSTANT, ..AssignmentWords::default() },
        Assignment::Scheduled { schedule, form } => {
            let (offset, schedule) = ((form.offset as f32).to_bits(), places[group][schedule]);
            AssignmentWords { word, offset, slope: form.slope as f32, schedule, logarithm: u32::from(form.logarithm) }
        }
    };
    let mut assignments = Vec::new();
    for (block, &hyper) in config.blocks.list.iter().zip(&layout.hyper) {
        let own = (hyper..).zip(block.assignments());
        assignments.extend(own.map(|(word, assignment)| assigned(block.group, word, assignment)));
    }
    for (group, &clip) in layout.clips.iter().enumerate() {
        let own = (clip..).zip(config.clip_assignments(group));
        assignments.extend(own.map(|(word, assignment)| assigned(group, word, assignment)));
    }
    (assignments, schedules)
}

fn entries(config: &Config, layout: &RecordLayout, members: &[Member], tree: &SumTree) -> Vec<ParamSettings> {
    let rules = distinct(config, members.iter().map(|member| member.group));
    let assigned = first_assignments(config);
    // After all hyper-parameters, the clip of each group.
    let clips_assigned = config.blocks.list.iter().map(|block| block.rule.hyper_words().len() as u32).sum::<u32>();
    let entry = |(index, member): (usize, &Member)| {
        let Member { group, block, record, active } = *member;
        let rule = rules.iter().position(|&known| config.groups[known].rule.is_like(&*config.groups[group].rule)).unwrap_or_default();
        let own = tree.members + index as u32;
        let slot = match config.clip(group) {
            Clip::Norm(NormClip { over: NormScope::All, .. }) => tree.root,
            Clip::Norm(NormClip { over: NormScope::Group, .. }) => tree.groups.get(group).copied().unwrap_or_default(),
            _ => own,
        };
        let top = tree.tops.get(index).copied().unwrap_or_default();
        let (is_active, rule, clip) = (u32::from(active), rule as u32, layout.clips[group]);
        ParamSettings {
            record,
            hyper: layout.hyper[block],
            assigned: assigned[block],
            is_active,
            rule,
            clip,
            clip_assigned: clips_assigned + group as u32 * CLIP,
            slot,
            top,
        }
    };
    members.iter().enumerate().map(entry).collect()
}

/// Where each block's hyper-parameters begin among the assignments.
fn first_assignments(config: &Config) -> Vec<u32> {
    let mut next = 0;
    let first = |block: &crate::step::Block| {
        next += block.rule.hyper_words().len() as u32;
        next - block.rule.hyper_words().len() as u32
    };
    config.blocks.list.iter().map(first).collect()
}
