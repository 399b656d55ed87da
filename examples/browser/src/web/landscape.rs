//! The landscape, as the page sees it.

use std::cell::RefCell;

use js_sys::{Array, Float32Array};
use wasm_bindgen::prelude::*;

use super::{Page, error};
use crate::trails::{self, Landscape, Trials};

/// The chosen optimizers on all functions, first while their learning rates are tried, then with these.
#[wasm_bindgen]
pub struct Race {
    page: Page,
    state: RefCell<Option<State>>,
}

enum State {
    Trials(Box<Trials>),
    Ready(Box<Landscape>),
}

#[wasm_bindgen]
impl Page {
    /// Begins to try all learning rates of a grid with these optimizers.
    pub async fn race(&self, names: Vec<String>, seed: u32) -> Result<Race, JsError> {
        let trials = Trials::new(self.gpu, &names, seed).await.map_err(error)?;
        let page = Page { gpu: self.gpu, images: self.images };
        Ok(Race { page, state: RefCell::new(Some(State::Trials(Box::new(trials)))) })
    }

    /// The title, formula, window and start of a function; nothing past the last one.
    pub fn function(&self, index: usize) -> Option<Array> {
        let (title, formula, window, points) = trails::describe(index)?;
        let numbers = |numbers: Vec<f64>| JsValue::from(js_sys::Float64Array::from(&numbers[..]));
        Some([title.into(), formula.into(), numbers(window), numbers(points)].into_iter().collect())
    }

    /// Its value at a point.
    pub fn value(&self, index: usize, x: f64, y: f64) -> f64 {
        trails::value(index, [x, y])
    }

    /// Its map: level lines, largest first, each as its band, how many points, and these.
    pub fn map(&self, index: usize) -> Vec<f32> {
        trails::map(index)
    }
}

#[wasm_bindgen]
impl Race {
    /// Whether the learning rates are known.
    pub fn is_ready(&self) -> Result<bool, JsError> {
        let mut state = self.state.borrow_mut();
        *state = match state.take() {
            Some(State::Trials(trials)) => Some(match trials.done(self.page.gpu).map_err(error)? {
                Ok(landscape) => State::Ready(Box::new(landscape)),
                Err(trials) => State::Trials(Box::new(trials)),
            }),
            ready => ready,
        };
        Ok(matches!(*state, Some(State::Ready(_))))
    }

    /// The optimizers' titles and learning rates on a function, one after the other.
    pub fn titles(&self, function: usize) -> Array {
        let state = self.state.borrow();
        let Some(State::Ready(landscape)) = &*state else { return Array::new() };
        let pair = |(title, lr): (&str, Option<f64>)| [JsValue::from(title), lr.into()];
        landscape.titles(function).into_iter().flat_map(pair).collect()
    }

    /// Begins trails of at most so many steps from a point.
    pub async fn begin(&self, function: usize, x: f32, y: f32, steps: usize) -> Result<(), JsError> {
        // It is away while the device answers; frames have nothing to do then.
        let Some(State::Ready(mut landscape)) = self.state.take() else { return Ok(()) };
        let begun = landscape.begin(function, [x, y], steps).await;
        self.state.replace(Some(State::Ready(landscape)));
        begun.map_err(error)
    }

    /// Goes on by some steps. Says after how many steps the trails are that are here.
    pub fn frame(&self, steps: usize) -> Result<usize, JsError> {
        match &mut *self.state.borrow_mut() {
            Some(State::Ready(landscape)) => landscape.frame(steps).map_err(error),
            _ => Ok(0),
        }
    }

    /// The trail of each optimizer, as x, y, x, y.
    pub fn trails(&self) -> Vec<Float32Array> {
        match &*self.state.borrow() {
            Some(State::Ready(landscape)) => landscape.trails().iter().map(|trail| Float32Array::from(&trail[..])).collect(),
            _ => Vec::new(),
        }
    }
}
