/// Lets this process open as many files as the system allows it at most: each call that waits takes two, and what a shell
/// allows is often a thousand. Changes nothing where that is not allowed, or where the system knows no such limit.
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
