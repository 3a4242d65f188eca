//! Somebody with fewer rights than a test may have.
//!
//! Two things need it: PostgreSQL refuses to run as root, and a test of file permissions proves nothing as root, who
//! may read everything. Containers and CI often run tests as root, so both find somebody else there.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::Path,
    process::Command,
};

/// Somebody who is not root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    /// The number of the user, as the kernel takes it.
    pub(crate) user: u32,
    /// The number of that user's first group.
    pub(crate) group: u32,
}

impl User {
    /// Somebody who is not root, where we are: `ours` is a file of ours.
    ///
    /// `None` where we are not root: then we are somebody with fewer rights already. `postgres` is preferred, since
    /// files may belong to it; else it is `nobody`.
    pub(crate) fn instead_of_root(ours: &Path) -> Option<Self> {
        if fs::metadata(ours).expect("it is ours").uid() != 0 {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").expect("everybody may read it");
        let named = |wanted: &str| {
            users.lines().find_map(|line| {
                let mut fields = line.split(':');
                let name = fields.next()?;
                let user = fields.nth(1)?.parse().ok()?;
                let group = fields.next()?.parse().ok()?;
                (name == wanted).then_some(Self { user, group })
            })
        };
        let found = named("postgres").or_else(|| named("nobody"));
        Some(found.expect("there is a user to drop to"))
    }

    /// Has the command run as this user.
    pub(crate) fn runs(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

/// A copy of `program` in `folder`, run by somebody who is not root: nobody else may look into the folder of a build.
///
/// # Panics
///
/// If there is no room for the copy.
///
/// Where we are not root it runs as ourselves. The folder has to be open to everybody, such as one under the system's
/// folder for temporary files.
///
/// ```no_run
/// let folder = tempfile::tempdir().unwrap();
/// let mut command = longhaul_testing::unprivileged("/usr/bin/id".as_ref(), folder.path());
/// assert!(command.status().unwrap().success());
/// ```
pub fn unprivileged(program: &Path, folder: &Path) -> Command {
    let copy = folder.join("program");
    // By a process of its own: a file that this one has open for writing, a program that another thread starts meanwhile
    // has open too, and what is open for writing cannot be run.
    let copied = Command::new("cp").arg(program).arg(&copy).status();
    assert!(copied.is_ok_and(|status| status.success()), "there is room");
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).expect("it is ours");
    let mut command = Command::new(copy);
    if let Some(user) = User::instead_of_root(folder) {
        user.runs(&mut command);
    }
    command
}
