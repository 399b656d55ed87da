//! What operators and functions of WGSL give, in the machine's arithmetic.

use naga::{BinaryOperator as Op, Expression, Handle, MathFunction as Math, ScalarKind, UnaryOperator};

use super::value::Value::{B, F, I, Many, U};
use super::value::each;
use super::{Frame, Machine, Value};
use crate::emulated::arithmetic::Fuses;

impl Machine {
    /// A sum takes a product of its own into it.
    pub(super) fn contracted(&self, frame: &mut Frame, op: Op, left: Handle<Expression>, right: Handle<Expression>) -> Value {
        let product = |handle: Handle<Expression>| match frame.function.expressions[handle] {
            Expression::Binary { op: Op::Multiply, left, right } => Some((left, right)),
            _ => None,
        };
        let (in_left, in_right) = (product(left), product(right));
        let operands = [self.value(frame, left), self.value(frame, right)];
        let is_float = |value: &Value| matches!(value, F(_)) || matches!(value, Many(parts) if matches!(parts[0], F(_)));
        let sums = matches!(op, Op::Add | Op::Subtract) && operands.iter().all(is_float);
        let chosen = match self.arithmetic.fuses {
            Fuses::Left if sums => in_left.map(|pair| (pair, true)).or(in_right.map(|pair| (pair, false))),
            Fuses::Right if sums => in_right.map(|pair| (pair, false)).or(in_left.map(|pair| (pair, true))),
            _ => None,
        };
        let Some(((a, b), is_left)) = chosen else { return each(&operands, &|x| self.binary(op, &x[0], &x[1])) };
        let [left, right] = operands;
        let operands = [self.value(frame, a), self.value(frame, b), if is_left { right } else { left }];
        let sign = |minus: bool, x: f32| if minus { -x } else { x };
        let minus = op == Op::Subtract;
        each(&operands, &|x| {
            let [a, b, c] = [0, 1, 2].map(|index| x[index].float());
            F(self.arithmetic.fused(sign(minus && !is_left, a), b, sign(minus && is_left, c)))
        })
    }

    fn binary(&self, op: Op, left: &Value, right: &Value) -> Value {
        let with = &self.arithmetic;
        match (op, left, right) {
            (Op::Add, &F(a), &F(b)) => F(with.add(a, b)),
            (Op::Subtract, &F(a), &F(b)) => F(with.add(a, -b)),
            (Op::Multiply, &F(a), &F(b)) => F(with.multiply(a, b)),
            (Op::Divide, &F(a), &F(b)) => F(with.divide(a, b)),
            (op, &F(a), &F(b)) => B(compared(op, a.partial_cmp(&b))),
            (op, &U(a), &U(b)) => integer(op, a, b).map(U).unwrap_or_else(|| B(compared(op, Some(a.cmp(&b))))),
            (Op::ShiftRight, &I(a), &U(b)) => I(a >> b),
            (Op::ShiftLeft, &I(a), &U(b)) => I(a << b),
            (Op::Divide, &I(a), &I(b)) => I(a.wrapping_div(b)),
            (op, &I(a), &I(b)) => integer(op, a as u32, b as u32).map(|x| I(x as i32)).unwrap_or_else(|| B(compared(op, Some(a.cmp(&b))))),
            (Op::LogicalAnd | Op::And, &B(a), &B(b)) => B(a && b),
            (Op::LogicalOr | Op::InclusiveOr, &B(a), &B(b)) => B(a || b),
            (Op::Equal, &B(a), &B(b)) => B(a == b),
            _ => panic!("{op:?} of {left:?} and {right:?} is missing"),
        }
    }

    pub(super) fn math(&self, fun: Math, x: &[Value]) -> Value {
        let with = &self.arithmetic;
        match (fun, x) {
            (Math::Abs, [F(a)]) => F(a.abs()),
            (Math::Round, [F(a)]) => F(a.round_ties_even()),
            (Math::Sqrt, [F(a)]) => F(with.root(*a)),
            (Math::InverseSqrt, [F(a)]) => F(with.inverse_root(*a)),
            (Math::Log2, [F(a)]) => F(with.log2(*a)),
            (Math::Min, [F(a), F(b)]) => F(a.min(*b)),
            (Math::Max, [F(a), F(b)]) => F(a.max(*b)),
            (Math::Min, [U(a), U(b)]) => U(*a.min(b)),
            (Math::Max, [U(a), U(b)]) => U(*a.max(b)),
            (Math::Min, [I(a), I(b)]) => I(*a.min(b)),
            (Math::Max, [I(a), I(b)]) => I(*a.max(b)),
            (Math::Clamp, [F(a), F(low), F(high)]) => F(a.max(*low).min(*high)),
            (Math::Clamp, [I(a), I(low), I(high)]) => I(*a.max(low).min(high)),
            (Math::Fma, [F(a), F(b), F(c)]) => F(with.fma(*a, *b, *c)),
            (Math::Ldexp, [F(a), I(e)]) => F(with.multiply(with.multiply(*a, power_of_2(e / 2)), power_of_2(e - e / 2))),
            _ => panic!("{fun:?} of {x:?} is missing"),
        }
    }
}

fn power_of_2(e: i32) -> f32 {
    2.0_f32.powi(e)
}

pub(super) fn unary(op: UnaryOperator, x: &Value) -> Value {
    match (op, x) {
        (UnaryOperator::Negate, F(x)) => F(-x),
        (UnaryOperator::Negate, I(x)) => I(x.wrapping_neg()),
        (UnaryOperator::LogicalNot, B(x)) => B(!x),
        (UnaryOperator::BitwiseNot, U(x)) => U(!x),
        _ => panic!("{op:?} of {x:?} is missing"),
    }
}

fn integer(op: Op, a: u32, b: u32) -> Option<u32> {
    Some(match op {
        Op::Add => a.wrapping_add(b),
        Op::Subtract => a.wrapping_sub(b),
        Op::Multiply => a.wrapping_mul(b),
        Op::Divide => a / b,
        Op::Modulo => a % b,
        Op::And => a & b,
        Op::InclusiveOr => a | b,
        Op::ShiftLeft => a << b,
        Op::ShiftRight => a >> b,
        _ => return None,
    })
}

fn compared(op: Op, order: Option<core::cmp::Ordering>) -> bool {
    match op {
        Op::Equal => order.is_some_and(core::cmp::Ordering::is_eq),
        Op::NotEqual => !order.is_some_and(core::cmp::Ordering::is_eq),
        Op::Less => order.is_some_and(core::cmp::Ordering::is_lt),
        Op::LessEqual => order.is_some_and(core::cmp::Ordering::is_le),
        Op::Greater => order.is_some_and(core::cmp::Ordering::is_gt),
        Op::GreaterEqual => order.is_some_and(core::cmp::Ordering::is_ge),
        _ => panic!("{op:?} is missing"),
    }
}

pub(super) fn converted(x: &Value, kind: ScalarKind) -> Value {
    match (x, kind) {
        (F(x), ScalarKind::Sint) => I(*x as i32),
        (F(x), ScalarKind::Uint) => U(*x as u32),
        (U(x), ScalarKind::Float) => F(*x as f32),
        (I(x), ScalarKind::Float) => F(*x as f32),
        (B(x), ScalarKind::Uint) => U(u32::from(*x)),
        _ => bits_as(x, kind),
    }
}

pub(super) fn bits_as(x: &Value, kind: ScalarKind) -> Value {
    let bits = match *x {
        F(x) => x.to_bits(),
        U(x) => x,
        I(x) => x as u32,
        _ => panic!("{x:?} has no bits"),
    };
    match kind {
        ScalarKind::Float => F(f32::from_bits(bits)),
        ScalarKind::Sint => I(bits as i32),
        _ => U(bits),
    }
}
