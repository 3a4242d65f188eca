//! Finds fields in JSON without copying it and without building a tree.
//!
//! What no field's path leads to is skipped: a reference image of 20 MB costs one look at it and no memory.

mod fields;
#[cfg(test)]
mod tests;

use std::str;

use smallvec::SmallVec;

pub(super) use self::fields::{Field, Fields, Spelling};
use super::{facts::RequestFacts, value::RequestValue};
use crate::body::{JsonScanner, JsonToken};

/// Reads what `fields` find in `json` into `facts`; `true` if it is one whole, sound object.
///
/// What was found before something unsound stays found.
pub(super) fn read(json: &[u8], fields: &Fields, facts: &mut RequestFacts) -> bool {
    // An object and nothing else: the lists that a field's path lets pass are inside.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return false;
    }
    let (text, is_utf8) = match str::from_utf8(json) {
        Ok(text) => (text.as_bytes(), true),
        Err(error) => (&json[..error.valid_up_to()], false),
    };
    let mut finder = FieldFinder::new(fields, facts);
    let mut scanner = JsonScanner::strict();
    scanner.data(text, |_, token| finder.token(token));
    is_utf8 && scanner.is_sound() && !finder.is_lost
}

/// Whatever is longer is an image or a prompt, and no second look is taken at what it says.
const LONGEST_TEXT: usize = 512;

/// As deep as `serde_json` nests. What is skipped may be nested deeper.
const DEEPEST: usize = 127;

/// Follows the paths of the fields through a document.
struct FieldFinder<'a> {
    facts: &'a mut RequestFacts,
    /// Where the brackets stand that are open, outermost first, but for those that are skipped; and whether each is a list.
    open: Vec<(JsonPlace<'a>, bool)>,
    /// So many brackets are open in what is skipped.
    skipped: usize,
    /// Where the value stands that comes next.
    next: JsonPlace<'a>,
    in_key: bool,
    /// As much of the text that is passing as is looked at.
    text: SmallVec<[u8; 64]>,
    too_long: bool,
    /// A value in a field is none that a server could hold.
    is_lost: bool,
}

/// Where a value stands: so many keys lead to it, which are the first of the paths of these fields, spelled so.
#[derive(Clone, Default)]
struct JsonPlace<'a> {
    keys: usize,
    fields: SmallVec<[(&'a Field, Spelling); 4]>,
}

impl<'a> FieldFinder<'a> {
    fn new(fields: &'a Fields, facts: &'a mut RequestFacts) -> Self {
        let root = JsonPlace {
            keys: 0,
            fields: fields
                .iter()
                .map(|field| (field, Spelling::Known))
                .collect(),
        };
        Self {
            facts,
            open: Vec::new(),
            skipped: 0,
            next: root,
            in_key: false,
            text: SmallVec::new(),
            too_long: false,
            is_lost: false,
        }
    }

    fn token(&mut self, token: JsonToken<'_>) {
        match token {
            JsonToken::Open { object } => self.open(object),
            JsonToken::Close if self.skipped > 0 => self.skipped -= 1,
            JsonToken::Close => {
                self.open.pop();
                // In an object its key says where the next value stands.
                if let Some((place, true)) = self.open.last() {
                    self.next = place.clone();
                }
            }
            _ if self.skipped > 0 => {}
            JsonToken::TextBegins { key } => {
                self.in_key = key;
                self.text.clear();
                self.too_long = false;
            }
            JsonToken::Text(piece) => self.text(piece),
            JsonToken::TextEnds if self.in_key => self.next = self.led_on(),
            JsonToken::TextEnds => {
                let text = std::mem::take(&mut self.text);
                match str::from_utf8(&text) {
                    Ok(text) if !self.too_long => self.take(RequestValue::Text(text)),
                    _ => self.take(RequestValue::Other),
                }
            }
            // `null` says as much as nothing.
            JsonToken::Literal("null") => {}
            JsonToken::Literal("true") => self.take(RequestValue::Bool(true)),
            JsonToken::Literal("false") => self.take(RequestValue::Bool(false)),
            JsonToken::Literal(number) if !self.next.fields.is_empty() => match value_of(number) {
                Some(value) => self.take(value),
                None => self.is_lost = true,
            },
            JsonToken::Literal(_) => {}
        }
    }

    fn open(&mut self, object: bool) {
        if self.next.fields.is_empty() || self.skipped > 0 {
            self.skipped += 1;
            return;
        }
        if self.open.len() == DEEPEST {
            self.is_lost = true;
            self.skipped += 1;
            return;
        }
        if object {
            self.take(RequestValue::Other);
            let JsonPlace { keys, mut fields } = std::mem::take(&mut self.next);
            fields.retain(|(field, _)| !field.ends_at(keys));
            self.open.push((JsonPlace { keys, fields }, false));
        } else {
            self.take(RequestValue::List);
            self.open.push((self.next.clone(), true));
        }
    }

    fn text(&mut self, piece: &[u8]) {
        if self.in_key || !self.next.fields.is_empty() {
            let room = LONGEST_TEXT - self.text.len();
            self.too_long |= piece.len() > room;
            self.text.extend_from_slice(&piece[..piece.len().min(room)]);
        }
    }

    /// Where the value of the key stands that has passed.
    fn led_on(&self) -> JsonPlace<'a> {
        let Some((object, _)) = self.open.last().filter(|_| !self.too_long) else {
            return JsonPlace::default();
        };
        let led = object.fields.iter().filter_map(|(field, so_far)| {
            let spelling = field.spelling(object.keys, &self.text)?;
            Some((*field, spelling.max(*so_far)))
        });
        JsonPlace {
            keys: object.keys + 1,
            fields: led.collect(),
        }
    }

    /// Gives `value` to the fields that end here.
    fn take(&mut self, value: RequestValue<'_>) {
        for (field, spelling) in &self.next.fields {
            if field.ends_at(self.next.keys) {
                field.take(self.facts, value, *spelling);
            }
        }
    }
}

/// What a number says; `None` if no server could hold it. Readers in many languages take `2.0` for 2.
fn value_of(number: &str) -> Option<RequestValue<'static>> {
    if let Ok(count) = number.parse() {
        return Some(RequestValue::Number(count));
    }
    let number: f64 = number
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())?;
    let is_whole = number.fract() == 0.0 && (0.0..1e15).contains(&number);
    Some(if is_whole {
        RequestValue::Number(number as u64)
    } else {
        RequestValue::Other
    })
}
