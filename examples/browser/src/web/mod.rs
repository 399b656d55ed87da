//! What the page calls.

mod digits;
mod landscape;
#[cfg(feature = "refusals")]
mod refusals;

use std::sync::Arc;

use js_sys::Function;
use wasm_bindgen::prelude::*;
use wgpu_optim::adapter::{DeviceLimits, Gpu, request};

use crate::{Failure, Images};

/// A device and the data, for as long as the page is open.
#[wasm_bindgen]
pub struct Page {
    gpu: &'static Gpu,
    images: &'static Images,
}

#[wasm_bindgen]
impl Page {
    /// Opens a device, and takes the digits from their text. What the device refuses later, and a panic, is told to `report`, as text.
    pub async fn open(digits: String, report: Function) -> Result<Page, JsError> {
        let told = report.clone();
        std::panic::set_hook(Box::new(move |panic| tell(&told, &panic.to_string())));
        let gpu = request(DeviceLimits::Adapter).await?;
        let lost = report.clone();
        gpu.device.set_device_lost_callback(move |_, message| tell(&lost, &format!("the device is lost: {message}")));
        gpu.device.on_uncaptured_error(Arc::new(move |error: wgpu_optim::wgpu::Error| tell(&report, &error.to_string())));
        let images = crate::digits_of(&digits).map_err(error)?;
        // Both live as long as the page.
        Ok(Page { gpu: Box::leak(Box::new(gpu)), images: Box::leak(Box::new(images)) })
    }

    /// What the GPU is called, as far as the browser tells.
    pub fn adapter(&self) -> String {
        let info = &self.gpu.info;
        let parts = [&info.name, &info.driver, &info.driver_info].into_iter().filter(|part| !part.is_empty());
        let name = parts.cloned().collect::<Vec<_>>().join(", ");
        if name.is_empty() { "the browser does not tell its name".into() } else { name }
    }

    /// All optimizers by name.
    pub fn optimizers(&self) -> Vec<String> {
        crate::names()
    }

    /// The learning rate that suits an optimizer on the digits, if it has one.
    pub fn preset_lr(&self, optimizer: &str) -> Result<Option<f64>, JsError> {
        crate::chosen::preset_lr(optimizer).map_err(error)
    }

    /// How many digits there are.
    pub fn digits(&self) -> usize {
        self.images.labels.len()
    }

    /// The pixels of a digit, row after row, from 0 to 16, and its label.
    pub fn digit(&self, index: u32) -> Vec<u8> {
        let (mut digit, labels) = self.images.select(&[index % self.images.labels.len() as u32]);
        digit.extend(labels.iter().map(|&label| label as u8));
        digit
    }
}

/// A panic here would hide what is to be told.
fn tell(report: &Function, message: &str) {
    let _ = report.call1(&JsValue::NULL, &message.into());
}

fn error(failure: Failure) -> JsError {
    JsError::new(&failure.to_string())
}
