//! What happens to which request.
//!
//! A script is text or code. Text is for tables of cases and the command line; a closure is for what a list cannot say,
//! such as an outage by the clock. Both give one [`Action`] for each request, in the order in which heads arrive.

mod failure;
mod fault;
mod parse;

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use http::HeaderMap;

pub use self::{
    failure::TaskFailure,
    fault::{Fault, WaitForm},
    parse::ParseError,
};

/// A fault, and how long the work takes where that should not be left to chance.
///
/// ```
/// use std::time::Duration;
/// use longhaul_sim::{Action, Fault};
///
/// let action = Action::new(Fault::NoImage).taking(Duration::from_secs(100));
/// assert_eq!("no-image+takes@100".parse(), Ok(action));
/// assert_eq!(Action::from(Fault::NoImage).takes(), None, "drawn from the published times");
/// ```
///
/// The value that is written with `+takes@` counts for the work alone: a fault that strikes later than that makes the
/// work longer (see [`Fault::strikes_after`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Action {
    fault: Fault,
    takes: Option<Duration>,
}

impl Action {
    /// The fault, with a drawn generation time.
    #[must_use]
    pub const fn new(fault: Fault) -> Self {
        Self { fault, takes: None }
    }

    /// The same with a fixed generation time (provider time); in text `cut@60+takes@100`.
    #[must_use]
    pub const fn taking(self, takes: Duration) -> Self {
        Self {
            takes: Some(takes),
            ..self
        }
    }

    /// The fault that befalls the request.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        self.fault
    }

    /// The fixed generation time, if any.
    ///
    /// `None` leaves it to [`Builder::generation`](crate::Builder::generation), and without that to the published
    /// times.
    #[must_use]
    pub const fn takes(&self) -> Option<Duration> {
        self.takes
    }
}

/// As [`Action::new`], so that a closure may return either.
impl From<Fault> for Action {
    fn from(fault: Fault) -> Self {
        Self::new(fault)
    }
}

/// What a closure script sees of a request: its head, nothing of its body.
///
/// ```
/// use std::time::Duration;
/// use longhaul_sim::{Fault, Script, Seen};
///
/// // An outage of five minutes in the second hour.
/// let script = Script::from_fn(|seen: &Seen<'_>| {
///     let outage = Duration::from_secs(3_600)..Duration::from_secs(3_900);
///     if outage.contains(&seen.at) { Fault::Unavailable } else { Fault::None }
/// });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Seen<'a> {
    /// The request's place in the order of arrival, from 1.
    pub number: u64,
    /// When its head arrived: provider time since the provider was built.
    pub at: Duration,
    /// The request's path, without its query.
    pub path: &'a str,
    /// The idempotency key it carries.
    pub key: Option<&'a str>,
    /// The attempt number it carries.
    pub attempt: Option<u32>,
    /// All its headers.
    pub headers: &'a HeaderMap,
}

/// Which [`Action`] meets which request: one after the other in the order of arrival, and [`Fault::None`] after the
/// last.
///
/// ```
/// use longhaul_sim::Script;
///
/// let script: Script = "overloaded*2, cut@60, none+takes@120".parse()?;
/// # Ok::<_, longhaul_sim::ParseError>(())
/// ```
///
/// A request may also carry its own action in the header `x-sim-fault`, which leaves the script where it is.
/// Downloads of finished pictures are not counted as requests.
///
/// Equal scripts and seeds give equal runs as long as requests arrive in the same order; where they race, let a closure
/// choose by key and attempt instead.
#[derive(Clone, Default)]
pub struct Script {
    actions: Vec<Action>,
    repeats: bool,
    /// Asked in place of the list, where there is one.
    chooser: Option<Chooser>,
}

/// The closure of [`Script::from_fn`].
type Chooser = Arc<dyn Fn(&Seen<'_>) -> Action + Send + Sync>;

impl Script {
    /// A script of these actions, each for one request.
    ///
    /// ```
    /// use longhaul_sim::{Fault, Script};
    ///
    /// let script = Script::new([Fault::Overloaded, Fault::None]);
    /// assert_eq!(script.actions().len(), 2);
    /// assert_eq!(script.actions()[0].fault(), Fault::Overloaded);
    /// ```
    pub fn new<A: Into<Action>>(actions: impl IntoIterator<Item = A>) -> Self {
        Self {
            actions: actions.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// The same action for every request.
    ///
    /// ```
    /// use longhaul_sim::{Fault, Provider, Script};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder().script(Script::always(Fault::Overloaded)).build()?;
    /// for _ in 0..3 {
    ///     let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
    ///     assert_eq!(provider.clone().oneshot(request).await?.status(), 503);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn always(action: impl Into<Action>) -> Self {
        Self::new([action]).repeating()
    }

    /// A script that asks a closure at each request, for what a list cannot say.
    ///
    /// ```
    /// use longhaul_sim::{Fault, Script, Seen};
    ///
    /// // Whoever asks a second time under the same key finds the provider well.
    /// let script = Script::from_fn(|seen: &Seen<'_>| match seen.attempt {
    ///     Some(1) => Fault::Overloaded,
    ///     _ => Fault::None,
    /// });
    /// ```
    pub fn from_fn<A: Into<Action>>(
        choose: impl Fn(&Seen<'_>) -> A + Send + Sync + 'static,
    ) -> Self {
        Self {
            chooser: Some(Arc::new(move |seen| choose(seen).into())),
            ..Self::default()
        }
    }

    /// Starts over after the last action.
    ///
    /// ```
    /// use longhaul_sim::{Fault, Script};
    ///
    /// // Every other call is refused, however many there are.
    /// let script = Script::new([Fault::Overloaded, Fault::None]).repeating();
    /// ```
    ///
    /// An empty script stays empty: there is nothing to start over.
    #[must_use]
    pub fn repeating(self) -> Self {
        Self {
            repeats: true,
            ..self
        }
    }

    /// The actions, in order; none of a closure script.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The script at its beginning.
    pub(crate) fn start(self) -> Playing {
        Playing {
            queue: self.actions.iter().copied().collect(),
            script: self,
        }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("actions", &self.actions)
            .field("repeats", &self.repeats)
            .field("closure", &self.chooser.is_some())
            .finish()
    }
}

/// A script and how far it has come.
#[derive(Debug)]
pub(crate) struct Playing {
    script: Script,
    queue: VecDeque<Action>,
}

impl Playing {
    /// The action for this request.
    ///
    /// After the last action it is [`Fault::None`] for ever.
    pub(crate) fn next(&mut self, seen: &Seen<'_>) -> Action {
        match &self.script.chooser {
            Some(choose) => choose(seen),
            None => self.pop().unwrap_or_default(),
        }
    }

    /// Takes the next action if it refuses connections, and says for how long.
    ///
    /// A closure is not asked: it chooses by what it sees of a request, and here there is none yet.
    #[cfg(feature = "server")]
    pub(crate) fn next_refusal(&mut self) -> Option<Duration> {
        self.refill();
        let Fault::Refused { down } = self.queue.front()?.fault else {
            return None;
        };
        self.queue.pop_front();
        Some(down)
    }

    /// The next action, which is then over.
    fn pop(&mut self) -> Option<Action> {
        self.refill();
        self.queue.pop_front()
    }

    /// Starts a repeating script over where it is at its end.
    fn refill(&mut self) {
        if self.queue.is_empty() && self.script.repeats {
            self.queue.extend(&self.script.actions);
        }
    }
}
