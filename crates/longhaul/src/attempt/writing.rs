//! What clients and layers write down of an attempt.
//!
//! For a layer or a client of one's own, four calls matter, in this order: [`connecting`](Attempt::connecting),
//! [`link`](Attempt::link), [`head_received`](Attempt::head_received), [`classify`](Attempt::classify). Each may be left out;
//! what is then not proved counts as possibly charged.

use std::{sync::Arc, time::Duration};

use http::{StatusCode, Version};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{Attempt, PictureNote, RouteInfo, SentSecrets, Transport, facts::EntryState};
use crate::model::{Class, Classification, Evidence, Http1Report, Money, ProviderChargeRules};

impl Attempt {
    /// Says that its entry in a ledger is to be opened; `false` where one is open already, so that what is sent once is
    /// written down once.
    pub(crate) fn claim_entry(&self) -> bool {
        let mut facts = self.facts();
        let first = facts.entry == EntryState::None;
        if first {
            facts.entry = EntryState::Open;
        }
        first
    }

    /// It is made within `outer`, by a retry loop inside another one's attempt: what the first of them costs stands in
    /// the entry of that attempt. Further ones are further calls.
    ///
    /// Two retry loops in one stack are a fault of its builder, and are reported as one. Until it is mended, the books must not
    /// show twice what was sent once.
    pub(crate) fn made_within(&self, outer: &Self) {
        let mut of_outer = outer.facts();
        if of_outer.entry == EntryState::Open {
            of_outer.entry = EntryState::Shared;
            drop(of_outer);
            self.facts().entry = EntryState::Open;
        }
    }

    /// Announces that the answer is read for its picture: until
    /// [`note_picture_began`](Self::note_picture_began) the limit by size goes on.
    pub(crate) fn await_picture(&self) {
        let mut facts = self.facts();
        if facts.picture == PictureNote::Unwatched {
            facts.picture = PictureNote::Awaited;
        }
    }

    /// Writes down that the first piece of the picture came. The first time counts.
    pub(crate) fn note_picture_began(&self) {
        let mut facts = self.facts();
        if !matches!(facts.picture, PictureNote::Began(_)) {
            facts.picture = PictureNote::Began(Instant::now());
        }
    }

    /// Tells that the client below will [link](Self::link) a connection before it writes a byte.
    ///
    /// For clients that can prove what they wrote; until the link, nothing counts as sent.
    ///
    /// ```
    /// use longhaul::attempt::Sent;
    ///
    /// # let mut request = http::Request::new(());
    /// # let (attempt, _) = longhaul::Attempt::enter(request.extensions_mut());
    /// assert_eq!(attempt.sent(), Sent::PossiblyWhole, "nobody proves anything");
    /// attempt.connecting();
    /// assert_eq!(attempt.sent(), Sent::Nothing);
    /// // An error now, from the resolver or the handshake, is free.
    /// ```
    pub fn connecting(&self) {
        self.facts().transport.connecting();
    }

    /// Links the connection that carries this attempt, before the request is handed to it.
    ///
    /// From then on what is [sent](Self::sent) is what it counts, so that a broken connection is no guess any more.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use longhaul::attempt::{Sent, Transport, Written};
    ///
    /// #[derive(Debug)]
    /// struct Socket { bytes: u64, more: bool }
    ///
    /// impl Transport for Socket {
    ///     fn written(&self) -> Written {
    ///         Written { written: self.bytes, flushed: self.bytes, unfinished: self.more, ..Written::default() }
    ///     }
    /// }
    ///
    /// # let mut request = http::Request::new(());
    /// # let (attempt, _) = longhaul::Attempt::enter(request.extensions_mut());
    /// attempt.link(Arc::new(Socket { bytes: 0, more: true }));
    /// assert_eq!(attempt.sent(), Sent::Nothing);
    /// attempt.link(Arc::new(Socket { bytes: 700, more: true }));
    /// assert_eq!(attempt.sent(), Sent::Part, "the provider cannot have read it");
    /// attempt.link(Arc::new(Socket { bytes: 4_096, more: false }));
    /// assert_eq!(attempt.sent(), Sent::PossiblyWhole);
    /// ```
    pub fn link(&self, transport: Arc<dyn Transport>) {
        self.facts().transport.link(transport);
    }

    /// Takes back [`connecting`](Self::connecting): the connection cannot tell what it writes for whom,
    /// as with HTTP/2. A link that is there stays.
    ///
    /// ```
    /// use longhaul::attempt::Sent;
    ///
    /// # let mut request = http::Request::new(());
    /// # let (attempt, _) = longhaul::Attempt::enter(request.extensions_mut());
    /// attempt.connecting();
    /// // The handshake chose HTTP/2: its frames cannot be counted for one request.
    /// attempt.unproved();
    /// assert_eq!(attempt.sent(), Sent::PossiblyWhole);
    /// ```
    pub fn unproved(&self) {
        self.facts().transport.unproved();
    }

    /// Writes down that the answer's head is here. The first one stays.
    ///
    /// The layers write it down themselves when a response comes back. A client calls it to be more exact: a response that
    /// waits in its queue came earlier than it is returned.
    pub fn head_received(&self, status: StatusCode, version: Version) {
        self.facts().head_received(status, version);
    }

    /// Writes down that what came back is no HTTP, or none that the client reads: no connection was cut.
    ///
    /// For clients, beside a [`MalformedResponse`](crate::ErrorKind::MalformedResponse).
    ///
    /// Without it, garbage in place of a status line looks like a connection that broke, and would be counted against the
    /// route as a cut.
    pub fn malformed_response(&self) {
        self.facts().malformed_response = true;
    }

    /// Writes down how it travelled.
    pub(crate) fn note_http1(&self, report: Http1Report) {
        self.facts().http1 = Some(report);
    }

    /// Says what it means. The first class written stays; returned is the one that holds.
    ///
    /// For a layer that knows more than [`Classify`](crate::classify) does; it has to stand below that layer in the stack, so
    /// that it speaks first.
    ///
    /// ```
    /// use longhaul::Class;
    ///
    /// # let mut request = http::Request::new(());
    /// # let (attempt, _) = longhaul::Attempt::enter(request.extensions_mut());
    /// assert_eq!(attempt.classify(Class::QuotaExhausted), Class::QuotaExhausted);
    /// assert_eq!(attempt.classify(Class::RateLimited), Class::QuotaExhausted, "the first stays");
    /// ```
    pub fn classify(&self, class: Class) -> Class {
        *self.facts().class.get_or_insert(class)
    }

    /// The price of one success, that of each draft besides, and the provider's own charge rules, for the exposure.
    pub(crate) fn set_price(
        &self,
        price: Option<Money>,
        draft_price: Option<Money>,
        charge_rules: Option<Box<ProviderChargeRules>>,
    ) {
        let mut facts = self.facts();
        facts.price = price;
        facts.draft_price = draft_price;
        facts.charge_rules = charge_rules;
    }

    /// It holds this place in flight, or may share it.
    pub(crate) fn set_place(&self, place: &Arc<OwnedSemaphorePermit>) {
        self.facts().place = Some(Arc::downgrade(place));
    }

    /// Where it goes, and by which clock: what a diagnosis needs besides. The first stays.
    pub(crate) fn set_route_info(&self, route: RouteInfo) {
        self.facts().route.get_or_insert(route);
    }

    /// The keys that the request carries: what its answer repeats of them is not kept.
    pub(crate) fn set_secrets(&self, secrets: SentSecrets) {
        self.facts().secrets = secrets;
    }

    /// What the head of its answer says of it.
    pub(crate) fn note_evidence(&self, evidence: Evidence) {
        let mut facts = self.facts();
        facts.evidence = evidence;
        facts.forget_secrets();
    }

    /// What the body of its answer adds.
    pub(crate) fn note_body(&self, evidence: Evidence) {
        let mut facts = self.facts();
        facts.evidence.add_body(evidence);
        facts.forget_secrets();
    }

    /// There was no memory to hold its answer in.
    pub(crate) fn note_not_held(&self) {
        self.facts().not_held = true;
    }

    /// What the classification says besides the class. To be noted before the end.
    pub(crate) fn note_classification(&self, classification: &Classification) {
        let mut facts = self.facts();
        facts.charged = classification.charged.or(facts.charged);
        facts.told_price = classification.price;
        facts.is_empty_result = classification.is_empty_result;
        facts.answered_by = classification.answered_by;
    }

    /// The limit until its picture begins, where the table says `table`: what the last pictures of its size and route ask
    /// for, if that is longer.
    pub(crate) fn learned_limit(&self, table: Duration) -> Duration {
        let mut facts = self.facts();
        let Some(learned) = facts
            .route
            .as_ref()
            .and_then(|route| route.learned_limit(table))
        else {
            return table;
        };
        facts.learned_limit = Some((table, learned));
        learned
    }

    /// The wait for its place in flight ran out, and goes on.
    pub(crate) fn waited_for_place(&self) {
        self.facts().queue_timeouts += 1;
    }

    /// It waits for its place in flight: nothing can be sent before it [restarts](Self::restart).
    ///
    /// Without it, a call that is dropped while it waits in the queue would count as possibly sent.
    pub(crate) fn queued(&self) {
        self.facts().transport.connecting();
    }

    /// Starts its clock anew: the wait for a place in flight is not part of it.
    ///
    /// Takes back what [`queued`](Self::queued) said: from here on the client may write, and may prove nothing.
    pub(crate) fn restart(&self) {
        let mut facts = self.facts();
        facts.started = Instant::now();
        facts.transport.unproved();
    }

    /// Its clock by size ran out, and it goes on.
    pub(crate) fn mark_late(&self) {
        self.facts().late = true;
    }
}
