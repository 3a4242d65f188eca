//! Running the example.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::document::assert_shape;

/// One run of the example, with a directory of its own.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) good: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) picture: PathBuf,
}

/// The example, to be run in `directory`.
pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_generate"));
    command.current_dir(directory);
    command
}

/// Runs it with `--out …` and these arguments; `name` is the test's.
pub(crate) fn run(name: &str, arguments: &[&str]) -> Run {
    let directory = directory(name);
    let picture = directory.join("picture.png");
    let output = command(&directory)
        .arg("--out")
        .arg(&picture)
        .args(arguments)
        .output()
        .expect("the example can be started");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run {
        good: output.status.success(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        picture,
    }
}

/// An empty directory.
pub(crate) fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("generate")
        .join(name);
    if directory.exists() {
        std::fs::remove_dir_all(&directory).expect("ours to remove");
    }
    std::fs::create_dir_all(&directory).expect("a place for files");
    directory
}

impl Run {
    /// The document on stdout, which holds nothing else.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// It went well, and this is the document.
    pub(crate) fn good_document(&self) -> Value {
        assert!(self.good, "{self:?}");
        let document = self.document();
        assert_shape(&document);
        assert_eq!(document["class"], "Delivered");
        assert_eq!(document["ledger_matches_oracle"], true);
        document
    }

    /// It went wrong, and stderr says all of this.
    pub(crate) fn assert_says(&self, words: &[&str]) {
        assert!(!self.good, "{self:?}");
        for word in words {
            assert!(
                self.stderr.contains(word),
                "{word:?} is missing: {}",
                self.stderr
            );
        }
        assert!(!self.picture.exists());
    }

    /// Width and height of the picture on disk, and its length.
    pub(crate) fn written(&self) -> (usize, usize, u64) {
        let size = imagesize::size(&self.picture).expect("a picture");
        let length = std::fs::metadata(&self.picture).expect("a file").len();
        (size.width, size.height, length)
    }
}
