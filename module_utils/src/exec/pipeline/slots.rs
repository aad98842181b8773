//! How many streams of a run flow at once. The next ones have both ends open by then: to start a process takes longer than many a
//! stream, and so does a line to answer.

use crate::exec::signals;
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So long a stream waits with both ends open. Meanwhile its snapshot cannot be destroyed, and each host has a process that does nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// The next ones are opened while one flows only if the last took no longer: what takes longer gains nothing by it.
const BRISK: Duration = Duration::from_secs(2);

/// How often a signal is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// The slots of a run.
#[derive(Debug)]
pub struct Slots {
    /// How long who has opened both ends waits for one.
    pub patience: Duration,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    free: usize,
    is_brisk: bool,
    /// Tickets of those that have no slot yet.
    waiting: BTreeSet<u64>,
    next: u64,
}

/// A place in the queue, until this is dropped.
#[derive(Debug)]
pub struct Ticket<'a> {
    slots: &'a Slots,
    number: u64,
}

/// A slot that is taken until this is dropped.
#[derive(Debug)]
pub struct Slot<'a> {
    slots: &'a Slots,
    since: Instant,
}

impl Slots {
    /// For so many streams.
    #[must_use]
    pub fn new(streams: usize) -> Self {
        let state = Mutex::new(State { free: streams.max(1), ..State::default() });
        Self { patience: PATIENCE, state, freed: Condvar::new() }
    }

    /// Whether what comes next is opened before it has a slot.
    #[must_use]
    pub fn are_brisk(&self) -> bool {
        self.state().is_brisk
    }

    /// The last place in the queue.
    pub fn queue(&self) -> Ticket<'_> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.waiting.insert(number);
        Ticket { slots: self, number }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket<'_> {
    /// Waits for a slot, after all that came before: for so long, or for ever; none then, or where we are asked to stop.
    pub fn take(&self, patience: Option<Duration>) -> Option<Slot<'_>> {
        let Self { slots, number } = self;
        let until = patience.map(|patience| Instant::now() + patience);
        let mut state = slots.state();
        while state.free == 0 || state.waiting.first() != Some(number) {
            if signals::received().is_some() || until.is_some_and(|until| Instant::now() >= until) {
                return None;
            }
            (state, _) = slots.freed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner);
        }
        state.free -= 1;
        state.waiting.remove(number);
        slots.freed.notify_all();
        Some(Slot { slots, since: Instant::now() })
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.slots.state().waiting.remove(&self.number);
        self.slots.freed.notify_all();
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.slots.state();
        state.free += 1;
        state.is_brisk = self.since.elapsed() <= BRISK;
        self.slots.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::{BRISK, Slot, Slots};
    use std::time::{Duration, Instant};

    const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

    #[test]
    fn no_more_flow_than_there_are_slots_and_in_their_order() {
        let slots = Slots::new(2);
        let tickets: Vec<_> = (0..4).map(|_| slots.queue()).collect();
        assert!(tickets[1].take(AT_ONCE).is_none(), "another was before");
        let (first, second) = (tickets[0].take(None).unwrap(), tickets[1].take(None).unwrap());
        assert!(tickets[2].take(Some(Duration::from_millis(60))).is_none());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| tickets[2].take(None).is_some());
            drop(first);
            assert!(waits.join().unwrap());
        });
        drop(second);
        let mut tickets = tickets;
        let last = tickets.pop().unwrap();
        assert!(last.take(AT_ONCE).is_some());
        // Who gives up keeps nobody waiting.
        let (gives_up, next) = (slots.queue(), slots.queue());
        drop(gives_up);
        assert!(next.take(AT_ONCE).is_some());
    }

    #[test]
    fn what_comes_next_is_opened_ahead_only_where_streams_are_short() {
        let slots = Slots::new(1);
        assert!(!slots.are_brisk(), "nobody knows yet");
        drop(slots.queue().take(None));
        assert!(slots.are_brisk());
        let ticket = slots.queue();
        let long = ticket
            .take(None)
            .map(|slot| Slot { since: Instant::now().checked_sub(BRISK * 2).unwrap(), slots: slot.slots });
        drop(long);
        assert!(!slots.are_brisk());
    }
}
