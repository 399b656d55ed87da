use wgpu_optim::wgpu::{self, BufferUsages, util::DeviceExt};

/// The data set on the GPU: a byte per pixel, a label per row, and the order in which batches take the rows.
#[derive(Debug)]
pub struct Samples {
    pub(super) pixels: wgpu::Buffer,
    pub(super) labels: wgpu::Buffer,
    pub(super) order: wgpu::Buffer,
    pub(super) scale: f64,
}

impl Samples {
    /// Uploads rows of pixels, which count as `scale * pixel`, and a label for each row. The order is that of the rows.
    pub fn new(device: &wgpu::Device, pixels: &[u8], labels: &[u32], scale: f64) -> Self {
        let upload = |label, contents: &[u8], usage| {
            let usage = BufferUsages::STORAGE | usage;
            device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: Some(label), contents, usage })
        };
        let order: Vec<u32> = (0..labels.len() as u32).collect();
        Samples {
            pixels: upload("pixels", pixels, BufferUsages::empty()),
            labels: upload("labels", bytemuck::cast_slice(labels), BufferUsages::empty()),
            order: upload("order", bytemuck::cast_slice(&order), BufferUsages::COPY_DST),
            scale,
        }
    }

    /// Sets the order from its first place on, before anything that is submitted from now on.
    pub fn set_order(&self, queue: &wgpu::Queue, order: &[u32]) {
        queue.write_buffer(&self.order, 0, bytemuck::cast_slice(order));
    }
}
