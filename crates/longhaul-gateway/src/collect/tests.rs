use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::json;

use super::files;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand what follows";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0 and what follows";

#[test]
fn every_picture_of_an_answer_is_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("new").join("folder");
    let data = format!("data:image/jpeg;base64,{}", STANDARD.encode(JPEG));
    let answer = json!({
        "data": [{ "b64_json": STANDARD.encode(PNG) }, { "url": "https://cdn.example.com/1.png" }],
        "output": [{ "result": data }, { "text": "no picture, and long enough" }],
    });
    let answer = Bytes::from(answer.to_string());
    let written = files::write(&folder, "operation-1", &answer).unwrap();
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert_eq!(read("operation-1-1.png"), PNG);
    assert_eq!(read("operation-1-2.jpg"), JPEG);
    assert_eq!(read("operation-1.json"), answer);
    assert_eq!(written.pictures.len(), 2);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);

    #[cfg(unix)]
    for file in std::fs::read_dir(&folder).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn an_answer_that_is_no_json_is_kept_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let page = Bytes::from_static(b"<html>");
    let written = files::write(folder.path(), "operation-1", &page).unwrap();
    assert_eq!(written.answer, folder.path().join("operation-1.answer"));
    assert_eq!(std::fs::read(written.answer).unwrap(), page);
    assert_eq!(written.pictures.len(), 0);
}

#[test]
fn pictures_behind_a_byte_order_mark_are_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let answer = json!({ "data": [{ "b64_json": STANDARD.encode(PNG) }] });
    let answer = Bytes::from(format!("\u{feff}{answer}"));
    let written = files::write(folder.path(), "operation-1", &answer).unwrap();
    assert_eq!(written.pictures.len(), 1);
    assert_eq!(std::fs::read(&written.pictures[0]).unwrap(), PNG);
    assert_eq!(written.answer, folder.path().join("operation-1.json"));
    assert_eq!(std::fs::read(written.answer).unwrap(), answer);
}
