//! A fair turn: the places of an upstream go round robin over callers.
//!
//! A caller with a thousand calls waiting and one with a single call get every second place each. A caller takes at
//! most its own limit of places, and may have so many calls waiting; what comes beyond that is refused at once with 429,
//! and costs nothing.

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
const QUEUE_FULL_WAIT: Duration = Duration::from_secs(5);

/// The places of one upstream.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<State>>);

struct State {
    free: usize,
    callers: HashMap<Scope, Queue>,
    /// Callers that have calls waiting, the next one first.
    round: VecDeque<Scope>,
}

#[derive(Default)]
struct Queue {
    taken: usize,
    limit: usize,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

impl Turns {
    /// So many places.
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: places,
            callers: HashMap::new(),
            round: VecDeque::new(),
        })))
    }

    /// A place for a call of `caller`, at its turn. Refused where too many of its calls wait already.
    pub async fn take(&self, caller: &Caller) -> Result<Turn, Refusal> {
        let given = {
            let mut state = self.state();
            let free = state.free > 0 && state.round.is_empty();
            let scope = caller.scope();
            let queue = state.callers.entry(scope).or_default();
            queue.limit = caller.in_flight();
            if queue.waiting.is_empty() && queue.taken < queue.limit && free {
                queue.taken += 1;
                state.free -= 1;
                return Ok(self.turn(scope));
            }
            if queue.waiting.len() >= caller.queue() {
                let taken = queue.taken;
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
            }
            let (give, given) = oneshot::channel();
            queue.waiting.push_back(give);
            if queue.waiting.len() == 1 {
                state.round.push_back(scope);
            }
            given
        };
        // Places may be free while only callers at their limit stood in the round.
        self.hand_out();
        given.await.map_err(|_| {
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

    fn next(&self) -> Option<(oneshot::Sender<Turn>, Turn)> {
        let mut state = self.state();
        let state = &mut *state;
        if state.free == 0 {
            return None;
        }
        for _ in 0..state.round.len() {
            let scope = state.round.pop_front()?;
            let queue = state.callers.get_mut(&scope)?;
            if queue.taken >= queue.limit {
                state.round.push_back(scope);
                continue;
            }
            let give = queue.waiting.pop_front();
            if !queue.waiting.is_empty() {
                state.round.push_back(scope);
            }
            if let Some(give) = give {
                queue.taken += 1;
                state.free -= 1;
                return Some((give, self.turn(scope)));
            }
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn give_back(&mut self, scope: Scope) {
        self.free += 1;
        if let Some(queue) = self.callers.get_mut(&scope) {
            queue.taken -= 1;
            if queue.taken == 0 && queue.waiting.is_empty() {
                self.callers.remove(&scope);
            }
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
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub struct Turn {
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
mod tests {
    use tokio::{task::JoinHandle, time::timeout};

    use super::*;
    use crate::config::{KeyConfig, KeyHash};

    fn caller(name: &str, in_flight: usize, queue: usize) -> Caller {
        let mut key = KeyConfig::new(name, KeyHash([7; 32]));
        key.in_flight = in_flight;
        key.queue = queue;
        Caller::for_tests(&key)
    }

    fn wait_for(
        turns: &Turns,
        caller: &Caller,
        order: &Arc<Mutex<Vec<String>>>,
    ) -> JoinHandle<Turn> {
        let (turns, caller, order) = (turns.clone(), caller.clone(), order.clone());
        tokio::spawn(async move {
            let turn = turns.take(&caller).await.unwrap();
            order.lock().unwrap().push(caller.name().to_string());
            turn
        })
    }

    #[tokio::test(start_paused = true)]
    async fn callers_take_turns_however_many_calls_each_has() {
        let turns = Turns::new(1);
        let (many, few) = (caller("many", 9, 9), caller("few", 9, 9));
        let held = turns.take(&many).await.unwrap();
        let order = Arc::default();
        let mut waiting = Vec::new();
        for caller in [&many, &many, &many, &few, &few] {
            let turn = wait_for(&turns, caller, &order);
            waiting.push(tokio::spawn(async move { drop(turn.await) }));
            tokio::task::yield_now().await;
        }
        drop(held);
        for waiting in waiting {
            waiting.await.unwrap();
        }
        let order = order.lock().unwrap().join(" ");
        assert_eq!(order, "many few many few many");
        assert_eq!(turns.counts(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_at_its_limit_holds_up_nobody_else() {
        let turns = Turns::new(3);
        let (narrow, other) = (caller("narrow", 1, 1), caller("other", 9, 9));
        let first = turns.take(&narrow).await.unwrap();
        let order = Arc::default();
        let second = wait_for(&turns, &narrow, &order);
        tokio::task::yield_now().await;
        let refusal = turns.take(&narrow).await.unwrap_err();
        assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(refusal.may_send_again());
        let others = turns.take(&other).await.unwrap();
        assert!(!second.is_finished());
        drop(first);
        let second = timeout(Duration::from_secs(1), second)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(turns.counts(), (2, 0));
        drop((second, others));
        assert_eq!(turns.counts(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_left_the_queue_takes_no_place() {
        let turns = Turns::new(1);
        let caller = caller("x", 9, 9);
        let held = turns.take(&caller).await.unwrap();
        let gone = timeout(Duration::from_secs(1), turns.take(&caller)).await;
        assert!(gone.is_err());
        let order = Arc::default();
        let next = wait_for(&turns, &caller, &order);
        tokio::task::yield_now().await;
        drop(held);
        drop(
            timeout(Duration::from_secs(1), next)
                .await
                .unwrap()
                .unwrap(),
        );
        assert_eq!(turns.counts(), (0, 0));
    }
}
