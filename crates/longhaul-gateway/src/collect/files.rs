//! An answer on the disk: its document, and the pictures in it as files that can be looked at.
//!
//! A person looks at the folder after a crash: so each picture is a file with its own ending, beside the document
//! that the provider sent. Names are the operation and the attempt: whoever has a line of the ledger finds the files.
//!
//! The document is written last, each file under another name first and then moved, and folder and file are synced: a
//! document that is there says that everything that belongs to it is there too.
//!
//! Tests: `every_picture_of_an_answer_is_a_file_of_its_own`, `an_answer_that_is_no_json_is_kept_as_it_came`.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use longhaul::body::behind_mark;
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
///
/// Files of the same names are replaced: the same task may be collected twice.
pub(super) fn write(folder: &Path, name: &str, answer: &Bytes) -> io::Result<Written> {
    make(folder)?;
    let document: Option<Value> = serde_json::from_slice(behind_mark(answer)).ok();
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

/// 0700: the pictures belong to callers.
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
///
/// Dialects put pictures in a dozen places. Looking at each string costs nothing beside the disk, and finds those of
/// a dialect that is added later.
fn find(value: &Value, found: &mut Vec<(&'static str, Vec<u8>)>) {
    match value {
        Value::String(text) => found.extend(picture(text)),
        Value::Array(items) => items.iter().for_each(|item| find(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| find(field, found)),
        _ => {}
    }
}

/// Base64, with or without `data:image/…;base64,` before it. PNG, JPEG and WebP by their first bytes; 16 characters
/// are twelve bytes, as many as the longest of the three marks.
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
