//! Steps, micro-batches, options and views of a scene, on the GPU and in the truth alike.

use super::Scene;
use crate::rule::Bounded;
use crate::testing::{Outcome, inputs};
use crate::{Error, Optimizer, Options, View};

impl<'a> Scene<'a> {
    /// New gradients for every parameter, times the loss scale; where there is a row mask, another one, and NaN in rows that it does not show.
    pub fn next_gradients(&mut self) -> Vec<Vec<f32>> {
        self.steps += 1;
        let scale = self.twin.report().map_or(1.0, |report| report.loss_scale.value) as f32;
        let seed = |index: usize| self.seed + 1000 * self.steps + index as u64;
        let scaled = |gradients: Vec<f32>| gradients.into_iter().map(|g| scale * g).collect();
        // Which eigenvectors f32 finds of eigenvalues 1e-8 times as large as others is arbitrary.
        let takes_bases = (0_usize..).map_while(|group| self.optimizer.rule(group)).any(|rule| rule.takes_bases());
        let drawn = if takes_bases { inputs::normal } else { inputs::gradients };
        let gradients = self.lens.iter().enumerate().map(|(index, &len)| scaled(drawn(seed(index), len)));
        let mut gradients: Vec<Vec<f32>> = gradients.collect();
        for (index, gradient) in gradients.iter_mut().enumerate() {
            let Some(mask) = self.next_mask(index) else { continue };
            let length = (gradient.len() / mask.len().max(1)).max(1);
            // Two micro-batches that show a row do not cancel out, where three never do.
            let factor = 1.0 + 0.25 * (self.steps % 4) as f32;
            gradient.iter_mut().for_each(|g| *g *= factor);
            gradient.chunks_mut(length).zip(mask).filter(|(_, word)| *word == 0).for_each(|(row, _)| row.fill(f32::NAN));
        }
        self.set_gradients(&gradients);
        gradients
    }

    /// Another row mask, if a parameter has one: of no row, all or some of them.
    fn next_mask(&mut self, index: usize) -> Option<Vec<u32>> {
        let binding = self.params[index].row_mask.as_ref()?.binding.clone();
        let mut random = inputs::Random(self.seed + 3000 * self.steps + index as u64);
        let kind = random.bits() % 8;
        let word = |random: &mut inputs::Random| match (kind, random.bits() % 4) {
            (0, _) | (2.., 0 | 1) => 0,
            (_, 2) => 1 << 31,
            _ => random.bits() as u32 | 1,
        };
        let mask: Vec<u32> = (0..binding.size() / 4).map(|_| word(&mut random)).collect();
        self.set_row_mask(index, &mask).ok()?;
        Some(mask)
    }

    /// What the row mask of a parameter shows from now on, on the GPU and in the truth.
    ///
    /// # Errors
    ///
    /// A parameter without a row mask, or with other rows.
    pub fn set_row_mask(&mut self, index: usize, mask: &[u32]) -> Outcome {
        self.twin.set_row_mask(&self.names[index], mask)?;
        if let Some(row_mask) = &self.params[index].row_mask {
            self.gpu.queue.write_buffer(row_mask.binding.buffer(), row_mask.binding.offset(), bytemuck::cast_slice(mask));
        }
        self.masks[index] = Some(mask.to_vec());
        Ok(())
    }

    /// Expects these gradients from now on.
    pub fn believe_gradients(&mut self, gradients: &[Vec<f32>]) {
        for (index, gradient) in gradients.iter().enumerate() {
            self.put(index, 1, gradient);
        }
    }

    /// These gradients.
    pub fn set_gradients(&mut self, gradients: &[Vec<f32>]) {
        self.believe_gradients(gradients);
        for (&(_, (buffer, at)), [_, own]) in self.places.iter().zip(&self.numbers).take(gradients.len()) {
            let words = &self.image[buffer][at..at + own.words()];
            self.gpu.queue.write_buffer(&self.buffers[buffer], 4 * at as u64, bytemuck::cast_slice(words));
        }
    }

    /// New contents, positive, for the states that the caller writes.
    fn next_inputs(&mut self, active: impl Fn(usize) -> bool) -> Outcome {
        let all: Vec<_> = (0_usize..).map_while(|group| self.optimizer.rule(group)).flat_map(|rule| rule.inputs()).copied().collect();
        for (index, name) in self.names.iter().enumerate().filter(|(index, _)| active(*index)) {
            for input in all.iter().filter(|input| self.optimizer.state_parts(name, input).is_ok()) {
                let data = inputs::gradients(self.seed + 2000 * self.steps + index as u64, self.lens[index]);
                let data: Vec<f32> = data.into_iter().map(f32::abs).collect();
                self.optimizer.write_state(name, input, &data)?;
                self.twin.state_mut(name, input)?.iter_mut().zip(data).for_each(|(state, x)| *state = Bounded::given(x));
            }
        }
        Ok(())
    }

    /// One step on the GPU and in the truth; `active` says which parameters the truth moves.
    ///
    /// # Errors
    ///
    /// What a step on the CPU refuses, other than what the GPU has to tell too.
    pub fn step(&mut self, active: impl Fn(usize) -> bool) -> Outcome {
        let gradients = self.next_gradients();
        self.step_with(&gradients, active)
    }

    /// A step of all parameters, some of whose gradients are NaN or infinite ([`inputs::spoil`]).
    ///
    /// # Errors
    ///
    /// Those of [`Scene::step`].
    pub fn rough_step(&mut self) -> Outcome {
        let (step, mut gradients) = (self.steps as usize, self.next_gradients());
        gradients.iter_mut().for_each(|gradient| inputs::spoil(step, gradient));
        self.set_gradients(&gradients);
        self.step_with(&gradients, |_| true)
    }

    /// One step with the gradients that are there, which these are.
    ///
    /// # Errors
    ///
    /// Those of [`Scene::step`].
    pub fn step_with(&mut self, gradients: &[Vec<f32>], active: impl Fn(usize) -> bool) -> Outcome {
        self.next_inputs(&active)?;
        self.submit(|optimizer, encoder| {
            optimizer.step(encoder);
            Ok(())
        })?;
        self.read_gradients(&active);
        let gradients = self.bounded(gradients);
        let stepped = self.twin.step(&mut slices(&mut self.truth), &optional(&gradients, active));
        self.expect(stepped)
    }

    /// One micro-batch, likewise.
    ///
    /// # Errors
    ///
    /// Those of [`Scene::step`].
    pub fn accumulate(&mut self, active: impl Fn(usize) -> bool) -> Outcome {
        let gradients = self.next_gradients();
        self.submit(|optimizer, encoder| optimizer.accumulate(encoder))?;
        self.read_gradients(&active);
        let gradients = self.bounded(&gradients);
        let accumulated = self.twin.accumulate(&optional(&gradients, active));
        self.expect(accumulated)
    }

    /// Other options from now on.
    ///
    /// # Errors
    ///
    /// Options that either side refuses.
    pub fn set_options(&mut self, options: Options) -> Outcome {
        self.optimizer.set_options(options)?;
        self.options = options;
        Ok(self.twin.set_options(options)?)
    }

    /// An average is shown, or no more, likewise.
    ///
    /// # Errors
    ///
    /// An average that the options do not keep.
    pub fn swap(&mut self, average: &str) -> Outcome {
        self.submit(|optimizer, encoder| optimizer.swap(encoder, average))?;
        let swapped = self.twin.swap(average, &mut slices(&mut self.truth));
        self.expect(swapped)
    }

    /// The values to evaluate with are shown, likewise.
    ///
    /// # Errors
    ///
    /// Those of [`Scene::step`].
    pub fn evaluate(&mut self) -> Outcome {
        self.submit(|optimizer, encoder| {
            optimizer.evaluate(encoder);
            Ok(())
        })?;
        let evaluated = self.twin.evaluate(&mut slices(&mut self.truth));
        self.expect(evaluated)
    }

    /// The trained values are shown again, likewise.
    ///
    /// # Errors
    ///
    /// Those of [`Scene::step`].
    pub fn train(&mut self) -> Outcome {
        self.submit(|optimizer, encoder| {
            optimizer.train(encoder);
            Ok(())
        })?;
        let trained = self.twin.train(&mut slices(&mut self.truth));
        self.expect(trained)
    }

    /// Gradients as they are once they are stored.
    fn bounded(&self, gradients: &[Vec<f32>]) -> Vec<Vec<Bounded>> {
        gradients.iter().zip(&self.numbers).map(|(gradient, [_, own])| super::given(&own.stored(gradient))).collect()
    }

    /// What a view refuses, the next read-back of the GPU tells.
    fn expect(&mut self, outcome: crate::Result<()>) -> Outcome {
        match outcome {
            Err(error @ Error::InView { .. }) => {
                self.refused.get_or_insert(error);
                Ok(())
            }
            outcome => Ok(outcome?),
        }
    }

    /// Submits what is recorded.
    ///
    /// # Errors
    ///
    /// What `record` returns.
    pub fn submit(&self, record: impl FnOnce(&Optimizer, &mut wgpu::CommandEncoder) -> crate::Result<()>) -> Outcome {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        record(&self.optimizer, &mut encoder)?;
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    /// Gradients that were read are zero from then on, if that is asked for.
    fn read_gradients(&mut self, active: impl Fn(usize) -> bool) {
        let zeroes = self.options.zero_grad && self.twin.view() == View::Trained;
        let zeroed: Vec<usize> = (0..self.lens.len()).filter(|&index| zeroes && active(index)).collect();
        for index in zeroed {
            let ((buffer, at), len) = (self.places[index].1, self.lens[index]);
            let mask = self.masks[index].clone().unwrap_or_else(|| vec![1; len]);
            let length = (len / mask.len().max(1)).max(1);
            let own = self.numbers[index][1];
            let words = &mut self.image[buffer][at..at + own.words()];
            let mut gradient = own.take(words);
            let rows = gradient.chunks_mut(length).zip(mask);
            rows.filter(|(_, word)| *word != 0).for_each(|(row, _)| row.fill(0.0));
            own.put(words, &gradient);
        }
    }
}

fn slices(truth: &mut [Vec<Bounded>]) -> Vec<&mut [Bounded]> {
    truth.iter_mut().map(Vec::as_mut_slice).collect()
}

/// The gradients of those that are active.
fn optional(gradients: &[Vec<Bounded>], active: impl Fn(usize) -> bool) -> Vec<Option<&[Bounded]>> {
    gradients.iter().enumerate().map(|(index, gradient)| active(index).then_some(&gradient[..])).collect()
}
