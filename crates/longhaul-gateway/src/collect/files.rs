//! An answer on the disk: its document, and the pictures in it as files that can be looked at.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;
use tempfile::NamedTempFile;

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Written {
    /// The answer as it came.
    pub(super) answer: PathBuf,
    /// The pictures in it. Those that an answer only links to are left as links.
    pub(super) pictures: Vec<PathBuf>,
}

/// Writes `answer` into `folder`, which is made where there is none, for nobody but this user to read.
pub(super) fn write(folder: &Path, name: &str, answer: &Bytes) -> io::Result<Written> {
    make(folder)?;
    let document: Option<Value> = serde_json::from_slice(answer).ok();
    let mut written = Written::default();
    let mut found = Vec::new();
    if let Some(document) = &document {
        find(document, &mut found);
    }
    for (index, (ending, picture)) in found.iter().enumerate() {
        let path = folder.join(format!("{name}-{}.{ending}", index + 1));
        write_file(folder, &path, picture)?;
        written.pictures.push(path);
    }
    // The document last: where it is, all of it is.
    let ending = if document.is_some() { "json" } else { "answer" };
    written.answer = folder.join(format!("{name}.{ending}"));
    write_file(folder, &written.answer, answer)?;
    Ok(written)
}

fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Whole or not at all, and on the disk when it returns.
fn write_file(folder: &Path, path: &Path, contents: &[u8]) -> io::Result<()> {
    // Made with 0600.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(folder)?.sync_all()
}

/// Every string that holds a picture, wherever it stands.
fn find(value: &Value, found: &mut Vec<(&'static str, Vec<u8>)>) {
    match value {
        Value::String(text) => found.extend(picture(text)),
        Value::Array(items) => items.iter().for_each(|item| find(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| find(field, found)),
        _ => {}
    }
}

fn picture(text: &str) -> Option<(&'static str, Vec<u8>)> {
    let text = match text.strip_prefix("data:image/") {
        Some(rest) => rest.split_once(";base64,")?.1,
        None => text,
    };
    // The first bytes tell, so that no long text is turned over for nothing.
    let beginning = STANDARD.decode(text.get(..16)?).ok()?;
    let ending = match beginning.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [0xff, 0xd8, 0xff, ..] => "jpg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => "webp",
        _ => return None,
    };
    Some((ending, STANDARD.decode(text).ok()?))
}
