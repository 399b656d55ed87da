//! Where values lie on an axis, and what is written beside it.

/// A range of values, and how they are spread.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Axis {
    pub fn linear(low: f64, high: f64) -> Self {
        Axis { low, high, logarithmic: false }
    }

    /// From a power of ten, or 2 or 5 times one, to another.
    pub fn logarithmic(low: f64, high: f64) -> Self {
        let nice = nice(low, high);
        let from = nice.iter().rev().find(|&&value| value <= low * 1.001);
        let to = nice.iter().find(|&&value| value >= high / 1.001);
        Axis { low: from.copied().unwrap_or(low), high: to.copied().unwrap_or(high), logarithmic: true }
    }

    /// 0 for the lowest value, 1 for the highest.
    pub fn part(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.logarithmic { value.max(f64::MIN_POSITIVE).ln() } else { value };
        (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
    }

    /// Values that are labelled: not more than about eight.
    pub fn ticks(&self) -> Vec<f64> {
        let inside = |value: &f64| (-1e-9..1.0 + 1e-9).contains(&self.part(*value));
        if self.logarithmic {
            let values: Vec<f64> = nice(self.low, self.high).into_iter().filter(inside).collect();
            let powers = values.iter().copied().filter(|value| (value.log10() - value.log10().round()).abs() < 1e-9);
            return if values.len() <= 9 { values } else { powers.collect() };
        }
        let rough = (self.high - self.low) / 8.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|&step| step >= rough * 0.999).unwrap_or(rough);
        let first = (self.low / step).ceil() as i64;
        // Rounded, since people read them: 3 * 0.2 is not 0.6.
        (first..).map(|index| (index as f64 * step * 1e9).round() / 1e9).take_while(inside).collect()
    }
}

/// 1, 2 and 5 times each power of ten, beyond both ends.
fn nice(low: f64, high: f64) -> Vec<f64> {
    let powers = low.log10().floor() as i32 - 1..=high.log10().ceil() as i32;
    powers.flat_map(|power| [1, 2, 5].map(|factor| exact(factor, power))).collect()
}

/// The number nearest to `factor * 10^power`, which prints as short as it should.
fn exact(factor: u32, power: i32) -> f64 {
    format!("{factor}e{power}").parse().unwrap_or(f64::NAN)
}
