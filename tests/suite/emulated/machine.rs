//! Runs functions of our WGSL on the CPU, as naga reads them, in the arithmetic of any adapter. What none of our `prepare` and schedules has is missing.

use naga::{
    BinaryOperator as Op, Block, Expression, Function, Handle, Literal, MathFunction as Math, Module, Scalar, ScalarKind, Statement,
    SwitchValue, Type, TypeInner, UnaryOperator,
};

use super::arithmetic::{Arithmetic, Fuses};

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

use Value::{B, F, I, Many, U};

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

    fn index(&self) -> usize {
        match *self {
            U(x) => x as usize,
            I(x) => x as usize,
            _ => panic!("{self:?} is no index"),
        }
    }
}

/// A module, what its global variables hold, and how it computes.
pub struct Machine {
    module: Module,
    globals: Vec<Value>,
    pub arithmetic: Arithmetic,
}

/// What comes after a statement.
enum Next {
    On,
    Break,
    Continue,
    Return(Option<Value>),
}

/// One call of a function.
struct Frame<'a> {
    function: &'a Function,
    arguments: Vec<Value>,
    locals: Vec<Value>,
    values: Vec<Option<Value>>,
}

impl Machine {
    pub fn new(source: &str) -> Result<Self, String> {
        let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
        let globals = module.global_variables.iter().map(|_| Many(Vec::new())).collect();
        Ok(Machine { module, globals, arithmetic: Arithmetic::IEEE })
    }

    /// Gives a global variable its value.
    pub fn set(&mut self, name: &str, value: Value) {
        let found = self.module.global_variables.iter().position(|(_, variable)| variable.name.as_deref() == Some(name));
        self.globals[found.unwrap_or_else(|| panic!("no variable {name}"))] = value;
    }

    /// A struct whose members are 0 but for these.
    pub fn structure(&self, name: &str, members: &[(&str, Value)]) -> Value {
        let found = self.module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name));
        let (handle, ty) = found.unwrap_or_else(|| panic!("no struct {name}"));
        let TypeInner::Struct { members: all, .. } = &ty.inner else { panic!("{name} is no struct") };
        let mut parts = self.zero(handle).parts();
        for (member, value) in members {
            let index = all.iter().position(|own| own.name.as_deref() == Some(member));
            parts[index.unwrap_or_else(|| panic!("no {member} in {name}"))] = value.clone();
        }
        Many(parts)
    }

    pub fn call(&self, name: &str, arguments: Vec<Value>) -> Value {
        let found = self.module.functions.iter().find(|(_, function)| function.name.as_deref() == Some(name));
        let (_, function) = found.unwrap_or_else(|| panic!("no function {name}"));
        self.run(function, arguments).unwrap_or_else(|| panic!("{name} returns nothing"))
    }

    fn run(&self, function: &Function, arguments: Vec<Value>) -> Option<Value> {
        let mut frame = Frame { function, arguments, locals: Vec::new(), values: vec![None; function.expressions.len()] };
        for (_, variable) in function.local_variables.iter() {
            let value = match variable.init {
                Some(init) => self.value(&mut frame, init),
                None => self.zero(variable.ty),
            };
            frame.locals.push(value);
        }
        match self.block(&mut frame, &function.body) {
            Next::Return(value) => value,
            _ => None,
        }
    }

    fn block(&self, frame: &mut Frame, block: &Block) -> Next {
        for statement in block.iter() {
            match self.statement(frame, statement) {
                Next::On => {}
                next => return next,
            }
        }
        Next::On
    }

    fn statement(&self, frame: &mut Frame, statement: &Statement) -> Next {
        match statement {
            Statement::Emit(range) => {
                for handle in range.clone() {
                    frame.values[handle.index()] = Some(self.evaluate(frame, handle));
                }
                Next::On
            }
            Statement::Block(block) => self.block(frame, block),
            Statement::If { condition, accept, reject } => {
                let taken = if self.value(frame, *condition) == B(true) { accept } else { reject };
                self.block(frame, taken)
            }
            Statement::Switch { selector, cases } => {
                let selected = match self.value(frame, *selector) {
                    U(x) => SwitchValue::U32(x),
                    I(x) => SwitchValue::I32(x),
                    other => panic!("{other:?} selects"),
                };
                let found = cases.iter().position(|case| case.value == selected);
                let first = found.or_else(|| cases.iter().position(|case| case.value == SwitchValue::Default));
                for case in &cases[first.unwrap_or(cases.len())..] {
                    match self.block(frame, &case.body) {
                        Next::On if case.fall_through => {}
                        Next::On | Next::Break => break,
                        next => return next,
                    }
                }
                Next::On
            }
            Statement::Loop { body, continuing, break_if } => loop {
                match self.block(frame, body) {
                    Next::On | Next::Continue => {}
                    Next::Break => return Next::On,
                    next => return next,
                }
                self.block(frame, continuing);
                if break_if.is_some_and(|condition| self.value(frame, condition) == B(true)) {
                    return Next::On;
                }
            },
            Statement::Break => Next::Break,
            Statement::Continue => Next::Continue,
            Statement::Return { value } => Next::Return(value.map(|value| self.value(frame, value))),
            Statement::Store { pointer, value } => {
                let Value::Place(Variable::Local(local), path) = self.value(frame, *pointer) else { panic!("a store outside") };
                let value = self.value(frame, *value);
                *path.iter().fold(&mut frame.locals[local], |at, &part| if let Many(parts) = at { &mut parts[part] } else { at }) = value;
                Next::On
            }
            Statement::Call { function, arguments, result } => {
                let arguments = arguments.iter().map(|&argument| self.value(frame, argument)).collect();
                let value = self.run(&self.module.functions[*function], arguments);
                if let Some(result) = result {
                    frame.values[result.index()] = value;
                }
                Next::On
            }
            other => panic!("{other:?} is missing"),
        }
    }

    /// What was emitted, or what needs no emitting.
    fn value(&self, frame: &mut Frame, handle: Handle<Expression>) -> Value {
        match &frame.values[handle.index()] {
            Some(value) => value.clone(),
            None => self.evaluate(frame, handle),
        }
    }

    fn evaluate(&self, frame: &mut Frame, handle: Handle<Expression>) -> Value {
        let function = frame.function;
        match function.expressions[handle] {
            Expression::FunctionArgument(index) => frame.arguments[index as usize].clone(),
            Expression::LocalVariable(variable) => Value::Place(Variable::Local(variable.index()), Vec::new()),
            Expression::GlobalVariable(variable) => Value::Place(Variable::Global(variable.index()), Vec::new()),
            Expression::Load { pointer } => {
                let Value::Place(variable, path) = self.value(frame, pointer) else { panic!("a load from nowhere") };
                let whole = match variable {
                    Variable::Global(index) => &self.globals[index],
                    Variable::Local(index) => &frame.locals[index],
                };
                path.iter().fold(whole, |at, &part| if let Many(parts) = at { &parts[part] } else { at }).clone()
            }
            Expression::AccessIndex { base, index } => part(self.value(frame, base), index as usize),
            Expression::Access { base, index } => {
                let index = self.value(frame, index).index();
                part(self.value(frame, base), index)
            }
            Expression::Compose { ref components, .. } => {
                let parts: Vec<Value> = components.iter().map(|&component| self.value(frame, component)).collect();
                Many(parts)
            }
            Expression::Splat { size, value } => Many(vec![self.value(frame, value); size as usize]),
            Expression::Binary { op, left, right } => self.contracted(frame, op, left, right),
            Expression::Unary { op, expr } => each(&[self.value(frame, expr)], &|x| unary(op, &x[0])),
            Expression::Select { condition, accept, reject } => {
                let parts = [condition, accept, reject].map(|handle| self.value(frame, handle));
                match &parts[0] {
                    B(chosen) => parts[if *chosen { 1 } else { 2 }].clone(),
                    _ => each(&parts, &|x| x[if x[0] == B(true) { 1 } else { 2 }].clone()),
                }
            }
            Expression::Math { fun, arg, arg1, arg2, arg3: None } => {
                let arguments: Vec<Value> = [Some(arg), arg1, arg2].into_iter().flatten().map(|arg| self.value(frame, arg)).collect();
                each(&arguments, &|x| self.math(fun, x))
            }
            Expression::As { expr, kind, convert } => {
                each(&[self.value(frame, expr)], &|x| if convert.is_some() { converted(&x[0], kind) } else { bits_as(&x[0], kind) })
            }
            ref constant => self.constant(constant),
        }
    }

    fn constant(&self, expression: &Expression) -> Value {
        match *expression {
            Expression::Literal(Literal::F32(x)) => F(x),
            Expression::Literal(Literal::U32(x)) => U(x),
            Expression::Literal(Literal::I32(x)) => I(x),
            Expression::Literal(Literal::Bool(x)) => B(x),
            Expression::Constant(constant) => self.constant(&self.module.global_expressions[self.module.constants[constant].init]),
            Expression::ZeroValue(ty) => self.zero(ty),
            Expression::Compose { ref components, .. } => {
                Many(components.iter().map(|&component| self.constant(&self.module.global_expressions[component])).collect())
            }
            Expression::Splat { size, value } => Many(vec![self.constant(&self.module.global_expressions[value]); size as usize]),
            ref other => panic!("{other:?} is missing"),
        }
    }

    fn zero(&self, ty: Handle<Type>) -> Value {
        let scalar = |scalar: Scalar| match scalar.kind {
            ScalarKind::Float => F(0.0),
            ScalarKind::Uint => U(0),
            ScalarKind::Sint => I(0),
            _ => B(false),
        };
        match self.module.types[ty].inner {
            TypeInner::Scalar(kind) => scalar(kind),
            TypeInner::Vector { size, scalar: kind } => Many(vec![scalar(kind); size as usize]),
            TypeInner::Struct { ref members, .. } => Many(members.iter().map(|member| self.zero(member.ty)).collect()),
            ref other => panic!("{other:?} is missing"),
        }
    }

    /// A sum takes a product of its own into it.
    fn contracted(&self, frame: &mut Frame, op: Op, left: Handle<Expression>, right: Handle<Expression>) -> Value {
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

    fn math(&self, fun: Math, x: &[Value]) -> Value {
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

/// A part of a value, or a place within a place.
fn part(base: Value, index: usize) -> Value {
    match base {
        Value::Place(variable, path) => Value::Place(variable, [path, vec![index]].concat()),
        Many(parts) => parts[index].clone(),
        other => panic!("{other:?} has no parts"),
    }
}

/// Scalars at once, vectors component by component, a scalar beside a vector for each of its components.
fn each(operands: &[Value], apply: &dyn Fn(&[Value]) -> Value) -> Value {
    let length = operands.iter().find_map(|value| if let Many(parts) = value { Some(parts.len()) } else { None });
    let Some(length) = length else { return apply(operands) };
    let component = |value: &Value, index: usize| if let Many(parts) = value { parts[index].clone() } else { value.clone() };
    Many((0..length).map(|index| apply(&operands.iter().map(|value| component(value, index)).collect::<Vec<_>>())).collect())
}

fn unary(op: UnaryOperator, x: &Value) -> Value {
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

fn converted(x: &Value, kind: ScalarKind) -> Value {
    match (x, kind) {
        (F(x), ScalarKind::Sint) => I(*x as i32),
        (F(x), ScalarKind::Uint) => U(*x as u32),
        (U(x), ScalarKind::Float) => F(*x as f32),
        (I(x), ScalarKind::Float) => F(*x as f32),
        (B(x), ScalarKind::Uint) => U(u32::from(*x)),
        _ => bits_as(x, kind),
    }
}

fn bits_as(x: &Value, kind: ScalarKind) -> Value {
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
