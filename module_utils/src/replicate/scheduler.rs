//! Several datasets at once, each after the ones that it waits for.

use std::sync::{Condvar, Mutex, PoisonError};

/// Runs `work(lane, index)` once for each index of `waits_for`: at most `lanes` at the same time, each in a lane that no other uses then,
/// and none before the earlier index that it waits for has ended. Lane 0 is the calling thread.
pub fn run(lanes: usize, waits_for: &[Option<usize>], work: impl Fn(usize, usize) + Sync) {
    if lanes <= 1 {
        return (0..waits_for.len()).for_each(|index| work(0, index));
    }
    let board = Mutex::new(Board { stages: vec![Stage::Waiting; waits_for.len()], first: 0 });
    let ended = Condvar::new();
    let lane = |number: usize| {
        let mut seen = board.lock().unwrap_or_else(PoisonError::into_inner);
        while seen.is_waiting() {
            if let Some(index) = seen.ready(waits_for) {
                seen.stages[index] = Stage::Running;
                drop(seen);
                work(number, index);
                seen = board.lock().unwrap_or_else(PoisonError::into_inner);
                seen.stages[index] = Stage::Ended;
                ended.notify_all();
            } else {
                // Whatever is waited for comes earlier, so something runs that will end.
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

    fn ready(&self, waits_for: &[Option<usize>]) -> Option<usize> {
        let ended = |before: usize| self.stages[before] == Stage::Ended;
        let ready = |index: &usize| self.stages[*index] == Stage::Waiting && waits_for[*index].is_none_or(ended);
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

    fn forest() -> impl Strategy<Value = Vec<Option<usize>>> {
        let parent =
            |index: usize, (has, at): (bool, prop::sample::Index)| (has && index > 0).then(|| at.index(index.max(1)));
        prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..12)
            .prop_map(move |all| all.into_iter().enumerate().map(|(index, one)| parent(index, one)).collect())
    }

    proptest! {
        #[test]
        fn each_once_after_what_it_waits_for_and_never_too_many(waits_for in forest(), lanes in 1_usize..5) {
            let order = Mutex::new(Vec::new());
            let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            run(lanes, &waits_for, |lane, index| {
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
                prop_assert!(before.is_none_or(|before| place(before) < place(index)));
            }
        }
    }

    #[test]
    fn what_does_not_wait_runs_at_once() {
        let both = std::sync::Barrier::new(2);
        run(2, &[None, None], |_, _| {
            both.wait();
        });
        run(1, &[], |_, _| unreachable!());
    }
}
