//! Without fusion: tensors are cubecl's own.

use std::time::Instant;

use burn::tensor::Device;
use burn_cubecl::tensor::CubeTensor;

use super::{Answer, Asked, Found, copy, leases};
use crate::error::{Error, Result};

/// The backend's tensor.
pub(crate) type Primitive = CubeTensor;

/// Where these tensors lie, once burn has settled. What it has recorded is submitted then, so that what the caller submits comes after it.
pub(crate) fn lend(_: &Device, asked: Vec<Asked>) -> Result<Answer> {
    let begin = Instant::now();
    let Some(client) = asked.first().map(|asked| asked.tensor.client.clone()) else { return Ok(Answer::default()) };
    // Holders were counted before: this one is one more.
    let found = asked.into_iter().map(|Asked { tensor, is_read }| Found::of(tensor, true, is_read)).collect();
    let lent = leases(&client, found).map_err(Error::Burn)?;
    Ok(Answer { lent, lend: begin.elapsed(), ..Default::default() })
}

/// A row-major copy, bit for bit.
pub(crate) fn copied(tensor: Primitive) -> Result<Primitive> {
    Ok(copy(tensor))
}
