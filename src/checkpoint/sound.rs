//! Whether what a file says of its tensors can be: names, shapes, dtypes and what goes with them.

use std::collections::HashSet;

use super::outline::{LaneOutline, Outline, ParamOutline, are_squares, lane_shape};
use crate::rule::{Extent, Extents};
use crate::step::{ENTRIES, ENTRY_ROWS, HYPER, PENDING, SCALARS, SCALE, STEPS, VALUE};
use crate::storage::Format;

impl Outline {
    /// Whether groups are there, have a rule, names are there once, shapes can be counted, and states have such as their parameter's allows.
    pub(super) fn check(&self) -> core::result::Result<(), String> {
        if let Some(group) = self.groups.iter().position(|group| !group.contains_key("rule")) {
            return Err(format!("its group {group} has no rule"));
        }
        let (mut names, mut tensors) = (HashSet::new(), HashSet::new());
        for param in &self.params {
            let ParamOutline { name, shape, group, lanes, dtype, .. } = param;
            if !names.insert(name) {
                return Err(format!("{name} is there twice"));
            }
            if *group >= self.groups.len() {
                return Err(format!("{name} is of group {group}, and there are {}", self.groups.len()));
            }
            if Format::named(dtype).is_none_or(Format::has_scales) {
                return Err(format!("{name}/{VALUE} is of the dtype {dtype}, which values do not have"));
            }
            if !shape.contains(&0) && shape.iter().try_fold(1_usize, |elements, &size| elements.checked_mul(size)).is_none() {
                return Err(format!("{name} is of shape {shape:?}, whose elements cannot be counted"));
            }
            let keys = [VALUE, STEPS, PENDING, ENTRIES, ENTRY_ROWS, SCALARS, HYPER].into_iter().chain(lanes.iter().map(|lane| &*lane.key));
            for tensor in keys.map(|key| format!("{name}/{key}")) {
                if let Some(tensor) = tensors.replace(tensor) {
                    return Err(format!("{tensor} is there twice"));
                }
            }
            // In the place of some dimensions there may be one number. A rule may count a tensor as one of another shape: then numbers are of as many elements each,
            // and one dimension of them at least is 1. What is of axes has a number for each of their indices, and squares of axes are in one.
            let alike = |own: &[usize]| own.len() == shape.len() && own.iter().zip(shape).all(|(own, size)| own == size || *own == 1);
            let count = |shape: &[usize]| shape.iter().try_fold(1_usize, |elements, &size| elements.checked_mul(size));
            let divides = |own: usize, all: usize| own == all || all.checked_rem(own) == Some(0);
            let counted = |own: &[usize]| own.contains(&1) && count(own).zip(count(shape)).is_some_and(|(own, all)| divides(own, all));
            let of_axes = |own: &[usize]| *own == *lane_shape(shape, Extent::Axes);
            let fits = |own: &[usize]| alike(own) || counted(own) || of_axes(own) || are_squares(own, shape);
            if let Some(lane) = lanes.iter().find(|lane| lane.format().is_none()) {
                return Err(format!("{} is of the dtype {}, which is not known", param.tensor_name(lane), lane.dtype));
            }
            let of_blocks = |lane: &LaneOutline| lane.shape == [Extents::of(shape).count(Extent::Blocks) as usize];
            let has_scales = |lane: &&LaneOutline| lane.format().is_some_and(Format::has_scales);
            if let Some(lane) = lanes.iter().filter(has_scales).find(|lane| !param.scale_of(lane).is_some_and(of_blocks)) {
                return Err(format!("{} has no {SCALE} for each block", param.tensor_name(lane)));
            }
            let is_scale = |lane: &LaneOutline| lane.key.ends_with(SCALE) && of_blocks(lane);
            let is_packed = |lane: &LaneOutline| !lane.dtype.is_empty() && lane.shape != *shape;
            if let Some(lane) = lanes.iter().find(|lane| (!fits(&lane.shape) && !is_scale(lane)) || is_packed(lane)) {
                let (tensor, own) = (param.tensor_name(lane), &lane.shape);
                return Err(format!("{tensor} is of shape {own:?}, which does not go with {name} of shape {shape:?}"));
            }
        }
        Ok(())
    }
}
