//! Runs functions of our WGSL on the CPU, as naga reads them, in the arithmetic of any adapter. What none of our `prepare` and schedules has is missing.

mod operators;
mod value;

use naga::{Block, Expression, Function, Handle, Literal, Module, Scalar, ScalarKind, Statement, SwitchValue, Type, TypeInner};

use super::arithmetic::Arithmetic;
use operators::{bits_as, converted, unary};
pub use value::Value;
use value::Value::{B, F, I, Many, U};
use value::{Variable, each, part};

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
}
