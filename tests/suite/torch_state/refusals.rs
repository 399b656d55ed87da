//! What torch has not, and files that do not fit or are broken: errors that say where, never a panic.

use libtest_mimic::{Failed, Trial};
use safetensors::Dtype;
use serde_json::{Value, json};
use wgpu_optim::checkpoint::{Checkpoint, torch_state};
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::step::Group;
use wgpu_optim::testing::Random;
use wgpu_optim::{Adam, AdamW, Adamax, Lion, Lookahead, MicroBatches, NAdam, Options, RAdam, RmsProp, Sgd};

use super::forms::optimizer;
use super::recorded::{Recorded, StateDict, Tensor};
use crate::context::Outcome;

/// How one differs from a recorded state dict, and what is said of it.
type Broken = (&'static str, fn(&mut StateDict), &'static str);

const STATE: &str = "state.2.exp_avg";

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("torch-state/refuses-what-torch-has-not", refuses_what_torch_has_not),
        Trial::test("torch-state/refuses-other-classes", refuses_other_classes),
        Trial::test("torch-state/lists-all", lists_all),
        Trial::test("torch-state/survives-any-bytes", survives_any_bytes),
    ];
    for (name, change, says) in BROKEN {
        trials.push(Trial::test(format!("torch-state/refuses-{name}"), move || refuses(*change, says)));
    }
    trials
}

/// Of the case `adam`: parameters fc.weight, gain, emb and fc.bias without names, the first two in group 0.
const BROKEN: &[Broken] = &[
    ("other-formats", |dict| set(dict, "format", "optimizer-trace/1"), "expected the format torch-optimizer-state, version 1"),
    ("later-versions", |dict| set(dict, "version", "2"), "found torch-optimizer-state, version 2"),
    ("no-groups", |dict| drop(dict.metadata.remove("param_groups")), "the metadata have no param_groups"),
    ("groups-cut-short", |dict| set(dict, "param_groups", "[{"), "param_groups in its metadata: EOF"),
    ("groups-of-another-kind", |dict| set(dict, "param_groups", "[3]"), "param_groups in its metadata: invalid type"),
    ("groups-nested-deeply", |dict| set(dict, "param_groups", &"[".repeat(100_000)), "param_groups in its metadata: "),
    ("no-params", |dict| hyper(dict, "params", json!("all")), "group 0 has no list `params` of indices"),
    ("params-below-zero", |dict| hyper(dict, "params", json!([-1, 0])), "group 0 has no list `params` of indices"),
    ("params-twice", |dict| hyper(dict, "params", json!([0, 2])), "parameter 2 is in the groups twice"),
    ("one-param-less", |dict| hyper(dict, "params", json!([0])), "state.1.exp_avg is of no parameter in the groups"),
    ("groups-of-other-lengths", lengths, "its groups have [1, 3] parameters, and the optimizer's [2, 2]"),
    ("names-of-a-group-too-few", |dict| hyper(dict, "param_names", json!(["a"])), "group 0 has no list param_names of 2 names"),
    ("names-of-some-groups", |dict| hyper(dict, "param_names", json!(["a", "b"])), "some of its groups have param_names"),
    ("names-too-few", |dict| set(dict, "param_names", "[\"a\"]"), "it has 1 names in param_names for 4 parameters"),
    ("names-twice", |dict| set(dict, "param_names", "[\"a\", \"b\", \"a\", \"c\"]"), "a is there twice"),
    ("names-unknown", |dict| names(dict), "emb is not in the state dict\n  w is only in the state dict"),
    ("tensors-without-index", |dict| rename(dict, "exp_avg"), "the tensor exp_avg is not state.INDEX.KEY"),
    ("indices-that-are-none", |dict| rename(dict, "state.x.exp_avg"), "state.x.exp_avg is of no parameter in the groups"),
    ("indices-out-of-range", |dict| rename(dict, "state.4.exp_avg"), "state.4.exp_avg is of no parameter in the groups"),
    ("indices-beyond-words", |dict| rename(dict, "state.18446744073709551618.m"), "state.18446744073709551618.m is of no parameter"),
    ("indices-written-twice", |dict| rename(dict, "state.02.exp_avg"), "state.02.exp_avg is of no parameter in the groups"),
    ("keys-missing", |dict| drop(dict.tensors.remove(STATE)), "emb (state.2.exp_avg) is missing, which torch's Adam has"),
    ("keys-unknown", |dict| rename(dict, "state.2.exp_inf"), "emb (state.2.exp_inf) is nothing that torch's Adam has"),
    ("keys-of-other-settings", |dict| add(dict, "state.2.max_exp_avg_sq", &[3, 2, 4]), "emb (state.2.max_exp_avg_sq) is nothing that"),
    ("shapes", |dict| add(dict, STATE, &[24]), "emb (state.2.exp_avg) is F32 of shape [24], expected F32 of shape [3, 2, 4]"),
    ("half-precision", |dict| half(dict), "emb (state.2.exp_avg) is BF16 of shape [3, 2, 4], expected F32"),
    ("steps-of-a-shape", |dict| add(dict, "state.2.step", &[1]), "emb (state.2.step) is F32 of shape [1], expected F32 of shape []"),
    ("steps-that-are-nan", |dict| step(dict, f32::NAN), "emb (state.2.step) is NaN, expected a whole number"),
    ("steps-below-zero", |dict| step(dict, -1.0), "emb (state.2.step) is -1, expected a whole number"),
    ("steps-between", |dict| step(dict, 2.5), "emb (state.2.step) is 2.5, expected a whole number"),
    (
        "steps-beyond-words",
        |dict| step(dict, 1e20),
        "emb (state.2.step) is 100000002004087730000, expected a whole number from 0 to 2147483648",
    ),
    ("state-as-a-text", |dict| text(dict, "{\"2\": {\"step\": \"5\"}}"), "emb (state.2.step) is \"5\", expected a number"),
    ("state-as-a-number", |dict| moment(dict), "emb (state.2.exp_avg) is a number, expected a tensor of shape [3, 2, 4]"),
    ("state-twice", |dict| set(dict, "state_values", "{\"2\": {\"step\": 5}}"), "state.2.step is there as a tensor and as a number"),
    ("rates-missing", |dict| without(dict, "lr"), "group 0 (fc.weight): lr is missing, which torch's Adam needs"),
    ("rates-that-are-text", |dict| hyper(dict, "lr", json!("fast")), "group 0 (fc.weight): lr is \"fast\", expected a number"),
    ("rates-that-are-null", |dict| hyper(dict, "lr", Value::Null), "group 0 (fc.weight): lr is null, expected a number"),
    ("rates-below-zero", |dict| hyper(dict, "lr", json!(-1.0)), "lr must be in [0, inf), got -1"),
    ("betas-that-are-one", |dict| hyper(dict, "betas", json!([0.9])), "group 0 (fc.weight): betas is [0.9], expected 2 numbers"),
    ("flags-that-are-numbers", |dict| hyper(dict, "amsgrad", json!(1)), "group 0 (fc.weight): amsgrad is 1, expected true or false"),
];

fn set(dict: &mut StateDict, key: &str, text: &str) {
    dict.metadata.insert(key.into(), text.into());
}

fn groups(dict: &mut StateDict, change: impl FnOnce(&mut Vec<Value>)) {
    let mut groups: Vec<Value> = serde_json::from_str(&dict.metadata["param_groups"]).unwrap_or_default();
    change(&mut groups);
    set(dict, "param_groups", &json!(groups).to_string());
}

fn hyper(dict: &mut StateDict, key: &str, value: Value) {
    groups(dict, |groups| groups[0][key] = value);
}

fn without(dict: &mut StateDict, key: &str) {
    groups(dict, |groups| drop(groups[0].as_object_mut().and_then(|group| group.remove(key))));
}

fn lengths(dict: &mut StateDict) {
    groups(dict, |groups| (groups[0]["params"], groups[1]["params"]) = (json!([0]), json!([1, 2, 3])));
}

fn names(dict: &mut StateDict) {
    set(dict, "param_names", &json!(["fc.weight", "gain", "w", "fc.bias"]).to_string());
}

fn rename(dict: &mut StateDict, name: &str) {
    let tensor = dict.tensors.remove(STATE);
    dict.tensors.extend(tensor.map(|tensor| (name.to_owned(), tensor)));
}

fn add(dict: &mut StateDict, name: &str, shape: &[usize]) {
    let zeros = vec![0.0; shape.iter().product()];
    dict.tensors.insert(name.into(), Tensor::f32(shape, &zeros));
}

fn half(dict: &mut StateDict) {
    dict.tensors.insert(STATE.into(), Tensor { dtype: Dtype::BF16, shape: vec![3, 2, 4], bytes: vec![0; 48] });
}

fn step(dict: &mut StateDict, number: f32) {
    dict.tensors.insert("state.2.step".into(), Tensor::f32(&[], &[number]));
}

fn text(dict: &mut StateDict, values: &str) {
    dict.tensors.remove("state.2.step");
    set(dict, "state_values", values);
}

fn moment(dict: &mut StateDict) {
    dict.tensors.remove(STATE);
    set(dict, "state_values", "{\"2\": {\"exp_avg\": 5}}");
}

fn adam() -> Result<(StateDict, Checkpoint), Failed> {
    let recorded = Recorded::named("adam")?;
    Ok((recorded.state_dict(5)?, optimizer(&recorded, Options::default())?.checkpoint(None)?))
}

fn says<T>(result: wgpu_optim::Result<T>, words: &str) -> Outcome {
    match result.map(drop).map_err(|error| error.to_string()) {
        Err(message) if message.contains(words) => Ok(()),
        other => Err(format!("expected an error with\n  {words}\ngot\n  {other:?}").into()),
    }
}

fn refuses(change: fn(&mut StateDict), words: &str) -> Outcome {
    let (mut dict, like) = adam()?;
    torch_state::from_bytes(&dict.bytes()?, &like)?;
    change(&mut dict);
    says(torch_state::from_bytes(&dict.bytes()?, &like), words)
}

/// What differs is listed, all of it, with the file's name.
fn lists_all() -> Outcome {
    let (mut dict, like) = adam()?;
    dict.tensors.remove("state.0.exp_avg_sq");
    step(&mut dict, 0.5);
    hyper(&mut dict, "eps", json!("small"));
    groups(&mut dict, |groups| groups[1]["maximize"] = json!(0));
    let path = std::env::temp_dir().join(format!("wgpu-optim-lists-all-{}.safetensors", std::process::id()));
    std::fs::write(&path, dict.bytes()?)?;
    let told = torch_state::load(&path, &like).map_err(|error| error.to_string());
    std::fs::remove_file(&path)?;
    // Without its hyper-parameters, the state of a group is not looked at.
    let expected = format!(
        "{}: it does not fit the optimizer:\n  group 0 (fc.weight): eps is \"small\", expected a number\n  \
         group 1 (emb): maximize is 0, expected true or false",
        path.display()
    );
    assert_eq!(told.err(), Some(expected));
    hyper(&mut dict, "eps", json!(1e-8));
    groups(&mut dict, |groups| groups[1]["maximize"] = json!(false));
    says(
        torch_state::from_bytes(&dict.bytes()?, &like),
        "the state dict: it does not fit the optimizer:\n  fc.weight (state.0.exp_avg_sq) is missing, which torch's Adam has\n  \
         emb (state.2.step) is 0.5",
    )
}

/// The state dict of each class for an optimizer of another one.
fn refuses_other_classes() -> Outcome {
    let with = |case: &str, rule: &dyn AnyRule| -> Result<wgpu_optim::Result<Checkpoint>, Failed> {
        let recorded = Recorded::named(case)?;
        let like = CpuOptimizer::<f32>::with_groups(recorded.cpu_groups(Some(rule))?)?.checkpoint(None)?;
        Ok(torch_state::from_bytes(&recorded.state_dict(5)?.bytes()?, &like))
    };
    let rows: [(&str, Box<dyn AnyRule>, &str); 8] = [
        ("adam", AdamW::default().into(), "group 0 (fc.weight): decoupled_weight_decay is false, and true in torch's AdamW"),
        ("adam", RAdam::default().into(), "group 0 (fc.weight): amsgrad is of another class, torch's RAdam has no such thing"),
        ("radam", Adam::default().into(), "group 0 (fc.weight): amsgrad is missing, which torch's Adam needs"),
        ("adam", NAdam::default().into(), "group 0 (fc.weight): momentum_decay is missing, which torch's NAdam needs"),
        ("adam", Adamax::default().into(), "group 1 (emb): amsgrad is of another class, torch's Adamax has no such thing"),
        ("adamax", RAdam::default().into(), "fc.weight (state.0.exp_avg_sq) is missing, which torch's RAdam has"),
        ("sgd-momentum", RmsProp::default().into(), "group 0 (fc.weight): alpha is missing, which torch's RMSprop needs"),
        ("sgd", Lion::default().into(), "torch has no class for Lion; there are SGD, RMSprop, Adam, SparseAdam, AdamW, Adagrad, Adamax"),
    ];
    for (case, rule, words) in rows {
        says(with(case, &*rule)?, words)?;
    }
    Ok(())
}

fn refuses_what_torch_has_not() -> Outcome {
    let bytes = |groups: Vec<Group<CpuParam>>, options: Options| -> Result<wgpu_optim::Result<Vec<u8>>, Failed> {
        let mut optimizer = CpuOptimizer::<f32>::with_options(groups, options)?;
        if options.accumulates() {
            optimizer.accumulate(&[Some(&[1.0, 1.0])])?;
        }
        Ok(torch_state::to_bytes(&optimizer.checkpoint(None)?))
    };
    let one = |rule: Box<dyn AnyRule>| vec![Group::new(rule, [CpuParam::new("w", &[2])])];
    let adam = || one(Adam::default().into());
    let on = "is on, and torch's";
    let rows: [(Vec<Group<CpuParam>>, String); 6] = [
        (one(Lion::default().into()), "torch has no class for Lion".into()),
        (one(Sgd { decoupled_weight_decay: true, ..Default::default() }.into()), format!("group 0 (w): decoupled_weight_decay {on} SGD")),
        (one(Adam { cautious_weight_decay: true, ..Default::default() }.into()), format!("group 0 (w): cautious_weight_decay {on} Adam")),
        (one(RmsProp { eps_inside: true, ..Default::default() }.into()), format!("group 0 (w): eps_inside {on} RMSprop")),
        (
            vec![Group::new(Adam::default(), [CpuParam::new("w", &[2])]), Group::new(Sgd::default(), [CpuParam::new("b", &[2])])],
            "its groups are of Adam, SGD, and an optimizer of torch is of one class".into(),
        ),
        (
            vec![Group::new(Adam::default(), [CpuParam { lr_scale: 0.5, ..CpuParam::new("w", &[2]) }])],
            "w: its lr_scale is 0.5; give it a group of its own, with that learning rate".into(),
        ),
    ];
    for (groups, words) in rows {
        says(bytes(groups, Options::default())?, &words)?;
    }
    says(bytes(adam(), Options { lookahead: Some(Lookahead::default()), ..Default::default() })?, "w: torch has no Lookahead")?;
    let pending = bytes(adam(), Options { micro_batches: MicroBatches::Sum, ..Default::default() })?;
    says(pending, "w: gradients of 1 micro-batches wait for a step; take the checkpoint after it")
}

/// Files that are cut short, and files of which any byte of the header is another.
fn survives_any_bytes() -> Outcome {
    let (dict, like) = adam()?;
    let bytes = dict.bytes()?;
    for len in 0..bytes.len() {
        assert!(torch_state::from_bytes(&bytes[..len], &like).is_err(), "of {} bytes the first {len} were taken", bytes.len());
    }
    let header = 8 + u64::from_le_bytes(*bytes.first_chunk().ok_or("no header")?) as usize;
    let mut random = Random(1);
    for _ in 0..20_000 {
        let mut other = bytes.clone();
        let place = (random.uniform() * header as f64) as usize;
        other[place] = (random.uniform() * 256.0) as u8;
        let _ = torch_state::from_bytes(&other, &like);
    }
    Ok(())
}
