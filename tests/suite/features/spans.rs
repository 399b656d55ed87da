//! What `tracing` sees: a span for each recorded step, an event with the values of each report.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::Trial;
use pollster::block_on;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::{Adam, Optimizer, Tensors};

use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    vec![contexts[0].trial("features/tracing".into(), spans_and_events)]
}

/// The names of spans, and the fields of events, of this crate.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<(Vec<&'static str>, Vec<String>)>>);

impl Subscriber for Seen {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("wgpu_optim")
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.0.push(span.metadata().name());
        Id::from_u64(seen.0.len() as u64)
    }
    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.push(fields.0);
    }
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{}={value:?};", field.name());
    }
}

fn spans_and_events(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("x", [4])])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), tensors.params())?;
    let seen = Seen::default();
    tracing::subscriber::with_default(seen.clone(), || {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        block_on(optimizer.report())
    })?;
    let (spans, events) = &*seen.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*spans, ["wgpu-optim step"; 2]);
    assert!(events.len() == 1 && events[0].contains("step=2;") && events[0].contains("lr=[Some(0.001"), "{events:?}");
    Ok(())
}
