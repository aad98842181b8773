//! How much fits into one command. Pure.

/// Bytes of one argument: Linux takes 128 KiB (`MAX_ARG_STRLEN`).
pub const ARGUMENT: usize = 120 * 1024;

/// Bytes of all arguments together: Linux takes a quarter of the stack's limit, mostly 2 MiB, with the environment.
pub const COMMAND: usize = 1_000_000;

/// What an argument costs besides its text: its end, and a pointer to it.
pub const POINTER: usize = 9;

/// Splits items into runs that cost at most `limit` each. An item that costs more is a run of its own.
pub fn split<T>(items: &[T], limit: usize, cost: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut runs = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (index, item) in items.iter().enumerate() {
        let cost = cost(item);
        if index > start && sum + cost > limit {
            runs.push(&items[start..index]);
            (start, sum) = (index, 0);
        }
        sum += cost;
    }
    if start < items.len() {
        runs.push(&items[start..]);
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::split;
    use proptest::prelude::*;

    #[test]
    fn runs_fit() {
        let split =
            |items: &[usize]| split(items, 10, |cost| *cost).into_iter().map(<[usize]>::to_vec).collect::<Vec<_>>();
        assert_eq!(split(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(split(&[4, 6, 1, 30, 2, 9]), [vec![4, 6], vec![1], vec![30], vec![2], vec![9]]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(items in proptest::collection::vec(0_usize..20, 0..50)) {
            let runs = split(&items, 10, |cost| *cost);
            prop_assert!(runs.iter().all(|run| run.len() == 1 || run.iter().sum::<usize>() <= 10));
            prop_assert_eq!(runs.concat(), items);
        }
    }
}
