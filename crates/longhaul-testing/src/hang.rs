//! A server that hangs: it takes connections, and says nothing more.
//!
//! Stopping a server's process would do the same, but needs a signal, and the tests of other threads that use the
//! server. A relay hangs for one test alone. It runs on threads and not on a runtime: a test with paused time must not
//! pause it.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

/// Stands before a server on loopback, and passes on what both sides say; while it [hangs](Self::hang), what they say
/// waits. No connection is cut, and further ones are taken, as by a server whose process is stopped or whose disk does
/// not answer.
///
/// A ledger whose database does not answer, for example:
///
/// ```no_run
/// use longhaul_testing::{Hanging, Postgres};
///
/// let Some(postgres) = Postgres::shared() else { return };
/// let hanging = Hanging::before(postgres.port());
/// let url = postgres.reached_by(&postgres.database(), hanging.port());
/// // … connect to `url`, and then:
/// hanging.hang();
/// // … what is written now waits, and is not refused …
/// hanging.go_on();
/// ```
#[derive(Debug)]
pub struct Hanging {
    port: u16,
    gate: Arc<Gate>,
}

/// What the threads of all connections wait at while it is shut.
#[derive(Debug, Default)]
struct Gate {
    shut: Mutex<bool>,
    moved: Condvar,
}

impl Hanging {
    /// Before the server on that port of loopback; passes everything on.
    ///
    /// # Panics
    ///
    /// Where loopback has no free port.
    pub fn before(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let gate = Arc::<Gate>::default();
        let server = SocketAddr::from(([127, 0, 0, 1], server));
        thread::spawn({
            let gate = gate.clone();
            // Ends with the test's process: nothing is said through it that anybody waits for.
            move || {
                for client in listener.incoming().flatten() {
                    let _ = relay(client, server, &gate);
                }
            }
        });
        Self { port, gate }
    }

    /// The port of loopback at which it is reached in place of the server.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Nothing is passed on from now on.
    ///
    /// What was read before may still arrive: at most one piece of 16 KiB for each direction of a connection waits at
    /// the gate.
    pub fn hang(&self) {
        self.gate.set(true);
    }

    /// What waited is passed on, and what comes.
    ///
    /// Dropping it does the same, so that no thread waits for ever.
    pub fn go_on(&self) {
        self.gate.set(false);
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.go_on();
    }
}

impl Gate {
    /// Opens or shuts it, and wakes who waits.
    fn set(&self, shut: bool) {
        *self.shut.lock().unwrap_or_else(PoisonError::into_inner) = shut;
        self.moved.notify_all();
    }

    /// Returns when it is open.
    fn pass(&self) {
        let shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        let open = self.moved.wait_while(shut, |shut| *shut);
        drop(open.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Connects one client with the server: a thread for each direction.
fn relay(client: TcpStream, server: SocketAddr, gate: &Arc<Gate>) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    for (from, to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        let gate = gate.clone();
        thread::spawn(move || {
            let _ = pass_on(&from, &to, &gate);
            // The other way ends with this one.
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

/// One way of a connection: what was read waits at the gate before it is written.
fn pass_on(mut from: &TcpStream, mut to: &TcpStream, gate: &Gate) -> io::Result<()> {
    let mut bytes = [0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes)?;
        gate.pass();
        if read == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..read])?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_said_while_it_hangs_arrives_when_it_goes_on() {
        let server = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let hanging = Hanging::before(server.local_addr().expect("it is bound").port());
        let connect = || TcpStream::connect(("127.0.0.1", hanging.port())).expect("it listens");
        let mut client = connect();
        let (mut other, _) = server.accept().expect("it passes connections on");
        let mut said = [0; 2];
        client.write_all(b"hi").expect("it takes it");
        other.read_exact(&mut said).expect("it arrives");

        hanging.hang();
        client.write_all(b"ho").expect("it takes it");
        let soon = Some(Duration::from_millis(200));
        other.set_read_timeout(soon).expect("not zero");
        other.read_exact(&mut said).expect_err("it waits");
        connect();

        hanging.go_on();
        other.set_read_timeout(None).expect("not zero");
        other.read_exact(&mut said).expect("it arrives");
        assert_eq!(&said, b"ho");
    }
}
