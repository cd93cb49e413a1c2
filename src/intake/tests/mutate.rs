//! Messages that were changed at random: in their bytes, in their structure, or put together from two.

use serde_json::{Map, Value, json};

/// SplitMix64: the same numbers for the same seed, on every machine.
#[derive(Clone)]
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`; 0 for 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { usize::try_from(self.next() % end as u64).expect("below a usize") }
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Texts that mean something to a parser of these messages.
const WORDS: [&str; 26] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e309",
    "\\u0000",
    "\\ud800",
    "\u{202e}",
    "i-0a1b2c3d4e5f60718",
    "AwsEc2Instance",
    "arn:aws:ec2:eu-central-1:211122223344:instance/i-00c0ffee",
    "\"Id\":",
    "\"detail-type\":",
    "2026-03-02T09:15:30Z",
    "[SAMPLE]",
    "SUPPRESSED",
    "Findings Imported V2",
    ":action/custom/",
    "aws-cn",
    "\u{feff}",
];

/// One message made from `seeds`, a text and its JSON each.
pub fn message(seeds: &[(String, Value)], numbers: &mut Numbers) -> String {
    let (text, json) = numbers.pick(seeds).clone();
    if numbers.below(2) == 0 {
        let mut bytes = text.into_bytes();
        for _ in 0..=numbers.below(4) {
            change_bytes(&mut bytes, seeds, numbers);
        }
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    let mut event = json;
    for _ in 0..=numbers.below(4) {
        let other = numbers.pick(seeds).1.clone();
        change_structure(&mut event, &other, numbers);
    }
    event.to_string()
}

fn change_bytes(bytes: &mut Vec<u8>, seeds: &[(String, Value)], numbers: &mut Numbers) {
    let at = numbers.below(bytes.len() + 1);
    let end = (at + numbers.below(40)).min(bytes.len());
    match numbers.below(8) {
        0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
        1 => drop(bytes.drain(at..end)),
        2 if numbers.below(8) == 0 => bytes.truncate(at),
        3 => drop(bytes.splice(at..at, numbers.pick(&WORDS).bytes())),
        4 => drop(bytes.splice(at..end, numbers.pick(&WORDS).bytes())),
        5 => {
            let again = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, again));
        }
        6 => {
            let other = numbers.pick(seeds).0.as_bytes();
            let from = numbers.below(other.len());
            let until = (from + numbers.below(400)).min(other.len());
            drop(bytes.splice(at..end, other[from..until].iter().copied()));
        }
        _ => bytes.insert(at, u8::try_from(numbers.below(256)).expect("a byte")),
    }
}

fn change_structure(event: &mut Value, other: &Value, numbers: &mut Numbers) {
    let chosen = numbers.below(count(event));
    let taken = nth(&mut other.clone(), &mut { numbers.below(count(other)) }).map(|value| value.take());
    let Some(place) = nth(event, &mut { chosen }) else { return };
    match (numbers.below(7), &mut *place) {
        (0, Value::Object(fields)) => remove(fields, numbers),
        (1, Value::Object(fields)) => rename(fields, numbers),
        (2, Value::Array(list)) if !list.is_empty() => {
            let at = numbers.below(list.len());
            list.insert(at, list[numbers.below(list.len())].clone());
        }
        (3, Value::Array(list)) if !list.is_empty() => drop(list.remove(numbers.below(list.len()))),
        (4, Value::Array(list)) => {
            let by = numbers.below(list.len());
            list.rotate_left(by);
        }
        (5, Value::String(text)) => {
            let at = text.char_indices().nth(numbers.below(text.len() + 1)).map_or(text.len(), |(at, _)| at);
            let word: &&str = numbers.pick(&WORDS);
            text.insert_str(at, word);
        }
        (0..=3, place) => *place = strange(numbers),
        (_, place) => *place = taken.unwrap_or(Value::Null),
    }
}

fn remove(fields: &mut Map<String, Value>, numbers: &mut Numbers) {
    let name = fields.keys().nth(numbers.below(fields.len())).cloned();
    drop(name.and_then(|name| fields.remove(&name)));
}

fn rename(fields: &mut Map<String, Value>, numbers: &mut Numbers) {
    let name = fields.keys().nth(numbers.below(fields.len())).cloned();
    if let Some(value) = name.and_then(|name| fields.remove(&name)) {
        fields.insert((*numbers.pick(&WORDS)).to_owned(), value);
    }
}

fn strange(numbers: &mut Numbers) -> Value {
    match numbers.below(9) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(numbers.next()),
        3 => json!(-0.5),
        4 => json!({}),
        5 => json!([]),
        6 => json!({ "sample": true }),
        7 => json!("x".repeat(numbers.below(3_000))),
        _ => json!(numbers.pick(&WORDS)),
    }
}

/// How many values there are, itself among them.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// The `left`-th of them.
fn nth<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|entry| nth(entry, left)),
        Value::Object(fields) => fields.values_mut().find_map(|entry| nth(entry, left)),
        _ => None,
    }
}
