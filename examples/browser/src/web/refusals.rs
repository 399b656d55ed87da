//! What a browser's device refuses, for the test: whether it reaches the caller, by name, and leaves the optimizer as it was. And a panic, which has to reach
//! the visitor.

use wasm_bindgen::prelude::*;
use wgpu_optim::adapter::{DeviceLimits, request};
use wgpu_optim::wgpu::{self, BufferUsages};
use wgpu_optim::{Adam, Optimizer, Param, checked};

use super::Page;

#[wasm_bindgen]
impl Page {
    /// The messages of an optimizer with a buffer of another device, of a change to such a one, and of reading a destroyed one back; then the steps that the changed one takes.
    pub async fn refusals(&self) -> Result<Vec<String>, JsError> {
        let (device, queue) = (&self.gpu.device, &self.gpu.queue);
        let of = |device: &wgpu::Device| {
            let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
            device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 16, usage, mapped_at_creation: false })
        };
        let (buffer, foreign) = (|| of(device), of(&request(DeviceLimits::Adapter).await?.device));
        let text = |made: Result<(), wgpu_optim::Error>| made.err().map_or("nothing".to_owned(), |error| error.to_string());
        let make = |value: wgpu::Buffer| {
            let params = [Param::new("v", &[4], &buffer(), &buffer()), Param::new("w", &[4], &value, &buffer())];
            Optimizer::new(device, queue, Adam::default(), params)
        };
        let made = checked(device, || make(foreign.clone())).await.map(drop);
        let value = buffer();
        let mut optimizer = checked(device, || make(value.clone())).await?;
        let changed = optimizer.checked(|optimizer| optimizer.set_gradients([("w", &foreign)])).await;
        let mut encoder = device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        queue.submit([encoder.finish()]);
        let steps = format!("{:?}", optimizer.read_steps().await?);
        value.destroy();
        let read = optimizer.read_value("w").await.map(drop);
        Ok(vec![text(made), text(changed), text(read), steps])
    }

    /// Panics, in a turn of the page's own.
    pub async fn stop(&self) {
        panic!("the test asks for it");
    }
}
