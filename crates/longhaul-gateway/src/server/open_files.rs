//! A thousand callers that wait for pictures are two thousand sockets; a shell's usual limit is 1,024 files.

/// Lets this process open as many files as the system allows it at most: each call that waits takes two, and what a shell
/// allows is often a thousand. Changes nothing where that is not allowed, or where the system knows no such limit.
///
/// To be called at the start of the program, before anything is bound. Nothing is raised above the hard limit, which
/// is the administrator's.
pub fn open_more_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};

        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // As before, then: connections beyond the limit wait until others are gone.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
