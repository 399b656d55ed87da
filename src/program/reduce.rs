//! How partial sums become one sum per parameter, per group and over all: a tree of fixed order, as plain data.

use core::ops::Range;

crate::words::words! {
    /// Sums of the squares of a gradient and of values, of small and of large numbers by themselves (shaders/lib/sums.wgsl).
    pub struct Sum {
        /// Of gradients below 2^27, times 2^46.
        low: f32,
        /// Of the others, times 2^-156.
        high: f32,
        /// The largest gradient's magnitude, as bits.
        largest: u32,
        /// Of values, what `low` is of gradients.
        value_low: f32,
        /// Of values, what `high` is of gradients.
        value_high: f32,
    }
}

impl Sum {
    /// The norm of the gradients times `scale`; infinite or NaN where one of them is.
    pub fn norm(&self, scale: f32) -> f32 {
        let largest = f32::from_bits(self.largest);
        if !largest.is_finite() {
            return largest;
        }
        let squares = f64::from(self.low) * 2_f64.powi(-46) + f64::from(self.high) * 2_f64.powi(156);
        (squares.sqrt() * f64::from(scale)) as f32
    }
}

/// Children of a node at most, added in pairs: a sum over n leaves has as many roundings as a binary tree, `log2(n)`. A level waits for the one below,
/// so that few levels with many children are fast.
pub const FAN: usize = 16;

/// A sum of consecutive slots.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Node {
    /// The first one.
    pub first: u32,
    /// How many, at most [`FAN`].
    pub count: u32,
}

/// Nodes that do not depend on one another. They fill consecutive slots.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Level {
    /// The first node.
    pub begin: u32,
    /// One past the last node.
    pub end: u32,
    /// The slot of the first node.
    pub slot: u32,
}

/// How the partial sums of all rows become one per parameter, per group, and one of all, always in the same order.
///
/// Slots hold first the rows' sums, then those of the nodes up to each parameter's own, then one per parameter in order (those of
/// parameters that are not active are 0 there), then those of the groups and of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SumTree {
    /// All nodes.
    pub nodes: Vec<Node>,
    /// From the rows to the parameters.
    pub lower: Vec<Level>,
    /// From the parameters on.
    pub upper: Vec<Level>,
    /// The slot with each parameter's sum.
    pub tops: Vec<u32>,
    /// The first of the parameters' slots.
    pub members: u32,
    /// The slot of each group.
    pub groups: Vec<u32>,
    /// The slot of all.
    pub root: u32,
    /// The slots in all.
    pub slots: u32,
    /// Where units have factors, for each workgroup that forms them: parameter, slot of the first unit, units, and where the factors are in the step record.
    pub units: Vec<[u32; 4]>,
    /// Where stages form sums: of each parameter, the slot with its sum, that of its group, and its elements as an f32.
    pub parameters: Vec<[u32; 3]>,
}

impl SumTree {
    /// The words of [`SumTree::words`] before the levels: numbers of lower and of all levels, the first parameter's slot, that of all, where the nodes begin,
    /// where the units begin, how many workgroups form their factors, where the parameters begin.
    pub const HEADER: [&str; 8] = ["LOWER", "LEVELS", "MEMBERS", "ROOT", "NODES", "UNITS", "UNIT_COUNT", "MEMBERS_OF"];

    /// The tree over parameters whose rows or units are these slots, the first `leaves` of all; `nodes` and `lower` have led there. `groups` holds the
    /// number of parameters of each group, in order.
    pub fn new(mut lower: Levels, members: &[Vec<Range<u32>>], groups: &[usize]) -> Self {
        let tops = lower.sums(members.to_vec());
        let Levels { levels: below, nodes, slots } = lower;
        let first = slots;
        let mut upper = Levels { levels: Vec::new(), nodes, slots: first + members.len() as u32 };
        let mut at = first;
        let ranges = groups.iter().map(|&count| {
            at += count as u32;
            core::iter::once(at - count as u32..at).collect()
        });
        let sums = upper.sums(ranges.collect());
        // A level that only copies, so that the groups' slots are consecutive; a group without parameters has none, and nobody asks for it.
        let begin = upper.slots;
        let filled = sums.iter().zip(groups).filter(|(_, count)| **count > 0);
        upper.level(filled.map(|(&slot, _)| Node { first: slot, count: 1 }).collect());
        let mut slot = begin;
        let own = |&count: &usize| {
            slot += u32::from(count > 0);
            slot - u32::from(count > 0)
        };
        let groups: Vec<u32> = groups.iter().map(own).collect();
        let root = upper.sums(vec![vec![begin..upper.slots]])[0];
        SumTree {
            units: Vec::new(),
            parameters: Vec::new(),
            nodes: upper.nodes,
            lower: below,
            upper: upper.levels,
            tops,
            members: first,
            groups,
            root,
            slots: upper.slots,
        }
    }
}

impl SumTree {
    /// As the kernels read it: the header, the levels, the nodes, the units, the parameters.
    pub fn words(&self) -> Vec<u32> {
        let levels = [&self.lower[..], &self.upper[..]].concat();
        let nodes = Self::HEADER.len() + 3 * levels.len();
        let units = nodes + 2 * self.nodes.len();
        let members = units + 4 * self.units.len();
        let (lower, all) = (self.lower.len() as u32, levels.len() as u32);
        let mut words = vec![lower, all, self.members, self.root, nodes as u32, units as u32, self.units.len() as u32, members as u32];
        words.extend_from_slice(bytemuck::cast_slice(&levels));
        words.extend_from_slice(bytemuck::cast_slice(&self.nodes));
        words.extend_from_slice(bytemuck::cast_slice(&self.units));
        words.extend_from_slice(bytemuck::cast_slice(&self.parameters));
        words
    }
}

/// Levels in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    levels: Vec<Level>,
    nodes: Vec<Node>,
    slots: u32,
}

impl Levels {
    /// Over this many rows.
    pub fn new(leaves: u32) -> Self {
        Levels { slots: leaves, ..Levels::default() }
    }

    /// Brings the slots in each list of ranges down to one; where that is. The sum of no slots is any slot: nobody asks for it.
    pub fn sums(&mut self, mut lists: Vec<Vec<Range<u32>>>) -> Vec<u32> {
        let is_many = |list: &Vec<Range<u32>>| list.len() > 1 || list.iter().any(|range| range.len() > 1);
        while lists.iter().any(is_many) {
            let mut slot = self.slots;
            let mut nodes = Vec::new();
            for list in lists.iter_mut().filter(|list| is_many(list)) {
                let first = slot;
                for range in core::mem::take(list) {
                    for child in range.clone().step_by(FAN) {
                        nodes.push(Node { first: child, count: (range.end - child).min(FAN as u32) });
                        slot += 1;
                    }
                }
                list.push(first..slot);
            }
            self.level(nodes);
        }
        lists.into_iter().map(|list| list.first().map_or(0, |range| range.start)).collect()
    }

    fn level(&mut self, nodes: Vec<Node>) {
        let begin = self.nodes.len() as u32;
        let level = Level { begin, end: begin + nodes.len() as u32, slot: self.slots };
        self.slots += nodes.len() as u32;
        self.nodes.extend(nodes);
        self.levels.push(level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the tree on the host.
    fn run(tree: &SumTree, leaves: &[f64]) -> Vec<f64> {
        let mut slots = vec![f64::NAN; tree.slots as usize];
        slots[..leaves.len()].copy_from_slice(leaves);
        let run = |levels: &[Level], slots: &mut Vec<f64>| {
            for level in levels {
                for (k, node) in tree.nodes[level.begin as usize..level.end as usize].iter().enumerate() {
                    let children = node.first as usize..(node.first + node.count) as usize;
                    slots[level.slot as usize + k] = slots[children].iter().sum();
                }
            }
        };
        run(&tree.lower, &mut slots);
        for (member, &top) in tree.tops.iter().enumerate() {
            slots[tree.members as usize + member] = slots[top as usize];
        }
        run(&tree.upper, &mut slots);
        slots
    }

    #[test]
    fn every_leaf_counts_once_in_its_parameter_its_group_and_all() {
        for (rows, groups) in
            [(vec![1], vec![1]), (vec![5, 1, 70, 3], vec![1, 0, 3]), (vec![1; 1000], vec![999, 1]), (vec![300, 2], vec![2])]
        {
            let mut at = 0;
            let ranges: Vec<Range<u32>> = rows.iter().map(|&count| (at..at + count, at += count).0).collect();
            let leaves: Vec<f64> = (0..at).map(f64::from).collect();
            let lists: Vec<_> = ranges.iter().map(|range| vec![range.clone()]).collect();
            let tree = SumTree::new(Levels::new(at), &lists, &groups);
            let slots = run(&tree, &leaves);
            let sum = |range: Range<u32>| -> f64 { range.map(f64::from).sum() };
            for (range, member) in ranges.iter().zip(tree.members..) {
                assert_eq!(slots[member as usize], sum(range.clone()));
            }
            let mut first = 0;
            for (&count, &slot) in groups.iter().zip(&tree.groups) {
                if count > 0 {
                    assert_eq!(slots[slot as usize], sum(ranges[first].start..ranges[first + count - 1].end));
                }
                first += count;
            }
            assert_eq!(slots[tree.root as usize], sum(0..at));
        }
    }
}
