//! Giving parameters other buffers, or other places in them.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Optimizer, Parameter, zero};
use crate::coalesce::RowGradients;
use crate::error::{BufferRole, Error, Result, unknown};
use crate::gpu::{Bf16Copy, Binding, SparseRows, is_lost};
use crate::program::{Mask, Place, Places, Scale};

/// Where a parameter goes. What is `None` stays.
#[derive(Debug)]
struct Move {
    parameter: usize,
    value: Option<Binding>,
    gradient: Option<Binding>,
}

impl Optimizer {
    /// Gives parameters other values and gradients, for the steps recorded from now on: name, values, gradient. The shapes and the state stay, and so do
    /// parameters that are not named. What was recorded before keeps the places that it was recorded with, whatever is submitted when.
    ///
    /// ```
    /// # struct Layer { name: String, weights: wgpu_optim::wgpu::Buffer, gradient: wgpu_optim::wgpu::Buffer }
    /// # fn rebind(optimizer: &mut wgpu_optim::Optimizer, layers: &[Layer]) -> wgpu_optim::Result<()> {
    /// optimizer.set_places(layers.iter().map(|layer| (&*layer.name, &layer.weights, &layer.gradient)))
    /// # }
    /// ```
    ///
    /// It is meant for every step, and for all parameters in one call. Where tensors move within their buffers, a table is written and nothing is made.
    /// Other buffers in the place of the ones before need bind groups, which are kept for the latest four sets of buffers, and keep these alive. Only
    /// where buffers get other roles (two tensors now share one, or no longer do), where a tensor can no longer be accessed by four elements at a time,
    /// or again can, or where a part of a large buffer moves too far, everything is planned anew, which costs as much as a new optimizer.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`]: no parameter has one of these names.
    /// - [`Error::SizeMismatch`], [`Error::OutOfBuffer`], [`Error::MissingUsage`], [`Error::Misaligned`], [`Error::OwnState`]: a binding cannot be the
    ///   tensor.
    /// - [`Error::Overlap`]: two tensors would share bytes. [`Error::Conflict`]: scales would be in a buffer that steps write.
    /// - A new plan: [`Error::Limit`], [`Error::Wgsl`], [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::Wgpu`]; [`Error::Buffer`] where wgpu
    ///   refuses a buffer of yours.
    pub fn set_places<'a, V: Into<Binding>, G: Into<Binding>>(&mut self, places: impl IntoIterator<Item = (&'a str, V, G)>) -> Result<()> {
        self.set_all(places.into_iter().map(|(name, value, gradient)| (name, Some(value.into()), Some(gradient.into()))))
    }

    /// Gives parameters other gradients, as [`Optimizer::set_places`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set_places`].
    pub fn set_gradients<'a, B: Into<Binding>>(&mut self, gradients: impl IntoIterator<Item = (&'a str, B)>) -> Result<()> {
        self.set_all(gradients.into_iter().map(|(name, gradient)| (name, None, Some(gradient.into()))))
    }

    /// Gives parameters other values, as [`Optimizer::set_places`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set_places`].
    pub fn set_values<'a, B: Into<Binding>>(&mut self, values: impl IntoIterator<Item = (&'a str, B)>) -> Result<()> {
        self.set_all(values.into_iter().map(|(name, value)| (name, Some(value.into()), None)))
    }

    fn set_all<'a>(&mut self, places: impl Iterator<Item = (&'a str, Option<Binding>, Option<Binding>)>) -> Result<()> {
        let mut moves: Vec<Move> = Vec::with_capacity(places.size_hint().0);
        let mut stranger = None;
        for (name, value, gradient) in places {
            // Most often they come in the order of construction.
            let next = moves.last().map_or(0, |last| last.parameter + 1);
            let is_next = self.parameters.get(next).is_some_and(|parameter| parameter.param.name == name);
            match if is_next { Some(next) } else { self.names.get(name).copied() } {
                Some(parameter) => moves.push(Move { parameter, value, gradient }),
                None => {
                    stranger = Some(unknown("parameter", name, self.names()));
                    break;
                }
            }
        }
        if stranger.is_none() && self.move_within_plan(&mut moves) {
            return Ok(());
        }
        let mut parameters = self.parameters.clone();
        for Move { parameter, value, gradient } in moves {
            let parameter = &mut parameters[parameter];
            if [&value, &gradient].into_iter().flatten().any(|binding| self.engine.own(binding.buffer())) {
                return Err(Error::OwnState { param: parameter.param.name.clone() });
            }
            value.into_iter().for_each(|value| parameter.param.value = value);
            gradient.into_iter().for_each(|gradient| parameter.param.gradient = gradient);
            parameter.param.check()?;
            if let (Some(own), Some(SparseRows { rows, count, .. })) = (&mut parameter.sparse, &parameter.param.sparse) {
                let (gradient, dtype) = (parameter.param.gradient.clone(), parameter.param.gradient_dtype);
                let source = RowGradients { rows: rows.clone(), gradient, dtype, count: count.clone() };
                Arc::make_mut(own).bind(&source)?;
            }
        }
        stranger.map_or_else(|| self.replan(parameters), Err)
    }

    /// Moves parameters if the plan stays and nothing is wrong, and says whether. If not, everything is as it was: the way through a new plan says why.
    fn move_within_plan(&mut self, moves: &mut [Move]) -> bool {
        // Where a gradient is row-sparse, what coalesces it is bound anew too.
        let is_sparse = self.parameters.iter().any(|parameter| parameter.sparse.is_some());
        if is_sparse || !moves.iter().all(|own| self.is_legal(own)) {
            return false;
        }
        moves.iter_mut().for_each(|own| own.exchange(&mut self.parameters));
        let has_moved = self.moved();
        if has_moved {
            if moves.iter().any(|own| own.gradient.is_some()) {
                self.clears = zero::clears(&self.parameters);
            }
        } else {
            moves.iter_mut().rev().for_each(|own| own.exchange(&mut self.parameters));
        }
        has_moved
    }

    /// Whether a parameter may go there, whatever the others do.
    fn is_legal(&self, Move { parameter, value, gradient }: &Move) -> bool {
        let Parameter { param, elements, .. } = &self.parameters[*parameter];
        let parts = [(BufferRole::Value, value, &param.value), (BufferRole::Gradient, gradient, &param.gradient)];
        parts.into_iter().all(|(role, binding, old)| {
            binding.as_ref().is_none_or(|binding| {
                let is_own = binding.buffer() != old.buffer() && self.engine.own(binding.buffer());
                !is_own && param.check_place(role, binding, *elements).is_ok()
            })
        })
    }

    /// Brings the dispatches to where the parameters are now, if these may be there and the plan stays; says whether.
    fn moved(&mut self) -> bool {
        let zero_grad = self.config.options.zero_grad;
        let mut numbers = Numbers::with_capacity(2 * self.parameters.len());
        let mut places = Vec::with_capacity(self.parameters.len());
        for Parameter { param, elements, scale, masked, .. } in &self.parameters {
            let value = param.place_of_values(numbers.number(param.value.buffer()), *elements);
            let gradient = param.place_of_gradients(numbers.number(param.gradient.buffer()), zero_grad);
            let copy = param.bf16_copy.as_ref().map(|copy| copy.place(numbers.number(copy.binding.buffer()), *elements));
            let mut place =
                |binding, elements: u64, written| Binding::place(binding, numbers.number(binding.buffer()), 4 * elements, written);
            let scale = param.lr_scales.as_ref().zip(*scale).map(|(scales, broadcast)| Scale {
                place: place(&scales.binding, u64::from(broadcast.period), false),
                length: broadcast.length,
                period: broadcast.period,
            });
            let mask = param
                .row_mask
                .as_ref()
                .zip(*masked)
                .map(|(mask, rows)| Mask { place: place(&mask.binding, u64::from(rows.count), false), row_length: rows.length });
            places.push(Places { value, gradient, zero_grad, scale, mask, listed: None, copy });
        }
        let is_apart = are_apart(&self.parameters, &places, zero_grad) && others_are_apart(&places, zero_grad, numbers.buffers.len());
        // The way through a new plan has to tell of a lost device, also where nothing is made.
        is_apart && !is_lost(&self.engine.device) && self.executor.moved(&self.engine, &places, &numbers.buffers).unwrap_or(false)
    }
}

impl Move {
    /// Puts what moves in the place of what is there, which it then has.
    fn exchange(&mut self, parameters: &mut [Parameter]) {
        let param = &mut parameters[self.parameter].param;
        self.value.as_mut().into_iter().for_each(|value| core::mem::swap(value, &mut param.value));
        self.gradient.as_mut().into_iter().for_each(|gradient| core::mem::swap(gradient, &mut param.gradient));
    }
}

/// The buffers of a call, numbered.
struct Numbers<'a> {
    numbers: HashMap<&'a wgpu::Buffer, usize>,
    buffers: Vec<&'a wgpu::Buffer>,
    last: usize,
}

impl<'a> Numbers<'a> {
    fn with_capacity(count: usize) -> Self {
        Numbers { numbers: HashMap::with_capacity(count), buffers: Vec::with_capacity(count), last: 0 }
    }

    fn number(&mut self, buffer: &'a wgpu::Buffer) -> usize {
        // Where many share a buffer, it is most often the last one, or the one before.
        let near = [self.last, self.last.wrapping_sub(1), self.last + 1];
        let known = near.into_iter().find(|&number| self.buffers.get(number) == Some(&buffer));
        let buffers = &mut self.buffers;
        self.last = known.unwrap_or_else(|| {
            *self.numbers.entry(buffer).or_insert_with(|| {
                buffers.push(buffer);
                buffers.len() - 1
            })
        });
        self.last
    }
}

/// Whether no step writes what another parameter, or the same one's gradient, occupies.
fn are_apart(parameters: &[Parameter], places: &[Places], zero_grad: bool) -> bool {
    let mut spans = Vec::with_capacity(2 * parameters.len());
    for (Parameter { param, elements, .. }, places) in parameters.iter().zip(places) {
        let bytes = [param.bytes_of_values(*elements), param.bytes_of_gradients()];
        let roles = [(&param.value, places.value, true, bytes[0]), (&param.gradient, places.gradient, zero_grad, bytes[1])];
        let copy = param.bf16_copy.as_ref().zip(places.copy).map(|(copy, place)| (&copy.binding, place, true, Bf16Copy::bytes(*elements)));
        for (binding, Place { buffer, offset, .. }, written, bytes) in roles.into_iter().chain(copy) {
            // With its padding.
            let end = offset + binding.room(bytes);
            if offset < end {
                spans.push((buffer, offset, end, written));
            }
        }
    }
    spans.sort_unstable();
    // The ends of what lies furthest in the buffer, written and not.
    let mut ends = [(usize::MAX, 0); 2];
    spans.into_iter().all(|(buffer, start, end, written)| {
        let hits = |own: (usize, u64)| own.0 == buffer && own.1 > start;
        let overlaps = hits(ends[1]) || (written && hits(ends[0]));
        let own = &mut ends[usize::from(written)];
        *own = (buffer, if own.0 == buffer { own.1.max(end) } else { end });
        !overlaps
    })
}

/// Whether no scales or masks lie in a buffer that a step writes.
fn others_are_apart(places: &[Places], zero_grad: bool, buffers: usize) -> bool {
    let others = |places: &Places| [places.scale.map(|scale| scale.place), places.mask.map(|mask| mask.place)].into_iter().flatten();
    if places.iter().all(|places| others(places).next().is_none()) {
        return true;
    }
    let mut written = vec![false; buffers];
    for Places { value, gradient, copy, .. } in places {
        written[value.buffer] = true;
        copy.iter().for_each(|copy| written[copy.buffer] = true);
        written[gradient.buffer] |= zero_grad;
    }
    places.iter().flat_map(others).all(|place| !written[place.buffer])
}
