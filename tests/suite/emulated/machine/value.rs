//! A value of WGSL, and how operations go over the components of vectors.

/// A value of WGSL.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    F(f32),
    U(u32),
    I(i32),
    B(bool),
    /// A vector, struct or array.
    Many(Vec<Value>),
    /// A variable, and which part of it.
    Place(Variable, Vec<usize>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Variable {
    Global(usize),
    Local(usize),
}

use Value::{F, I, Many, U};

impl Value {
    pub fn floats(numbers: &[f32]) -> Value {
        Many(numbers.iter().copied().map(F).collect())
    }

    pub fn parts(self) -> Vec<Value> {
        if let Many(parts) = self { parts } else { vec![self] }
    }

    pub fn float(&self) -> f32 {
        if let F(x) = *self { x } else { panic!("{self:?} is no f32") }
    }

    pub(super) fn index(&self) -> usize {
        match *self {
            U(x) => x as usize,
            I(x) => x as usize,
            _ => panic!("{self:?} is no index"),
        }
    }
}

/// A part of a value, or a place within a place.
pub(super) fn part(base: Value, index: usize) -> Value {
    match base {
        Value::Place(variable, path) => Value::Place(variable, [path, vec![index]].concat()),
        Many(parts) => parts[index].clone(),
        other => panic!("{other:?} has no parts"),
    }
}

/// Scalars at once, vectors component by component, a scalar beside a vector for each of its components.
pub(super) fn each(operands: &[Value], apply: &dyn Fn(&[Value]) -> Value) -> Value {
    let length = operands.iter().find_map(|value| if let Many(parts) = value { Some(parts.len()) } else { None });
    let Some(length) = length else { return apply(operands) };
    let component = |value: &Value, index: usize| if let Many(parts) = value { parts[index].clone() } else { value.clone() };
    Many((0..length).map(|index| apply(&operands.iter().map(|value| component(value, index)).collect::<Vec<_>>())).collect())
}
