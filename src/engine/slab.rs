//! Values in numbered slots that are used again.

/// Slots below this are of requests and flights; events may give those above it, up to 2²⁸, another meaning.
pub(super) const MOST_SLOTS: u32 = 3 << 26;
/// How many slots there are above.
pub(super) const MOST_LINES: u32 = 1 << 26;

/// A store whose slots are reused, so memory follows what is in use, not what has passed through.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Stores a value.
    #[inline(always)]
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = value;
            slot
        } else {
            let slot = self.slots.len() as u32;
            assert!(slot < MOST_SLOTS, "more than 201 million requests in progress at once");
            self.slots.push(value);
            slot
        }
    }

    /// The value in a slot.
    #[inline(always)]
    pub(super) fn get(&self, slot: u32) -> &T {
        &self.slots[slot as usize]
    }

    /// The value in a slot, to change.
    #[inline(always)]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut T {
        &mut self.slots[slot as usize]
    }

    /// Frees a slot.
    #[inline(always)]
    pub(super) fn free(&mut self, slot: u32) {
        self.free.push(slot);
    }
}

impl<T: Copy> Slab<T> {
    /// Takes a value out of its slot.
    #[inline(always)]
    pub(super) fn take(&mut self, slot: u32) -> T {
        self.free(slot);
        self.slots[slot as usize]
    }
}
