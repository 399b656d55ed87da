//! Copies of functions with numbers behind their names, so that there is one for each pair of arrays.

/// The text with a number behind the name of each function that it defines.
pub(super) fn numbered(text: &str, number: usize) -> String {
    let name = |at: usize| text[at..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    let defined: Vec<&str> = text.match_indices("fn ").map(|(at, keyword)| name(at + keyword.len())).collect();
    let mut result = String::with_capacity(2 * text.len());
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let word = name(at);
        result.push_str(word);
        at += word.len();
        if word.is_empty() {
            result.push(character);
            at += character.len_utf8();
        } else if text[at..].starts_with('(') && defined.contains(&word) {
            result += &format!("_{number}");
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn functions_that_a_text_defines_get_a_number_wherever_it_calls_them() {
        let text =
            "// Calls load.\nfn load(at: u32) -> f32 {\n    return other(at) + load_all[at];\n}\nfn run() {\n    let load = load(1u);\n}\n";
        let expected = "// Calls load.\nfn load_7(at: u32) -> f32 {\n    return other(at) + load_all[at];\n}\nfn run_7() {\n    let load = load_7(1u);\n}\n";
        assert_eq!(numbered(text, 7), expected);
    }
}
