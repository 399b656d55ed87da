//! Checks a data set's columns and builds the dispatches that a batch records.

use super::column::Column;
use super::kernels::{self, Resource};
use super::sampler::Sampler;
use super::windows::{ELEMENTS, Part};
use crate::error::{BufferRole, Error, Result};
use crate::gpu::{Compiled, Dispatch, check_binds, fold, limits, resource, upload};
use crate::program::{Interval, Limits, overlap};

/// All that can be wrong with a data set, apart from limits.
pub(super) fn check(sampler: &Sampler, columns: &[Column]) -> Result<()> {
    sampler.validate()?;
    if columns.is_empty() {
        return Err(Error::NoColumns);
    }
    let mut bytes = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].iter().any(|other| other.name == column.name) {
            return Err(Error::DuplicateColumn { column: column.name.clone() });
        }
        bytes.push(column.check(sampler)?);
    }
    check_overlap(columns, &bytes)
}

/// No batch may write what another column has. `bytes` are those of each column's source and destination.
fn check_overlap(columns: &[Column], bytes: &[[u64; 2]]) -> Result<()> {
    let bindings: Vec<_> = columns.iter().flat_map(|column| [&column.source, &column.destination]).collect();
    let mut intervals = Vec::new();
    for (owner, binding) in bindings.iter().enumerate() {
        let (start, end) = (binding.offset(), binding.offset() + bytes[owner / 2][owner % 2]);
        let buffer = bindings.iter().position(|other| other.buffer() == binding.buffer()).unwrap_or_default();
        intervals.push(Interval { buffer, start, end, written: owner % 2 == 1, owner });
    }
    let Some((first, second)) = overlap(intervals) else { return Ok(()) };
    let describe = |owner: usize| (columns[owner / 2].name.clone(), [BufferRole::Source, BufferRole::Destination][owner % 2]);
    let ((first, first_role), (second, second_role)) = (describe(first), describe(second));
    Err(Error::Overlap { first, first_role, second, second_role })
}

/// What a batch records: the cursor's dispatch, then the columns'.
pub(super) fn dispatches(
    device: &wgpu::Device,
    sampler: &Sampler,
    columns: &[Column],
    cursor: &wgpu::Buffer,
    batch: &wgpu::Buffer,
) -> Result<Vec<Dispatch>> {
    let (limits, order) = (limits(device), upload(device, "wgpu-optim order", &[sampler.order()])?);
    let common = Common { device, limits, order: &order, cursor, batch };
    let words = Compiled::new(device, "batch gather words", &kernels::gather(false))?;
    let bytes = Compiled::new(device, "batch gather bytes", &kernels::gather(true))?;
    let mut dispatches = vec![common.advance(&Compiled::new(device, "batch advance", &kernels::advance())?)?];
    for column in columns {
        let table = column.dtype.table().map(|table| upload(device, "wgpu-optim table", &table)).transpose()?;
        let kernel = if table.is_some() { &bytes } else { &words };
        for part in column.parts(sampler, &limits)? {
            dispatches.push(common.gather(kernel, column, table.as_ref(), part)?);
        }
    }
    Ok(dispatches)
}

/// The error with the name of the column whose buffer wgpu refuses, if one is behind it.
pub(super) fn named(device: &wgpu::Device, columns: &[Column], error: Error) -> Error {
    let bindings = columns
        .iter()
        .flat_map(|column| [(column, BufferRole::Source, &column.source), (column, BufferRole::Destination, &column.destination)]);
    error.of_first_refused(bindings.map(|(column, role, binding)| (&*column.name, role, check_binds(device, binding.buffer()))))
}

/// What all dispatches share.
struct Common<'a> {
    device: &'a wgpu::Device,
    limits: Limits,
    order: &'a wgpu::Buffer,
    cursor: &'a wgpu::Buffer,
    batch: &'a wgpu::Buffer,
}

impl Common<'_> {
    fn advance(&self, kernel: &Compiled<Resource>) -> Result<Dispatch> {
        let bind_group = kernel.bind(self.device, |slot| self.resource(slot))?;
        Ok(Dispatch::new(kernel, bind_group, (1, 1)))
    }

    fn gather(&self, kernel: &Compiled<Resource>, column: &Column, table: Option<&wgpu::Buffer>, part: Part) -> Result<Dispatch> {
        let task = upload(self.device, "wgpu-optim task", &[part.task])?;
        let bind_group = kernel.bind(self.device, |slot| match (slot, table) {
            (Resource::Task, _) => task.as_entire_binding(),
            (Resource::Source, _) => resource(column.source.buffer(), part.source),
            (Resource::Destination, _) => resource(column.destination.buffer(), part.destination),
            (Resource::Table, Some(table)) => table.as_entire_binding(),
            (slot, _) => self.resource(slot),
        })?;
        let workgroups = fold(u64::from(part.task.count).div_ceil(ELEMENTS), self.limits.workgroups);
        Ok(Dispatch::new(kernel, bind_group, workgroups))
    }

    fn resource(&self, slot: Resource) -> wgpu::BindingResource<'_> {
        match slot {
            Resource::Cursor => self.cursor.as_entire_binding(),
            Resource::Batch => self.batch.as_entire_binding(),
            _ => self.order.as_entire_binding(),
        }
    }
}
