//! What a scene compares with the truth, and what it reads.

use pollster::block_on;

use super::Scene;
use crate::Error;
use crate::step::ACCUMULATED;
use crate::testing::compare::compare_certain;
use crate::testing::{Failure, Outcome, compare};

impl<'a> Scene<'a> {
    /// Compares every value, every state and every step count with the truth, and every other byte with what was there. Averages only while no other
    /// values than the trained ones are shown.
    ///
    /// # Errors
    ///
    /// The first number that is not what the twin says, or a byte that was overwritten.
    pub fn check(&mut self) -> Outcome {
        if let Some(refused) = self.refused.take() {
            match block_on(self.optimizer.report()) {
                Err(told) if tells(&told, &refused) => {}
                told => return Err(Failure(format!("{refused}: expected, but told was {told:?}"))),
            }
        }
        for index in 0..self.buffers.len() {
            let mut found = self.download(&self.buffers[index])?;
            for (param, &((buffer, at), _)) in self.places.iter().enumerate().filter(|(_, (value, _))| value.0 == index) {
                let own = self.numbers[param][0];
                let values = own.take(&found[at..at + own.words()]);
                let what = format!("step {}: {} value", self.steps, self.names[param]);
                compare_certain(&what, &values, &self.truth[param], &mut self.uncertain)?;
                // What lies beside the last of an odd number is still to be compared.
                let expected = own.take(&self.image[buffer][at..at + own.words()]);
                own.put(&mut found[at..at + own.words()], &expected);
            }
            if let Some(at) = (0..found.len()).find(|&at| found[at] != self.image[index][at]) {
                return Err(format!("step {}: buffer {index}: word {at}, which is no value, was changed", self.steps).into());
            }
        }
        for name in &self.names {
            for state in self.states(name) {
                let Ok(truth) = self.twin.state(name, state) else { continue };
                let got = block_on(self.optimizer.read_state(name, state))?;
                compare_certain(&format!("step {}: {name} state {state}", self.steps), &got, truth, &mut self.uncertain)?;
            }
        }
        let (steps, expected) = (block_on(self.optimizer.read_steps())?, self.twin.steps());
        match steps == expected {
            true => Ok(()),
            false => Err(Failure(format!("step counts are {steps:?}, expected {expected:?}"))),
        }
    }

    /// Compares every value with the truth.
    ///
    /// # Errors
    ///
    /// The first value that is not what the twin says.
    pub fn check_values(&self) -> Outcome {
        for (name, truth) in self.names.iter().zip(&self.truth) {
            compare(name, &block_on(self.optimizer.read_shown(name))?, truth)?;
        }
        Ok(())
    }

    /// The values and all states of every parameter.
    ///
    /// # Errors
    ///
    /// A read-back that fails.
    pub fn read(&self) -> Result<Vec<Vec<f32>>, Failure> {
        let mut all = Vec::new();
        for name in &self.names {
            all.push(block_on(self.optimizer.read_value(name))?);
            for state in self.states(name) {
                all.push(block_on(self.optimizer.read_state(name, state))?);
            }
        }
        Ok(all)
    }

    /// What is kept of a parameter.
    pub fn states(&self, name: &str) -> Vec<&'static str> {
        let all = (0_usize..).map_while(|group| self.optimizer.rule(group)).flat_map(|rule| rule.states()).map(|state| state.name);
        let all = all.chain([ACCUMULATED, "slow", "ema", "swa"]);
        let mut states: Vec<_> = all.filter(|state| self.optimizer.state_parts(name, state).is_ok()).collect();
        states.sort_unstable();
        states.dedup();
        states
    }

    fn download(&self, buffer: &wgpu::Buffer) -> Result<Vec<u32>, Failure> {
        Ok(block_on(crate::gpu::read(&self.gpu.device, &self.gpu.queue, buffer, 0, buffer.size() / 4))?)
    }
}

/// Whether an error is this refusal; of those that come in a view, the GPU tells the first one, and how many there were.
fn tells(told: &Error, refused: &Error) -> bool {
    match (told, refused) {
        (Error::InView { what, view, .. }, Error::InView { what: first, view: shown, .. }) => {
            view == shown && what.starts_with(first.as_str())
        }
        _ => told == refused,
    }
}
