//! Tables of sums that several dispatches fill. Each fills a part in a buffer of its own, since wgpu would let dispatches into one buffer wait for one
//! another; further dispatches then put the parts one after the other.

use super::buffers::whole;
use super::{Dispatch, Engine, fold};
use crate::error::Result;
use crate::wgsl::{self, Resource};

/// A table of sums in parts, one for each dispatch that fills it.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    table: wgpu::Buffer,
    buffers: Vec<wgpu::Buffer>,
    /// Level by level: a part of the next one is made of several.
    collects: Vec<Vec<Dispatch>>,
}

impl Parts {
    /// Parts of so many words each, and what puts them into `table`; a single part is the table itself. A part without words has no place in it: the smallest
    /// buffer is longer.
    pub(crate) fn new(engine: &Engine, words: &[u32], table: &wgpu::Buffer) -> Result<Self> {
        if words.iter().filter(|&&words| words > 0).count() <= 1 {
            return Ok(Parts { table: table.clone(), buffers: vec![table.clone(); words.len()], collects: Vec::new() });
        }
        let part = |&words: &u32| whole(&engine.device, "a part of the table of sums", 4 * u64::from(words));
        let buffers = words.iter().map(part).collect::<Result<Vec<_>>>()?;
        let mut collects = Vec::new();
        let filled = buffers.iter().cloned().zip(words.iter().copied()).filter(|(_, words)| *words > 0);
        let (mut level, mut sizes): (Vec<wgpu::Buffer>, Vec<u32>) = filled.unzip();
        let most = engine.limits.arrays(1);
        while level.len() > most {
            let next: Vec<u32> = sizes.chunks(most).map(|sizes| sizes.iter().sum()).collect();
            let tables = next.iter().map(part).collect::<Result<Vec<_>>>()?;
            let into = |((parts, table), &words): ((&[wgpu::Buffer], &wgpu::Buffer), &u32)| collect(engine, parts, table, words);
            collects.push(level.chunks(most).zip(&tables).zip(&next).map(into).collect::<Result<_>>()?);
            (level, sizes) = (tables, next);
        }
        collects.push(vec![collect(engine, &level, table, sizes.iter().sum())?]);
        Ok(Parts { table: table.clone(), buffers, collects })
    }

    /// Where a dispatch, by its number, puts its sums.
    pub(crate) fn of(&self, number: usize) -> Option<&wgpu::Buffer> {
        self.buffers.get(number)
    }

    /// Where they are put together.
    pub(crate) fn table(&self) -> &wgpu::Buffer {
        &self.table
    }

    /// What puts the parts together: the dispatches of one entry need those of the one before.
    pub(crate) fn collect(&self) -> impl Iterator<Item = Vec<Dispatch>> {
        self.collects.iter().cloned()
    }
}

fn collect(engine: &Engine, parts: &[wgpu::Buffer], table: &wgpu::Buffer, words: u32) -> Result<Dispatch> {
    let invocations = engine.limits.workgroup;
    let kernel = engine.pipelines.get("collect", wgsl::collect(invocations, parts.len()))?;
    let bind_group = kernel.bind(&engine.device, |slot| match slot {
        Resource::Part(index) => parts[index].as_entire_binding(),
        _ => table.as_entire_binding(),
    })?;
    let workgroups = fold(u64::from(words.div_ceil(invocations)).max(1), engine.limits.workgroups);
    Ok(Dispatch::new(&kernel, bind_group, workgroups))
}
