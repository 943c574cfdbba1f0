//! Numbers that look random and are the same in every run: `SplitMix64`, seeded by what they are thrown for.

/// A sequence of its own for each purpose, so that adding one thing to the world does not change all others.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The sequence for the `nth` thing of a kind.
    pub(super) fn new(purpose: &str, nth: u32) -> Self {
        // FNV-1a
        let seed = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(seed ^ (u64::from(nth) << 32))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end`, without `end`; 0 where `end` is 0.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        let scaled = ((self.next() >> 32) * u64::from(end)) >> 32;
        u32::try_from(scaled).unwrap_or(0)
    }

    /// Whether something of so many percent happens.
    pub(super) fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    /// One of them; none of an empty list.
    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(u32::try_from(all.len()).unwrap_or(u32::MAX)) as usize)
    }

    /// One of these words.
    pub(super) fn word(&mut self, all: &[&'static str]) -> &'static str {
        self.pick(all).copied().unwrap_or_default()
    }
}
