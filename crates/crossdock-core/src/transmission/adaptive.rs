//! How many attempts a system bears at once, learnt from how it answers: additive increase, multiplicative decrease, as
//! TCP does it. Never more than is configured.
//!
//! The signs of overload are a 429, a 5xx and no answer. Latency is none of them on purpose: the operations of one
//! system differ by orders of magnitude (a look takes 10 ms, a batch of a hundred rows a second), and a system that
//! answers more slowly because it is asked more has its slots filled for longer, which already slows what is sent.

/// The window, in thousandths of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adaptive {
    most: u64,
    window: u64,
    /// Below it every answer adds a slot; above it a whole window of answers does.
    fast_below: u64,
    /// How often it was cut. What began before the last cut tells nothing new about it.
    cuts: u64,
}

/// One slot.
const SLOT: u64 = 1_000;

impl Adaptive {
    /// All slots that are configured: nothing is known against them.
    pub fn new(concurrency_max: usize) -> Self {
        let most = (concurrency_max.max(1) as u64).saturating_mul(SLOT);
        Self { most, window: most, fast_below: most, cuts: 0 }
    }

    /// Attempts that may be under way at once.
    pub fn slots(&self) -> usize {
        usize::try_from(self.window / SLOT).unwrap_or(usize::MAX).max(1)
    }

    /// To be remembered with an attempt that begins now.
    pub fn mark(&self) -> u64 {
        self.cuts
    }

    /// An attempt was answered. Slots that were not all in use, not `crowded`, were not tried: they are no reason for
    /// more.
    pub fn answered(&mut self, crowded: bool) {
        if !crowded {
            return;
        }
        let more = match self.window < self.fast_below {
            true => SLOT,
            false => (SLOT * SLOT / self.window.max(SLOT)).max(1),
        };
        self.window = (self.window + more).min(self.most);
    }

    /// An attempt that began at `mark` found the system overloaded or away. One bad moment is met by all that are out:
    /// it cuts once.
    pub fn failed(&mut self, mark: u64) {
        if mark == self.cuts {
            self.cuts += 1;
            self.window = (self.window / 2).max(SLOT);
            self.fast_below = self.window;
        }
    }

    /// The system is back after it was left alone: begin with one, and double with every round of answers up to half of
    /// what is allowed. So nobody who has just stood up is run over by what waited for him.
    pub fn restart(&mut self) {
        self.cuts += 1;
        self.window = SLOT;
        self.fast_below = (self.most / 2).max(SLOT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Answers of one round: as many as there are slots.
    fn round(adaptive: &mut Adaptive) {
        let slots = adaptive.slots();
        (0..slots).for_each(|_| adaptive.answered(true));
    }

    #[test]
    fn one_bad_moment_halves_it_once_and_it_comes_back_slot_by_slot() {
        let mut adaptive = Adaptive::new(16);
        let mark = adaptive.mark();
        (0..16).for_each(|_| adaptive.failed(mark));
        assert_eq!(adaptive.slots(), 8);
        round(&mut adaptive);
        round(&mut adaptive);
        assert!((9..=10).contains(&adaptive.slots()), "{}", adaptive.slots());
        adaptive.failed(adaptive.mark());
        assert!((4..=5).contains(&adaptive.slots()), "a new failure counts: {}", adaptive.slots());
        (0..200).for_each(|_| round(&mut adaptive));
        assert_eq!(adaptive.slots(), 16);
    }

    #[test]
    fn who_is_back_is_asked_by_one_then_by_twice_as_many() {
        let mut adaptive = Adaptive::new(32);
        adaptive.restart();
        let mut seen = vec![adaptive.slots()];
        for _ in 0..5 {
            round(&mut adaptive);
            seen.push(adaptive.slots());
        }
        assert_eq!(seen[..5], [1, 2, 4, 8, 16]);
        assert_eq!(seen[5], 16, "then carefully");
    }

    #[test]
    fn slots_that_nobody_uses_do_not_grow() {
        let mut adaptive = Adaptive::new(16);
        adaptive.restart();
        (0..100).for_each(|_| adaptive.answered(false));
        assert_eq!(adaptive.slots(), 1);
    }

    proptest! {
        /// Whatever it hears: at least one slot, never more than configured, and with enough good answers all of them.
        #[test]
        fn it_stays_within_its_bounds_and_recovers(most in 1..64usize, heard in prop::collection::vec(0..3u8, 0..200)) {
            let mut adaptive = Adaptive::new(most);
            let mut mark = adaptive.mark();
            for (n, word) in heard.iter().enumerate() {
                match word {
                    0 => adaptive.answered(true),
                    1 => adaptive.failed(mark),
                    _ => adaptive.restart(),
                }
                if n % 3 == 0 {
                    mark = adaptive.mark();
                }
                prop_assert!((1..=most).contains(&adaptive.slots()));
            }
            (0..2 * most).for_each(|_| round(&mut adaptive));
            prop_assert_eq!(adaptive.slots(), most);
        }
    }
}
