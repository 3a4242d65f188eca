//! Finds fields in JSON without copying it and without building a tree.
//!
//! What no field's path leads to is skipped: a reference image of 20 MB costs one look at it and no memory. A text in a
//! field is seen where it lies; it is copied, for that moment, only if it has escapes in it.

mod fields;
mod reader;
mod scan;
#[cfg(test)]
mod tests;

pub(super) use self::fields::{Field, Fields, Spelling};
use self::{
    fields::Mask,
    reader::{Malformed, Reader},
};
use super::facts::{RequestFacts, RequestValue};

/// Reads what `fields` find in `json` into `facts`; `true` if it is one whole, sound object.
///
/// What was found before something unsound stays found.
pub(super) fn read(json: &[u8], fields: &Fields, facts: &mut RequestFacts) -> bool {
    let mut walk = Walk {
        reader: Reader::new(json),
        fields,
        facts,
    };
    walk.document().is_ok()
}

/// Whatever is longer is an image or a prompt, and no second look is taken at what it says.
const LONGEST_TEXT: usize = 512;

/// As deep as `serde_json` nests. What is skipped may be nested deeper.
const DEEPEST: usize = 127;

/// Walks through a document.
struct Walk<'a, 'j> {
    reader: Reader<'j>,
    fields: &'a Fields,
    facts: &'a mut RequestFacts,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct JsonPlace {
    /// So many keys lead to it,
    depth: usize,
    /// which are the first of the paths of these fields.
    live: Mask,
    /// Those whose keys were not spelled as they should be: some servers read them, some do not.
    respelled: Mask,
    /// So many brackets are around it.
    nested: usize,
}

impl JsonPlace {
    /// Inside of a further bracket.
    fn inside(self) -> Result<Self, Malformed> {
        let nested = self.nested + 1;
        if nested > DEEPEST {
            return Err(Malformed);
        }
        Ok(Self { nested, ..self })
    }
}

impl Walk<'_, '_> {
    fn document(&mut self) -> Result<(), Malformed> {
        let root = JsonPlace {
            depth: 0,
            live: Mask::all(self.fields.all.len()),
            respelled: Mask::default(),
            nested: 0,
        };
        // An object and nothing else: the lists that a walk lets pass are inside.
        self.object(root)?;
        self.reader.end()
    }

    fn value(&mut self, place: JsonPlace) -> Result<(), Malformed> {
        match self.reader.peek()? {
            b'{' => self.object(place)?,
            b'[' => self.list(place)?,
            b'"' => {
                let text = self.reader.text()?;
                if text.len() > LONGEST_TEXT {
                    self.take(place, RequestValue::Other);
                } else {
                    self.take(place, RequestValue::Text(&text.read()?));
                }
            }
            // `null` says as much as nothing.
            b'n' => self.reader.word("null")?,
            b't' => {
                self.reader.word("true")?;
                self.take(place, RequestValue::Bool(true));
            }
            b'f' => {
                self.reader.word("false")?;
                self.take(place, RequestValue::Bool(false));
            }
            _ => {
                let number = value_of(self.reader.number()?)?;
                self.take(place, number);
            }
        }
        Ok(())
    }

    fn object(&mut self, place: JsonPlace) -> Result<(), Malformed> {
        let mut more = self.reader.open(b'{', b'}')?;
        let inside = place.inside()?;
        let live = self.take(place, RequestValue::Other);
        while more {
            let key = self.reader.key()?.bytes()?;
            let (led, odd) = self.led_on(place.depth, live, &key);
            if led.is_empty() {
                self.reader.skip()?;
            } else {
                self.value(JsonPlace {
                    depth: place.depth + 1,
                    live: led,
                    respelled: Mask(place.respelled.0 & led.0 | odd.0),
                    ..inside
                })?;
            }
            more = self.reader.more(b'}')?;
        }
        Ok(())
    }

    fn list(&mut self, place: JsonPlace) -> Result<(), Malformed> {
        let mut more = self.reader.open(b'[', b']')?;
        let inside = place.inside()?;
        self.take(place, RequestValue::List);
        while more {
            self.value(inside)?;
            more = self.reader.more(b']')?;
        }
        Ok(())
    }

    /// Gives `value` to the fields that end here; returned are those that lead deeper.
    fn take(&mut self, place: JsonPlace, value: RequestValue<'_>) -> Mask {
        let mut deeper = Mask::default();
        for at in place.live.iter() {
            let field = &self.fields.all[at];
            if !field.ends_at(place.depth) {
                deeper = deeper.with(at);
                continue;
            }
            let spelling = if place.respelled.has(at) {
                Spelling::Odd
            } else {
                Spelling::Known
            };
            field.take(self.facts, value, spelling);
        }
        deeper
    }

    /// The fields that a key leads on to, and those among them for which it is oddly spelled.
    fn led_on(&self, depth: usize, live: Mask, key: &[u8]) -> (Mask, Mask) {
        let mut led = (Mask::default(), Mask::default());
        for at in self.fields.candidates(depth, live, key).iter() {
            if let Some(spelling) = self.fields.all[at].spelling(depth, key) {
                led.0 = led.0.with(at);
                if spelling == Spelling::Odd {
                    led.1 = led.1.with(at);
                }
            }
        }
        led
    }
}

/// What a number says; unsound if no server could hold it.
fn value_of(number: &str) -> Result<RequestValue<'static>, Malformed> {
    if let Ok(count) = number.parse() {
        return Ok(RequestValue::Number(count));
    }
    let is_finite = number.parse::<f64>().is_ok_and(f64::is_finite);
    if is_finite {
        Ok(RequestValue::Other)
    } else {
        Err(Malformed)
    }
}
