//! With fusion: a tensor's buffer is known to fusion's own thread, once what is pending has run. One operation in fusion's queue asks for all of them.

use core::slice;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use burn::backend::fusion::custom::{CustomOpIr, HandleContainer, Operation, OperationIr, StreamId, TensorId, TensorIr};
use burn::backend::fusion::{ExecutionError, FusionTensor};
use burn::tensor::{DType, Device, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::fusion::{CubeFusionHandle, FusionCubeRuntime};

use super::{Answer, Asked, Found, Lent, copy, leases};
use crate::error::{Error, Result};

/// The backend's tensor.
pub(crate) type Primitive = FusionTensor<FusionCubeRuntime>;

type Handles = HandleContainer<CubeFusionHandle>;

/// What the operation found, for whoever queued it.
type Slot = Arc<Mutex<Option<core::result::Result<Answer, String>>>>;

/// Where these tensors lie, once burn has settled. What it has recorded is submitted then, so that what the caller submits comes after it.
pub(crate) fn lend(_: &Device, asked: Vec<Asked>) -> Result<Answer> {
    let begin = Instant::now();
    // Tensors of other threads get a name in this thread's queue.
    let asked: Vec<Asked> = asked.into_iter().map(here).collect();
    let Some(client) = asked.first().map(|asked| asked.tensor.client.clone()) else { return Ok(Answer::default()) };
    let slot = Slot::default();
    let tensors = asked.iter().map(|Asked { tensor, is_read }| (ir(tensor.id, &tensor.shape), *is_read)).collect();
    let operation = Lending { tensors, slot: slot.clone() };
    let name = OperationIr::Custom(CustomOpIr::new("wgpu-optim lend", &[], &[]));
    client.register(StreamId::current(), name, operation);
    client.try_sync(|| ()).map_err(|error| Error::Burn(format!("{error:?}")))?;
    let all = begin.elapsed();
    // The tensors had to live until now.
    drop(asked);
    let found = slot.lock().map_err(|error| Error::Burn(error.to_string()))?.take();
    let answer = found.ok_or_else(|| Error::Burn("an operation in fusion's queue has not run".to_owned()))?.map_err(Error::Burn)?;
    Ok(Answer { resolve: all.saturating_sub(answer.lend), ..answer })
}

fn here(asked: Asked) -> Asked {
    if asked.tensor.stream == StreamId::current() { asked } else { Asked { tensor: asked.tensor.clone(), ..asked } }
}

/// What fusion knows a tensor by. Asking does not use it up.
fn ir(id: TensorId, shape: &Shape) -> TensorIr {
    TensorIr { status: burn::backend::ir::TensorStatus::ReadOnly, ..TensorIr::uninit(id, shape.clone(), DType::F32) }
}

/// Asks for buffers, on fusion's thread.
#[derive(Debug)]
struct Lending {
    tensors: Vec<(TensorIr, bool)>,
    slot: Slot,
}

impl Lending {
    fn answer(&self, handles: &mut Handles) -> core::result::Result<Answer, String> {
        let begin = Instant::now();
        let mut found = Vec::with_capacity(self.tensors.len());
        let mut client = None;
        for (tensor, is_read) in &self.tensors {
            let own =
                handles.get_handle_ref(&tensor.id).ok_or_else(|| format!("no work has written the tensor of shape {:?}", tensor.shape))?;
            let is_alone = own.handle.can_mut();
            client.get_or_insert_with(|| own.client.clone());
            found.push(Found::of(handles.get_float_tensor::<CubeBackend>(tensor), is_alone, *is_read));
        }
        let lent: Vec<Lent> = client.map_or(Ok(vec![]), |client| leases(&client, found))?;
        Ok(Answer { lent, lend: begin.elapsed(), ..Default::default() })
    }
}

impl Operation<FusionCubeRuntime> for Lending {
    fn execute(&self, handles: &mut Handles) -> core::result::Result<(), ExecutionError> {
        let answer = self.answer(handles);
        if let Ok(mut slot) = self.slot.lock() {
            *slot = Some(answer);
        }
        Ok(())
    }
}

/// A row-major copy, bit for bit.
pub(crate) fn copied(tensor: Primitive) -> Result<Primitive> {
    let (client, shape, dtype) = (tensor.client.clone(), tensor.shape.clone(), tensor.dtype);
    let (from, to) = (tensor.into_ir(), TensorIr::uninit(client.create_empty_handle(), shape, dtype));
    let name = OperationIr::Custom(CustomOpIr::new("wgpu-optim copy", slice::from_ref(&from), slice::from_ref(&to)));
    let outputs = client.register(StreamId::current(), name, Copying { from, to: to.id });
    outputs.into_iter().next().ok_or_else(|| Error::Burn("a copy in fusion's queue has no output".to_owned()))
}

/// Copies a tensor, on fusion's thread.
#[derive(Debug)]
struct Copying {
    from: TensorIr,
    to: TensorId,
}

impl Operation<FusionCubeRuntime> for Copying {
    fn execute(&self, handles: &mut Handles) -> core::result::Result<(), ExecutionError> {
        let tensor = handles.get_float_tensor::<CubeBackend>(&self.from);
        handles.register_float_tensor::<CubeBackend>(&self.to, copy(tensor));
        Ok(())
    }
}
