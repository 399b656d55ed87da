//! How adapters compute in f32, within what WGSL allows (WGSL, "Floating point evaluation"): some fuse `a * b + c`, some flush subnormal numbers, and
//! their division and roots are off either way.

/// How one adapter computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arithmetic {
    /// Which product of a sum is fused with it.
    pub fuses: Fuses,
    /// Whether `fma` is rounded once.
    pub has_fma: bool,
    /// Whether subnormal operands and results count as 0.
    pub flushes: bool,
    /// Where division and roots end.
    pub ends: Ends,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fuses {
    Nothing,
    Left,
    Right,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ends {
    /// At the nearest number.
    Nearest,
    /// As far above it as is allowed.
    Above,
    /// As far below it.
    Below,
    /// At `a * (1 / b)`, each rounded.
    Reciprocal,
}

impl Arithmetic {
    pub const IEEE: Self = Arithmetic { fuses: Fuses::Nothing, has_fma: true, flushes: false, ends: Ends::Nearest };

    /// What adapters do, and worse.
    pub fn all() -> Vec<Self> {
        use Ends::*;
        use Fuses::*;
        let flushing = |(fuses, has_fma, ends)| Arithmetic { fuses, has_fma, flushes: true, ends };
        let flushing = [
            (Nothing, false, Reciprocal),
            (Nothing, false, Above),
            (Nothing, true, Below),
            (Left, true, Nearest),
            (Left, true, Above),
            (Right, true, Below),
            (Right, true, Reciprocal),
        ]
        .map(flushing);
        [&[Self::IEEE][..], &flushing].concat()
    }

    fn flushed(&self, x: f32) -> f32 {
        if self.flushes && x.is_subnormal() { 0.0_f32.copysign(x) } else { x }
    }

    pub fn add(&self, a: f32, b: f32) -> f32 {
        self.flushed(self.flushed(a) + self.flushed(b))
    }

    pub fn multiply(&self, a: f32, b: f32) -> f32 {
        self.flushed(self.flushed(a) * self.flushed(b))
    }

    /// `a * b + c`, rounded once.
    pub fn fused(&self, a: f32, b: f32, c: f32) -> f32 {
        self.flushed(self.flushed(a).mul_add(self.flushed(b), self.flushed(c)))
    }

    /// The built-in `fma`.
    pub fn fma(&self, a: f32, b: f32, c: f32) -> f32 {
        if self.has_fma { self.fused(a, b, c) } else { self.add(self.multiply(a, b), c) }
    }

    pub fn divide(&self, a: f32, b: f32) -> f32 {
        let (a, b) = (self.flushed(a), self.flushed(b));
        let reciprocal = self.flushed(b.recip());
        // Beyond 2^126 nothing is promised, and adapters take a reciprocal that they flush.
        if self.ends == Ends::Reciprocal || (self.flushes && reciprocal == 0.0 && b.is_finite()) {
            return self.multiply(a, reciprocal);
        }
        self.off(f64::from(a) / f64::from(b), 2.5)
    }

    pub fn inverse_root(&self, x: f32) -> f32 {
        self.off(f64::from(self.flushed(x)).sqrt().recip(), 2.0)
    }

    pub fn root(&self, x: f32) -> f32 {
        if x == 0.0 { x } else { self.divide(1.0, self.inverse_root(x)) }
    }

    pub fn log2(&self, x: f32) -> f32 {
        let exact = f64::from(self.flushed(x)).log2();
        match self.ends {
            // 2^-21 of 1 near 1.
            Ends::Above if (0.5..=2.0).contains(&x) => (exact + 4.7e-7) as f32,
            Ends::Below if (0.5..=2.0).contains(&x) => (exact - 4.7e-7) as f32,
            _ => self.off(exact, 3.0),
        }
    }

    /// A number as far from the exact one, in units in the last place, as may be.
    fn off(&self, exact: f64, ulps: f64) -> f32 {
        let nearest = exact as f32;
        if !nearest.is_finite() || nearest == 0.0 {
            return nearest;
        }
        let reach = ulps * (f64::from(nearest.abs().next_up()) - f64::from(nearest.abs()));
        let (least, most) = (exact - reach, exact + reach);
        let end = match self.ends {
            Ends::Nearest | Ends::Reciprocal => nearest,
            Ends::Above => {
                core::iter::successors(Some(nearest), |x| Some(x.next_up())).take_while(|&x| f64::from(x) <= most).last().unwrap_or(nearest)
            }
            Ends::Below => core::iter::successors(Some(nearest), |x| Some(x.next_down()))
                .take_while(|&x| f64::from(x) >= least)
                .last()
                .unwrap_or(nearest),
        };
        self.flushed(end)
    }
}
