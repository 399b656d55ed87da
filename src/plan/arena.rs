use super::{Limits, Place};

/// One page of the state arena: a buffer per state tensor in use ("lane"), all of one size, so that a parameter has the same offset
/// in each and a lane is never split. A page ends where the next parameter would not fit in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The kernel variant whose states these are.
    pub variant: usize,
    /// Bytes of each lane.
    pub size: u64,
}

/// Where the state of every parameter lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arena {
    /// The pages, in order of first use.
    pub pages: Vec<Page>,
}

impl Arena {
    /// Finds room for a parameter of `len` elements. Each begins where it can be bound on its own and is padded to that alignment, so
    /// that state is always accessed as vectors.
    pub fn place(&mut self, variant: usize, len: u64, limits: &Limits) -> Place {
        let alignment = limits.alignment.max(16);
        let room = len.saturating_mul(4).checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
        let last = self.pages.iter().rposition(|page| page.variant == variant);
        let index = match last {
            Some(index) if self.pages[index].size.saturating_add(room) <= limits.buffer => index,
            _ => {
                self.pages.push(Page { variant, size: 0 });
                self.pages.len() - 1
            }
        };
        let page = &mut self.pages[index];
        let offset = page.size;
        page.size = offset.saturating_add(room);
        Place { buffer: index, offset, room }
    }
}
