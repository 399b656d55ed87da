//! Training, as the page sees it.

use std::cell::RefCell;

use wasm_bindgen::prelude::*;

use super::{Page, error};
use crate::session::{Session, Settings};

/// A run. Its functions take no turn of the page's: each does what there is to do and returns.
#[wasm_bindgen]
pub struct Training {
    session: RefCell<Session>,
}

#[wasm_bindgen]
impl Page {
    /// Builds a network and an optimizer; without a learning rate, with the one that suits the digits.
    pub async fn train(&self, optimizer: String, lr: Option<f64>, batch: u32, seed: u32) -> Result<Training, JsError> {
        let settings = Settings { optimizer, lr, batch, seed: seed.into() };
        let session = Session::new(self.gpu, self.images, &settings).await.map_err(error)?;
        Ok(Training { session: RefCell::new(session) })
    }

    /// Goes on from a checkpoint's bytes.
    pub async fn resume(&self, bytes: Vec<u8>) -> Result<Training, JsError> {
        let session = Session::resume(self.gpu, self.images, &bytes).await.map_err(error)?;
        Ok(Training { session: RefCell::new(session) })
    }
}

#[wasm_bindgen]
impl Training {
    /// Looks at what has come back and submits what the GPU does in a frame.
    pub fn frame(&self) -> Result<(), JsError> {
        self.session.borrow_mut().frame().map_err(error)
    }

    /// Looks at what has come back. Says whether more is under way.
    pub fn settle(&self) -> Result<bool, JsError> {
        let mut session = self.session.borrow_mut();
        session.land().map_err(error)?;
        Ok(session.is_busy())
    }

    /// Submits so many steps that all in all it is a number, as far as there is room; says whether they are done.
    pub fn until(&self, steps: usize) -> Result<bool, JsError> {
        let mut session = self.session.borrow_mut();
        session.land().map_err(error)?;
        while session.submitted() < steps {
            let rest = steps - session.submitted();
            if !session.submit(rest) {
                break;
            }
        }
        Ok(session.steps() >= steps && !session.is_busy())
    }

    /// Steps whose results are here.
    pub fn steps(&self) -> usize {
        self.session.borrow().steps()
    }

    /// Steps of an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.session.borrow().steps_per_epoch()
    }

    /// The step whose loss is not a finite number.
    pub fn diverged(&self) -> Option<usize> {
        self.session.borrow().diverged()
    }

    /// Points on the training rows: step, loss, accuracy, and so on.
    pub fn training_curve(&self) -> Vec<f64> {
        let [training, _] = self.session.borrow().curves();
        training
    }

    /// Points on the test rows.
    pub fn test_curve(&self) -> Vec<f64> {
        let [_, test] = self.session.borrow().curves();
        test
    }

    /// The optimizer's name.
    pub fn optimizer(&self) -> String {
        self.session.borrow().settings().optimizer
    }

    /// Its learning rate.
    pub fn lr(&self) -> Option<f64> {
        self.session.borrow().settings().lr
    }

    /// Rows per step.
    pub fn batch(&self) -> u32 {
        self.session.borrow().settings().batch
    }

    /// What split, weights and order follow from.
    pub fn seed(&self) -> u32 {
        self.session.borrow().settings().seed as u32
    }

    /// The first layer's weights, one unit after the other.
    pub async fn weights(&self) -> Result<Vec<f32>, JsError> {
        let reader = self.session.borrow().reader();
        reader.weights().await.map_err(error)
    }

    /// All values that are trained.
    pub async fn values(&self) -> Result<Vec<f32>, JsError> {
        let reader = self.session.borrow().reader();
        reader.values().await.map_err(error)
    }

    /// The run as a file's bytes. Nothing of it may be under way: see `settle`.
    pub async fn checkpoint(&self) -> Result<Vec<u8>, JsError> {
        let reader = self.session.borrow().reader();
        reader.checkpoint().await.map_err(error)
    }

    /// Asks what a drawing is. Says whether it could; if not, the answer before has to come first.
    pub fn ask(&self, pixels: &[u8]) -> bool {
        let mut session = self.session.borrow_mut();
        let (pad, course) = session.pad();
        pad.ask(&course.optimizer, pixels)
    }

    /// The probability of each digit, if the answer is here.
    pub fn answer(&self) -> Result<Option<Vec<f32>>, JsError> {
        self.session.borrow_mut().pad().0.answer().map_err(error)
    }
}
