//! What a checkpoint says of itself, contradicting its tensors, itself, or what there can be.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::reading::{read, read_within, refused};
use super::taken_apart::{KEY, TakenApart, of_header};
use crate::context::Outcome;

pub fn trials() -> Vec<Trial> {
    let row = |name: &str, run: fn() -> Outcome| Trial::test(format!("checkpoints/metadata/{name}"), run);
    vec![
        row("versions", versions),
        row("each-member-missing-or-of-another-kind", members),
        row("groups", groups),
        row("names", names),
        row("keys", keys),
        row("shapes", shapes),
        row("shapes-without-values", shapes_without_values),
        row("text", text),
        row("of-another-program", of_another_program),
        row("lists-that-take-memory", lists_that_take_memory),
    ]
}

/// With a change of what it says.
fn said(change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut apart = TakenApart::new();
    change(&mut apart.head);
    apart.bytes()
}

fn versions() -> Outcome {
    for version in [2, u64::from(u32::MAX), u64::MAX] {
        let words = format!("it has version {version} of the format, this crate reads up to 1");
        refused("later", &said(|head| head["version"] = json!(version)), &words)?;
    }
    // A later version may have nothing of this one.
    let later = TakenApart::new().bytes_with("{\"tree\":[1],\"version\":3}");
    refused("without the rest", &later, "version 3")?;
    refused("earlier", &said(|head| head["version"] = json!(0)), "it has version 0 of the format")?;
    for version in [json!(-1), json!(1.5), json!(1e30), json!("1"), json!([1]), Value::Null] {
        refused("no version", &said(|head| head["version"] = version.clone()), "its metadata")?;
    }
    Ok(())
}

/// Every member, however deep, whether missing, null, a text, a list, an object, negative or too large.
fn members() -> Outcome {
    let whole = TakenApart::new();
    let mut paths = Vec::new();
    list(&whole.head, "", &mut paths);
    assert!(paths.len() > 50, "{paths:?}");
    for path in &paths {
        let (parent, name) = path.rsplit_once('/').ok_or("it is a path")?;
        for other in [None, Some(json!(null)), Some(json!([[]])), Some(json!({ "a": {} })), Some(json!(-1)), Some(json!(1e300))] {
            let bytes = said(|head| {
                let member = head.pointer_mut(parent);
                match (member, other.clone()) {
                    (Some(Value::Object(members)), Some(other)) => drop(members.insert(name.into(), other)),
                    (Some(Value::Object(members)), None) => drop(members.remove(name)),
                    (Some(Value::Array(list)), other) => list[name.parse().unwrap_or(0)] = other.unwrap_or_default(),
                    _ => panic!("{path} is not there"),
                }
            });
            // Settings and notes are any texts.
            let free = ["/notes/", "/options/", "/groups/", "/settings/"].iter().any(|list| path.contains(list));
            match read(&bytes) {
                Ok(_) if free && other.is_none() => {}
                Ok(_) => return Err(format!("{path} may be {other:?}").into()),
                Err(_) => {}
            }
        }
    }
    Ok(())
}

fn list(value: &Value, path: &str, paths: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), member)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(index, member)| (index.to_string(), member)).collect(),
        _ => vec![],
    };
    for (name, member) in members {
        paths.push(format!("{path}/{name}"));
        list(member, &format!("{path}/{name}"), paths);
    }
}

fn groups() -> Outcome {
    for group in [2, 7, u32::MAX as usize, usize::MAX] {
        let bytes = said(|head| head["outline"]["params"][0]["group"] = json!(group));
        refused("a group", &bytes, &format!("fc.weight is of group {group}, and there are 2"))?;
    }
    refused("no groups", &said(|head| head["outline"]["groups"] = json!([])), "fc.weight is of group 0, and there are 0")
}

fn names() -> Outcome {
    let params = |change: fn(&mut Vec<Value>)| said(|head| head["outline"]["params"].as_array_mut().into_iter().for_each(change));
    refused("twice", &params(|params| params.push(params[0].clone())), "fc.weight is there twice")?;
    refused("renamed", &params(|params| params[1]["name"] = json!("fc.weight")), "fc.weight is there twice")?;
    refused("renamed", &params(|params| params[1]["name"] = json!("fc.gain")), "fc.gain/")?;
    refused("fewer", &params(|params| drop(params.pop())), "tensors")?;
    refused(
        "more",
        &params(|params| {
            params.push({
                let mut param = params[0].clone();
                param["name"] = json!("a");
                param
            })
        }),
        "a/",
    )?;
    refused("none", &params(Vec::clear), "tensors")
}

/// Two of a parameter's tensors by one name, so that the number of tensors is right, but one of them is nobody's.
fn keys() -> Outcome {
    for key in ["exp_avg", "value"] {
        let bytes = said(|head| head["outline"]["params"][0]["lanes"][1]["key"] = json!(key));
        refused(key, &bytes, &format!("fc.weight/{key} is there twice"))?;
    }
    for key in ["steps", "pending", "scalars", "hyper", "", "a", "a/b"] {
        refused(key, &said(|head| head["outline"]["params"][0]["lanes"][1]["key"] = json!(key)), &format!("fc.weight/{key} is"))?;
    }
    // The tensor of another parameter: "fc" and "weight/exp_avg".
    let bytes = said(|head| {
        let lane = head["outline"]["params"][0]["lanes"][0].clone();
        head["outline"]["params"][2] = json!({
            "name": "fc", "shape": [2, 3], "group": 1, "scalars": 0, "settings": {},
            "lanes": [{ "key": "weight/exp_avg", "shape": lane["shape"] }],
        });
    });
    refused("another's", &bytes, "")
}

fn shapes() -> Outcome {
    let others = [json!([]), json!([6]), json!([3, 2]), json!([2, 3, 1]), json!([u64::MAX]), json!([1_u64 << 40, 1_u64 << 40]), json!([0])];
    for shape in others {
        for path in ["/outline/params/0/shape", "/outline/params/0/lanes/0/shape", "/outline/params/2/lanes/0/shape"] {
            let bytes = said(|head| head.pointer_mut(path).into_iter().for_each(|member| *member = shape.clone()));
            refused(path, &bytes, "of shape")?;
        }
    }
    for scalars in [0, 2, 1 << 40, u64::MAX] {
        refused("scalars", &said(|head| head["outline"]["params"][0]["scalars"] = json!(scalars)), "fc.weight/scalars is")?;
    }
    Ok(())
}

/// Nothing but the states says what shapes may be.
fn shapes_without_values() -> Outcome {
    let mut whole = TakenApart::new();
    // They lie in the order of their names, so the values of `head` are the last of the numbers that are f32.
    let values: Vec<String> = whole.tensors.keys().filter(|name| name.ends_with("/value")).cloned().collect();
    whole.remove(&values);
    read(&whole.bytes())?;
    let others = [json!([]), json!([6]), json!([3, 2]), json!([4, 3]), json!([2, 3, 1]), json!([1_u64 << 40, 1_u64 << 40]), json!([0])];
    for shape in others {
        let mut apart = whole.clone();
        apart.head["outline"]["params"][0]["shape"] = shape.clone();
        refused(&shape.to_string(), &apart.bytes(), "of shape")?;
    }
    // Nothing is kept of it: any shape whose elements can be counted.
    let states: Vec<String> = whole.tensors.keys().filter(|name| name.starts_with("fc.bias/exp")).cloned().collect();
    whole.remove(&states);
    whole.head["outline"]["params"][1]["lanes"] = json!([]);
    read(&whole.bytes())?;
    for shape in [json!([u64::MAX, 2]), json!([1_u64 << 32, 1_u64 << 32])] {
        whole.head["outline"]["params"][1]["shape"] = shape.clone();
        refused(&shape.to_string(), &whole.bytes(), "fc.bias")?;
    }
    Ok(())
}

fn text() -> Outcome {
    let whole = TakenApart::new();
    let head = whole.head.to_string();
    let deep = ["[".repeat(100_000), "{\"a\":".repeat(100_000), format!("{{\"version\":{}", "[".repeat(100_000))];
    let others = ["", " ", "null", "[]", "{}", "{", "1", "\"\"", "{\"version\":1}", "\u{0}", "\u{feff}{}"].map(str::to_owned);
    for text in others.into_iter().chain(deep).chain((0..head.len()).map(|len| head[..len].to_owned())) {
        refused("another text", &whole.bytes_with(&text), "")?;
    }
    let twice = head.replacen('{', "{\"step\":1,", 1);
    refused("a member twice", &whole.bytes_with(&twice), "duplicate field")?;
    refused("more than it", &whole.bytes_with(&format!("{head}{head}")), "its metadata")
}

fn of_another_program() -> Outcome {
    let words = "it has no metadata by the key wgpu-optim, so it is of another program";
    let whole = TakenApart::new();
    for metadata in [None, Some(json!({})), Some(json!({ "format": "pt" })), Some(json!({ "wgpu": "", "wgpu-optim ": "" }))] {
        let mut tensors = whole.tensors.clone();
        tensors.extend(metadata.map(|metadata| ("__metadata__".to_owned(), metadata)));
        refused("another", &of_header(&json!(tensors).to_string(), &whole.data), words)?;
    }
    refused("nothing", &of_header("{}", &[]), words)?;
    for metadata in [json!(null), json!(1), json!([]), json!({ KEY: 1 }), json!({ KEY: null }), json!({ KEY: {} }), json!("")] {
        let mut tensors = whole.tensors.clone();
        tensors.insert("__metadata__".into(), metadata);
        refused("another", &of_header(&json!(tensors).to_string(), &whole.data), "")?;
    }
    for trace in std::fs::read_dir(crate::files::file("tests/traces"))?.flatten().take(20) {
        if trace.path().extension().is_some_and(|extension| extension == "safetensors") {
            refused("a trace", &std::fs::read(trace.path())?, words)?;
        }
    }
    Ok(())
}

/// A megabyte each of what takes most memory for its length.
fn lists_that_take_memory() -> Outcome {
    let whole = TakenApart::new();
    let list = |of: &str| format!("[{}{of}]", format!("{of},").repeat(1_000_000 / (of.len() + 1)));
    let with = |path: &str, text: &str| {
        let mut head = whole.head.clone();
        head.pointer_mut(path).into_iter().for_each(|member| *member = json!("HERE"));
        whole.bytes_with(&head.to_string().replacen("\"HERE\"", text, 1))
    };
    for of in ["0", "[]", "{}", "\"\"", "1e9", "[[0]]"] {
        for path in ["/version", "/step", "/notes", "/outline", "/outline/params", "/outline/params/0/shape"] {
            refused(path, &with(path, &list(of)), "")?;
        }
        // A group of no settings takes 24 bytes, and its text 3.
        assert!(read_within(24, &with("/outline/groups", &list(of))).is_err());
        // What is not known is left out.
        let more = whole.head.to_string().replacen('{', &format!("{{\"more\":{},", list(of)), 1);
        read(&whole.bytes_with(&more))?;
        let tensor = |member: &str| format!("{{\"t\":{{\"dtype\":\"F32\",\"data_offsets\":[0,0],\"{member}\":{}}}}}", list(of));
        for header in
            [tensor("shape"), tensor("more"), format!("{{\"t\":{}}}", list(of)), format!("{{\"__metadata__\":{}}}", list(of)), list(of)]
        {
            refused("a header", &of_header(&header, &[]), "")?;
        }
    }
    Ok(())
}
