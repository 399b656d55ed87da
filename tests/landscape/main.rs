//! What `examples/landscape` draws: its gradients against finite differences, its noise against a twin, its trails against steps by hand,
//! its lines against shapes that are known.

#[path = "../../examples/landscape/contenders.rs"]
mod contenders;
#[path = "../../examples/landscape/contours.rs"]
mod contours;
#[path = "../../examples/landscape/field/mod.rs"]
mod field;
#[path = "../../examples/landscape/functions.rs"]
#[allow(dead_code, reason = "a title needs no test")]
mod functions;
#[path = "../../examples/landscape/lines.rs"]
mod lines;

mod gradients;
mod noise;
mod shapes;

use wgpu_optim::rules;

#[test]
fn every_rule_is_a_contender() {
    let names: Vec<String> =
        rules::all().iter().map(|rule| rule.name().to_uppercase()).chain(["Momentum".into(), "nesterov".into()]).collect();
    let contenders = contenders::named(&names).unwrap();
    for (contender, rule) in contenders.iter().zip(rules::all()) {
        assert_eq!((contender.rule.name(), &contender.name), (rule.name(), &rule.name().to_lowercase()));
        assert!(!contender.title.is_empty());
    }
    assert_eq!(contenders.len(), rules::all().len() + 2);
}

#[test]
fn unknown_and_repeated_names_are_refused() {
    let message = contenders::named(&["adam".into(), "eve".into()]).unwrap_err();
    let names: Vec<String> = rules::all().iter().map(|rule| rule.name().to_lowercase()).collect();
    assert!(message.contains("\"eve\"") && names.iter().all(|name| message.contains(&**name)) && message.contains("nesterov"), "{message}");
    assert!(contenders::named(&["adam".into(), "Adam".into()]).unwrap_err().contains("twice"));
}
