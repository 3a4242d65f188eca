use std::collections::{BTreeMap, HashSet};

use super::record::{Closing, Opening, Record};

/// Entries of one block.
const SIZE: usize = 32;

/// Entries in the order of opening, a block at a time: none is an allocation of its own, and the room for
/// closings is made when the first of a block is closed, since a call runs for minutes before that.
#[derive(Default)]
pub(super) struct Blocks {
    next: u64,
    blocks: BTreeMap<u64, Block>,
}

#[derive(Default)]
struct Block {
    // `None` once drained.
    openings: Vec<Option<Opening>>,
    // Empty, or as long as a block can be.
    closings: Vec<Option<Closing>>,
}

impl Blocks {
    /// Its place, to be closed by.
    pub(super) fn open(&mut self, opening: Opening) -> u64 {
        let id = self.next;
        self.next += 1;
        let block = self.blocks.entry(id / SIZE as u64).or_default();
        if block.openings.is_empty() {
            block.openings.reserve_exact(SIZE);
        }
        // A block is entered from its beginning, and one that is full or drained never again.
        block.openings.push(Some(opening));
        id
    }

    pub(super) fn close(&mut self, id: u64, closing: Closing) {
        // An open entry is never drained.
        let Some(block) = self.blocks.get_mut(&(id / SIZE as u64)) else {
            return;
        };
        if block.closings.is_empty() {
            block.closings.reserve_exact(SIZE);
            block.closings.resize_with(SIZE, || None);
        }
        block.closings[(id % SIZE as u64) as usize] = Some(closing);
    }

    pub(super) fn len(&self) -> usize {
        self.entries().count()
    }

    /// The entries of which `wanted` is true, copied.
    pub(super) fn records(&self, wanted: impl Fn(&Opening) -> bool) -> Vec<Record> {
        self.entries()
            .filter(|(opening, _)| wanted(opening))
            .map(|(opening, closing)| Record {
                opening: opening.clone(),
                closing: closing.cloned(),
            })
            .collect()
    }

    /// Takes out the entries of operations of which no attempt runs.
    pub(super) fn drain(&mut self) -> Vec<Record> {
        let running: HashSet<_> = self
            .entries()
            .filter(|(_, closing)| closing.is_none())
            .map(|(opening, _)| opening.operation)
            .collect();
        let mut done = Vec::new();
        let next = self.next;
        self.blocks.retain(|&number, block| {
            for (index, opening) in block.openings.iter_mut().enumerate() {
                if let Some(opening) = opening.take_if(|it| !running.contains(&it.operation)) {
                    let closing = block.closings.get_mut(index).and_then(Option::take);
                    done.push(Record { opening, closing });
                }
            }
            let filling = number == next / SIZE as u64;
            filling || block.openings.iter().any(Option::is_some)
        });
        done
    }

    fn entries(&self) -> impl Iterator<Item = (&Opening, Option<&Closing>)> {
        self.blocks.values().flat_map(|block| {
            let openings = block.openings.iter().enumerate();
            openings.filter_map(|(index, opening)| {
                let closing = block.closings.get(index).and_then(Option::as_ref);
                Some((opening.as_ref()?, closing))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        attempt::OperationId,
        model::{Class, End, Exposure, Outcome, Phase, Probability},
    };

    fn closing() -> Closing {
        let exposure = Exposure {
            probability: Probability::ONE,
            price: None,
        };
        let time = std::time::Duration::ZERO;
        Closing::new(Outcome::new(
            End::Finished,
            Class::Delivered,
            Phase::Body,
            time,
            exposure,
        ))
    }

    #[test]
    fn entries_keep_their_order_and_closings_their_entries_across_blocks_and_drains() {
        let mut blocks = Blocks::default();
        let operations: Vec<_> = (0..100).map(|_| OperationId::new()).collect();
        let mut opened = Vec::new();
        let (mut drained, mut runs) = (Vec::new(), Vec::new());
        for (index, operation) in operations.iter().enumerate() {
            opened.push(blocks.open(Opening::new(*operation, 1)));
            // Every third runs on; the others end a few entries later, the last first.
            if index % 5 == 4 {
                for back in 0..5 {
                    let index = index - back;
                    if index % 3 == 0 {
                        runs.push(operations[index]);
                    } else {
                        blocks.close(opened[index], closing());
                    }
                }
            }
            if index % 17 == 16 {
                drained.extend(blocks.drain());
            }
        }
        drained.extend(blocks.drain());
        assert!(drained.iter().all(|record| !record.is_open()));
        runs.sort_unstable();
        let open = blocks.records(|_| true);
        let left: Vec<_> = open.iter().map(|record| record.opening.operation).collect();
        assert_eq!(left, runs);
        assert_eq!(open.len() + drained.len(), 100);
        assert!(open.iter().all(Record::is_open));
        assert_eq!(blocks.len(), open.len());
    }
}
