//! The listening socket, which can be closed for a while and opened again.
//!
//! “Connection refused” can only be said by a port on which nobody listens, so the listener is dropped and made anew.
//! In between the port stays bound, so that no other program takes it and clients do not reach a stranger.

use std::{
    io, mem,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::Provider;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// A port that accepts connections, or refuses them while it is closed.
#[derive(Debug)]
pub(crate) struct Door {
    addr: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    socket: Socket,
    /// The task that accepts, to be woken when the door is opened again.
    acceptor: Option<Waker>,
}

#[derive(Debug)]
enum Socket {
    /// Accepting.
    Open(TcpListener),
    /// Bound, so that nobody else takes the port, and not listening, so that connections are refused.
    Closed(Option<TcpSocket>),
}

impl Door {
    /// Listens at this address; port 0 takes a free one, which it then keeps.
    pub(super) async fn open_at(addr: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        Ok(Self {
            addr,
            state: Mutex::new(State {
                socket: Socket::Open(listener),
                acceptor: None,
            }),
        })
    }

    /// Where it listens, or will again.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// While it is closed nothing is accepted, and the caller is woken when it opens.
    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let mut state = self.state();
        match &state.socket {
            Socket::Open(listener) => {
                let accepted = listener.poll_accept(cx);
                state.acceptor = Some(cx.waker().clone());
                accepted.map_ok(|(stream, _)| stream)
            }
            Socket::Closed(_) => {
                state.acceptor = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Refuses connections from now on; those that are open stay.
    fn close(&self) {
        let mut state = self.state();
        // The listener must be gone before its port can be bound again.
        drop(mem::replace(&mut state.socket, Socket::Closed(None)));
        state.socket = Socket::Closed(self.bind().ok());
    }

    /// Accepts again; an error where the port is no longer to be had.
    fn reopen(&self) -> io::Result<()> {
        let mut state = self.state();
        if let Socket::Closed(bound) = &mut state.socket {
            let bound = bound.take().map_or_else(|| self.bind(), Ok)?;
            state.socket = Socket::Open(bound.listen(BACKLOG)?);
            if let Some(acceptor) = state.acceptor.take() {
                acceptor.wake();
            }
        }
        Ok(())
    }

    /// A socket at the port that does not listen.
    fn bind(&self) -> io::Result<TcpSocket> {
        let socket = if self.addr.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        // Connections of the time before may still be open on this port.
        socket.set_reuseaddr(true)?;
        socket.bind(self.addr)?;
        Ok(socket)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All doors of one provider: they close together when the script refuses connections.
///
/// A provider may stand behind several servers, such as one that is plain and one that is encrypted.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    state: Mutex<AllDoors>,
}

#[derive(Debug, Default)]
struct AllDoors {
    doors: Vec<Weak<Door>>,
    closed: bool,
}

impl Doors {
    /// One door more; it is closed too where the others are.
    pub(super) fn add(&self, door: &Arc<Door>, provider: &Provider) {
        {
            let mut all = self.lock();
            all.doors.push(Arc::downgrade(door));
            if all.closed {
                door.close();
            }
        }
        self.close_if_refusing(provider);
    }

    /// Closes all doors if there are any and the script's next action is a refusal, and opens them again in time.
    ///
    /// Refusals that follow each other in the script keep them closed one after the other. It needs a tokio runtime for
    /// the waiting.
    pub(crate) fn close_if_refusing(&self, provider: &Provider) {
        let mut all = self.lock();
        all.doors.retain(|door| door.strong_count() > 0);
        if all.closed || all.doors.is_empty() {
            return;
        }
        let Some(mut down) = provider.next_refusal() else {
            return;
        };
        all.closed = true;
        all.each(|door| door.close());
        provider.oracle().count_refusal();
        let provider = provider.clone();
        tokio::spawn(async move {
            loop {
                provider.clock().sleep(down).await;
                let mut all = provider.doors().lock();
                match provider.next_refusal() {
                    Some(further) => {
                        provider.oracle().count_refusal();
                        down = further;
                    }
                    None => {
                        all.closed = false;
                        // A door that cannot be opened stays closed: its clients see what a dead provider shows.
                        all.each(|door| drop(door.reopen()));
                        break;
                    }
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, AllDoors> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AllDoors {
    /// Does this to all doors whose servers still live.
    fn each(&self, act: impl Fn(&Door)) {
        self.doors
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|door| act(&door));
    }
}
