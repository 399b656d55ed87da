//! Copies to the host that do not wait, through staging buffers that are used again.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use super::transfer::failed;
use super::{caught, create};
use crate::error::{Error, Result};

/// How long a future rests before it asks to be polled again: natively, perhaps nobody else polls the device. (Waiting for the submission itself with a
/// timeout panics inside wgpu 30 if that passes while another thread polls.)
const PATIENCE: Duration = Duration::from_micros(200);

/// Staging buffers that are used again and again, as many as reports are under way at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    free: Arc<Mutex<Vec<wgpu::Buffer>>>,
}

/// A copy that is on its way to the host.
#[derive(Debug)]
pub(crate) struct Flight {
    device: wgpu::Device,
    staging: Option<wgpu::Buffer>,
    arrival: Arc<Mutex<Arrival>>,
    ring: Ring,
}

#[derive(Debug, Default)]
struct Arrival {
    result: Option<core::result::Result<(), String>>,
    waker: Option<Waker>,
}

impl Ring {
    /// Submits what `record` puts into an encoder, with a staging buffer of `size` bytes to copy to. It does not wait.
    pub(crate) fn launch(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        size: u64,
        record: impl FnOnce(&mut wgpu::CommandEncoder, &wgpu::Buffer),
    ) -> Result<Flight> {
        let staging = self.take(device, size)?;
        caught(device, || {
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("wgpu-optim report") });
            record(&mut encoder, &staging);
            queue.submit([encoder.finish()]);
        })?;
        let arrival: Arc<Mutex<Arrival>> = Arc::default();
        let told = arrival.clone();
        let tell = move |result: core::result::Result<(), wgpu::BufferAsyncError>| {
            let mut arrival = told.lock().unwrap_or_else(PoisonError::into_inner);
            arrival.result = Some(result.map_err(|error| error.to_string()));
            if let Some(waker) = arrival.waker.take() {
                waker.wake();
            }
        };
        caught(device, || staging.map_async(wgpu::MapMode::Read, .., tell))?;
        Ok(Flight { device: device.clone(), staging: Some(staging), arrival, ring: self.clone() })
    }

    fn take(&self, device: &wgpu::Device, size: u64) -> Result<wgpu::Buffer> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        // One that became too small, since a group was added, is dropped.
        while let Some(buffer) = free.pop() {
            if buffer.size() >= size {
                return Ok(buffer);
            }
        }
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        let descriptor = wgpu::BufferDescriptor { label: Some("wgpu-optim report"), size, usage, mapped_at_creation: false };
        create(device, &descriptor)
    }
}

impl Flight {
    fn arrived(&mut self) -> Option<Result<Vec<u32>>> {
        if self.staging.is_none() {
            return Some(Err(Error::ReportGiven));
        }
        let result = self.arrival.lock().unwrap_or_else(PoisonError::into_inner).result.take()?;
        Some(result.map_err(|reason| failed(&self.device, &reason)).and_then(|()| self.unload()))
    }

    fn unload(&mut self) -> Result<Vec<u32>> {
        let Some(staging) = self.staging.take() else { return Ok(Vec::new()) };
        let words = match staging.get_mapped_range(..) {
            Ok(view) => bytemuck::pod_collect_to_vec(&view),
            Err(error) => return Err(failed(&self.device, &error)),
        };
        staging.unmap();
        self.ring.free.lock().unwrap_or_else(PoisonError::into_inner).push(staging);
        Ok(words)
    }

    /// What arrived, if it did, without waiting.
    pub(crate) fn poll_now(&mut self) -> Option<Result<Vec<u32>>> {
        match self.device.poll(wgpu::PollType::Poll) {
            Ok(_) => self.arrived(),
            Err(error) => Some(Err(failed(&self.device, &error))),
        }
    }
}

impl Future for Flight {
    type Output = Result<Vec<u32>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.arrival.lock().unwrap_or_else(PoisonError::into_inner).waker = Some(context.waker().clone());
        if let Some(result) = self.poll_now() {
            return Poll::Ready(result);
        }
        // A browser wakes us by itself.
        if !cfg!(target_arch = "wasm32") {
            std::thread::sleep(PATIENCE);
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
