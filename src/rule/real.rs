use num_traits::Float;

/// A 4-byte scalar of a layout: what the twin computes with, and how the GPU gets it.
pub trait Word: Copy {
    /// The WGSL type.
    const WGSL: &'static str;
    /// The 32 bits that the GPU reads, an f64 being rounded to f32.
    fn to_word(self) -> u32;
    /// The value in f64, exactly.
    fn to_value(self) -> f64;
}

impl Word for f32 {
    const WGSL: &'static str = "f32";
    fn to_word(self) -> u32 {
        self.to_bits()
    }
    fn to_value(self) -> f64 {
        f64::from(self)
    }
}

impl Word for f64 {
    const WGSL: &'static str = "f32";
    fn to_word(self) -> u32 {
        (self as f32).to_bits()
    }
    fn to_value(self) -> f64 {
        self
    }
}

impl Word for u32 {
    const WGSL: &'static str = "u32";
    fn to_word(self) -> u32 {
        self
    }
    fn to_value(self) -> f64 {
        f64::from(self)
    }
}

/// The float that a CPU twin runs in: f64 is the truth that GPUs are measured against, f32 is the CPU backend.
pub trait Real: Float + Word + core::fmt::Debug + Default + Send + Sync + 'static {
    /// The nearest value of this type.
    fn of(x: f64) -> Self;
    /// This rule's update at step `step` over slices of this type.
    fn sweep(rule: &dyn super::AnyRule, step: u32, tensors: super::any::Sweep<'_, Self>);
}

impl Real for f32 {
    fn of(x: f64) -> Self {
        x as f32
    }
    fn sweep(rule: &dyn super::AnyRule, step: u32, tensors: super::any::Sweep<'_, Self>) {
        rule.sweep_f32(step, tensors);
    }
}

impl Real for f64 {
    fn of(x: f64) -> Self {
        x
    }
    fn sweep(rule: &dyn super::AnyRule, step: u32, tensors: super::any::Sweep<'_, Self>) {
        rule.sweep_f64(step, tensors);
    }
}
