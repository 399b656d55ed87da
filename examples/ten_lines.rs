//! smoke
use wgpu_optim::*;
fn main() {
    let gpu = pollster::block_on(adapter::request(adapter::Allowance::Adapter)).unwrap();
    println!("{:?}", gpu.info);
    for rule in rules::all() { for (name, rule) in rule.cases() {
    let tensors = Tensors::new(&gpu.device, [("a", &[10][..]), ("b", &[33, 129])]).unwrap();
    tensors.write_value(&gpu.queue, "a", &[1.0; 10]).unwrap();
    tensors.write_gradient(&gpu.queue, "a", &[0.5; 10]).unwrap();
    let opt = Optimizer::new(&gpu.device, &gpu.queue, rule.clone(), tensors.params()).unwrap();
    let mut e = gpu.device.create_command_encoder(&Default::default());
    opt.step(&mut e); opt.step(&mut e);
    gpu.queue.submit([e.finish()]);
    let v = pollster::block_on(opt.read_value("a")).unwrap();
    let mut twin = cpu::CpuOptimizer::<f64>::new(rule.clone(), [("a", 10)]).unwrap();
    let mut p = [1.0f64; 10]; 
    for _ in 0..2 { twin.step(&mut [&mut p[..]], &[Some(&[0.5; 10])]).unwrap(); }
    println!("{} {name} {} {} {:e} {:?} {}", rule.name(), v[9], p[9], v[9] as f64 - p[9], pollster::block_on(opt.read_steps()).unwrap(), opt.dispatches());
    }}
}
