//! Several datasets at once, each after the ones that it waits for.

use std::sync::{Condvar, Mutex, PoisonError};

/// Runs `work(lane, index, queue())` once for each index of `waits_for`: at most `lanes` at the same time, each in a lane that no other
/// uses then, and none before those that it waits for have ended, which must not lie in a circle. `queue` is called in the order in
/// which they begin. Lane 0 is the calling thread.
pub fn run<T>(
    lanes: usize,
    waits_for: &[Vec<usize>],
    queue: impl Fn() -> T + Sync,
    work: impl Fn(usize, usize, T) + Sync,
) {
    let board = Mutex::new(Board { stages: vec![Stage::Waiting; waits_for.len()], first: 0 });
    let ended = Condvar::new();
    let lane = |number: usize| {
        let mut seen = board.lock().unwrap_or_else(PoisonError::into_inner);
        while seen.is_waiting() {
            if let Some(index) = seen.ready(waits_for) {
                seen.stages[index] = Stage::Running;
                let place = queue();
                drop(seen);
                work(number, index, place);
                seen = board.lock().unwrap_or_else(PoisonError::into_inner);
                seen.stages[index] = Stage::Ended;
                ended.notify_all();
            } else {
                // There is no circle, so something runs that will end.
                seen = ended.wait(seen).unwrap_or_else(PoisonError::into_inner);
            }
        }
    };
    std::thread::scope(|scope| {
        let lane = &lane;
        for number in 1..lanes.min(waits_for.len()) {
            scope.spawn(move || lane(number));
        }
        lane(0);
    });
}

/// How far all are.
struct Board {
    stages: Vec<Stage>,
    /// Nothing before this one waits.
    first: usize,
}

impl Board {
    fn is_waiting(&mut self) -> bool {
        while self.stages.get(self.first).is_some_and(|stage| *stage != Stage::Waiting) {
            self.first += 1;
        }
        self.first < self.stages.len()
    }

    fn ready(&self, waits_for: &[Vec<usize>]) -> Option<usize> {
        let ended = |before: &usize| self.stages[*before] == Stage::Ended;
        let ready = |index: &usize| self.stages[*index] == Stage::Waiting && waits_for[*index].iter().all(ended);
        (self.first..self.stages.len()).find(ready)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Running,
    Ended,
}

#[cfg(test)]
mod tests {
    use super::run;
    use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    /// What waits for what: the first for none, each other for any of those before it, all of them in any order.
    fn order() -> impl Strategy<Value = Vec<Vec<usize>>> {
        let waits = prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), 0..12);
        (waits, any::<bool>()).prop_map(|(all, backwards)| {
            let (count, at) = (all.len(), |index: usize, last: usize| if backwards { last - index } else { index });
            let mut order = vec![Vec::new(); count];
            for (index, before) in all.into_iter().enumerate().skip(1) {
                order[at(index, count - 1)] = before.iter().map(|one| at(one.index(index), count - 1)).collect();
            }
            order
        })
    }

    proptest! {
        #[test]
        fn each_once_after_what_it_waits_for_and_never_too_many(waits_for in order(), lanes in 1_usize..5) {
            let order = Mutex::new(Vec::new());
            let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            run(lanes, &waits_for, || (), |lane, index, ()| {
                assert!(lane < lanes);
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_micros(100));
                now.fetch_sub(1, Ordering::SeqCst);
                order.lock().unwrap().push(index);
            });
            let order = order.into_inner().unwrap();
            prop_assert!(most.into_inner() <= lanes);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..waits_for.len()).collect::<Vec<_>>());
            let place = |index| order.iter().position(|one| *one == index);
            for (index, before) in waits_for.iter().enumerate() {
                prop_assert!(before.iter().all(|before| place(*before) < place(index)));
            }
        }
    }

    #[test]
    fn what_does_not_wait_runs_at_once() {
        let both = std::sync::Barrier::new(2);
        run(
            2,
            &[vec![], vec![]],
            || (),
            |_, _, ()| {
                both.wait();
            },
        );
        run(1, &[], || (), |_, _, ()| unreachable!());
    }
}
