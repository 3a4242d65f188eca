//! A fair turn: the places of an upstream go round robin over callers.
//!
//! A caller with a thousand calls waiting and one with a single call get every second place each. A caller takes at
//! most its own limit of places, and may have so many calls waiting; what comes beyond that is refused at once with 429,
//! and costs nothing.
//!
//! A place is taken before anything is sent and given back with the answer's last byte, so that a caller who reads slowly
//! still holds it, unless a layer between reads faster, as [replay](crate::replay) does.
//!
//! ```
//! use longhaul_gateway::{caller::Callers, refusal::Refusal, turns::Turns};
//!
//! async fn one_call(turns: &Turns, request: &http::Request<()>) -> Result<(), Refusal> {
//!     // Without keys, callers are told apart by the credential that they present.
//!     let caller = Callers::new(&[]).identify(request.headers(), request.uri())?;
//!     let turn = turns.take(&caller).await?;
//!     // … call the upstream, and read its answer; then the place goes to whoever is next.
//!     drop(turn);
//!     Ok(())
//! }
//! ```

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::StatusCode;
use tokio::sync::oneshot;

use crate::{
    caller::{Caller, Scope},
    refusal::Refusal,
};

/// When a caller whose queue is full may ask again.
///
/// The gateway's own choice: pictures take minutes, and a client that polls for a place each second helps nobody.
const QUEUE_FULL_WAIT: Duration = Duration::from_secs(5);

/// The places of one upstream.
///
/// ```
/// use longhaul_gateway::{caller::Callers, turns::Turns};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = http::Request::get("/").body(())?;
/// let caller = Callers::new(&[]).identify(request.headers(), request.uri())?;
/// let turns = Turns::new(1);
/// let turn = turns.take(&caller).await?;
/// assert_eq!(turns.counts(), (1, 0));
/// drop(turn);
/// assert_eq!(turns.counts(), (0, 0));
/// # Ok(()) }
/// ```
///
/// Cheap to clone; all clones hand out the same places. Two upstreams at one provider have places apart.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<State>>);

/// Under one lock, held for moments. Its invariant: whenever a place is free, no caller waits that may take one;
/// every change that could break it is followed by `hand_out`.
struct State {
    /// Places that nobody has.
    free: usize,
    callers: HashMap<Scope, Queue>,
    /// Callers that have calls waiting, each once, the next one first.
    round: VecDeque<Scope>,
}

/// One caller's share. It is forgotten when it has neither places nor calls that wait.
#[derive(Default)]
struct Queue {
    taken: usize,
    limit: usize,
    /// In the order in which they came. A turn is sent through, so that one whose call is gone comes back by itself.
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

impl Turns {
    /// So many places.
    ///
    /// With 0 every call waits until it is given up; the configuration refuses that.
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: places,
            callers: HashMap::new(),
            round: VecDeque::new(),
        })))
    }

    /// A place for a call of `caller`, at its turn. It waits for as long as it takes; put a limit around it.
    ///
    /// Dropped, it leaves the queue: no place is given to a caller who is gone. The caller's limits are read anew at
    /// each call, so that a change of the configuration counts from the next one on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_gateway::{caller::Callers, turns::Turns};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let request = http::Request::get("/").body(())?;
    /// # let caller = Callers::new(&[]).identify(request.headers(), request.uri())?;
    /// let turns = Turns::new(1);
    /// let held = turns.take(&caller).await?;
    /// let second = tokio::time::timeout(Duration::from_secs(10), turns.take(&caller)).await;
    /// assert!(second.is_err(), "the only place is taken");
    /// drop(held);
    /// assert!(turns.take(&caller).await.is_ok());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// 429 `too_many_waiting`, at once, where as many of its calls wait as [`Caller::queue`] allows; 503 `stopping`
    /// where the places are gone. Nothing was sent, and sending again is free.
    pub async fn take(&self, caller: &Caller) -> Result<Turn, Refusal> {
        let scope = caller.scope();
        let given = {
            let mut state = self.state();
            state.callers.entry(scope).or_default().limit = caller.in_flight();
            if state.is_free_for(scope) {
                state.give(scope);
                return Ok(self.turn(scope));
            }
            let Some(given) = state.wait(scope, caller.queue()) else {
                let taken = state.callers.get(&scope).map_or(0, |queue| queue.taken);
                state.forget_idle(scope);
                return Err(Refusal::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_waiting",
                    format!(
                        "{} calls of this key run and {} wait; nothing was sent: ask again later, or raise `queue`",
                        taken,
                        caller.queue()
                    ),
                )
                .again_after(QUEUE_FULL_WAIT));
            };
            given
        };
        // Dropped after `given`, so that the queue knows then that nobody waits there.
        let mut waits = Waits {
            turns: self,
            scope,
            left: true,
        };
        // The caller may have had its limit raised since it began to wait.
        self.hand_out();
        let given = given.await;
        waits.left = false;
        given.map_err(|_| {
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "the gateway is stopping; nothing was sent",
            )
            .again_after(QUEUE_FULL_WAIT)
        })
    }

    /// Calls that have a place, and calls that wait for one.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state();
        let queues = state.callers.values();
        queues.fold((0, 0), |(taken, waiting), queue| {
            (taken + queue.taken, waiting + queue.waiting.len())
        })
    }

    fn turn(&self, scope: Scope) -> Turn {
        Turn {
            turns: Some(self.clone()),
            scope,
        }
    }

    /// Gives free places to those whose turn it is.
    fn hand_out(&self) {
        loop {
            let Some((give, turn)) = self.next() else {
                return;
            };
            // One whose call is gone gives its place back at once; without a turn of this loop inside the other.
            if let Err(mut unwanted) = give.send(turn) {
                unwanted.turns = None;
                self.state().give_back(unwanted.scope);
            }
        }
    }

    /// The caller at the front of the round that is below its own limit; it goes to the end where it has more calls
    /// that wait.
    fn next(&self) -> Option<(oneshot::Sender<Turn>, Turn)> {
        let mut state = self.state();
        if state.free == 0 {
            return None;
        }
        let at = state
            .round
            .iter()
            .position(|scope| state.may_take(*scope))?;
        // Those at their limit keep their places in the round.
        let scope = state.round.remove(at)?;
        let queue = state.callers.get_mut(&scope)?;
        let give = queue.waiting.pop_front()?;
        if !queue.waiting.is_empty() {
            state.round.push_back(scope);
        }
        state.give(scope);
        Some((give, self.turn(scope)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a caller is below its own limit.
    fn may_take(&self, scope: Scope) -> bool {
        let queue = self.callers.get(&scope);
        queue.is_some_and(|queue| queue.taken < queue.limit)
    }

    /// Whether a new call of a caller has a place at once: there is one, and nobody who waits can take it.
    fn is_free_for(&self, scope: Scope) -> bool {
        self.free > 0
            && self.may_take(scope)
            && !self.round.iter().any(|waiting| self.may_take(*waiting))
    }

    /// There must be a free place.
    fn give(&mut self, scope: Scope) {
        self.free -= 1;
        self.callers.entry(scope).or_default().taken += 1;
    }

    fn give_back(&mut self, scope: Scope) {
        self.free += 1;
        if let Some(queue) = self.callers.get_mut(&scope) {
            queue.taken -= 1;
        }
        self.forget_idle(scope);
    }

    /// Lets a call wait for its turn; `None` where so many wait already.
    fn wait(&mut self, scope: Scope, most: usize) -> Option<oneshot::Receiver<Turn>> {
        let queue = self.callers.entry(scope).or_default();
        if queue.waiting.len() >= most {
            return None;
        }
        let (give, given) = oneshot::channel();
        queue.waiting.push_back(give);
        if queue.waiting.len() == 1 {
            self.round.push_back(scope);
        }
        Some(given)
    }

    /// Takes calls out of the queue that wait no longer.
    fn forget_left(&mut self, scope: Scope) {
        let Some(queue) = self.callers.get_mut(&scope) else {
            return;
        };
        queue.waiting.retain(|give| !give.is_closed());
        if queue.waiting.is_empty() {
            self.round.retain(|waiting| *waiting != scope);
        }
        self.forget_idle(scope);
    }

    fn forget_idle(&mut self, scope: Scope) {
        let queue = self.callers.get(&scope);
        if queue.is_some_and(|queue| queue.taken == 0 && queue.waiting.is_empty()) {
            self.callers.remove(&scope);
        }
    }
}

/// A call in the queue: dropped before its turn, it gives its place in the queue to the next.
struct Waits<'a> {
    turns: &'a Turns,
    scope: Scope,
    left: bool,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if self.left {
            self.turns.state().forget_left(self.scope);
        }
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns")
            .field("counts", &self.counts())
            .finish()
    }
}

/// A place at an upstream; dropped, it goes to whoever's turn it is.
///
/// [`Turns::take`] gives it. It is held in the answer's body, until the last byte.
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub struct Turn {
    /// `None` for one that came back unwanted: its place was given back already.
    turns: Option<Turns>,
    scope: Scope,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            turns.state().give_back(self.scope);
            turns.hand_out();
        }
    }
}

#[cfg(test)]
mod tests;
