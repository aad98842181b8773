//! What a full stream says is in a snapshot, as digests that do not depend on how the stream is cut or how its blocks are stored. Pure.
//!
//! Two pools give different streams of the same snapshot: one has a hole where the other stored zeros, one splits a large block, and each
//! says with which checksum and compression it stores. What is in the snapshot is the same: objects (files, directories, volumes), their
//! attributes and their bytes. A raw stream is as it is stored, so of that everything counts, down to the authentication codes.
//!
//! Source: `dump_dnode`, `dump_write`, `dump_spill` and `dump_object_range` in OpenZFS, module/zfs/dmu_send.c; structures in
//! include/sys/zfs_ioctl.h.

use super::reader::{Next, Parser, Standing, Step};
use super::record::{Fields, Header, Refused};
use sha2::{Digest, Sha256};

/// Bytes of an object that have one digest together. A block is never larger.
pub const CHUNK: u64 = 16 << 20;

/// What is a hole in one pool may be stored as zeros in another, in units of this.
const SECTOR: usize = 512;

/// Where in a snapshot something stands, in the order in which streams have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the object: of a file or directory what `stat` calls its inode.
    pub object: u64,
    /// What of it.
    pub part: Part,
}

/// A part of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Of a raw stream, the codes of all objects from this one on that are stored together.
    Range,
    /// What it is, and its attributes.
    Attributes,
    /// The bytes of the chunk of this number.
    Data(u64),
    /// Attributes that have no room beside the others.
    Spill,
}

/// A digest of what stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where.
    pub place: Place,
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// Bytes that were read for it.
    pub bytes: u64,
}

/// What the stream must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The guid of the snapshot.
    pub guid: u64,
    /// As it is stored, encrypted.
    pub raw: bool,
    /// From somewhere within on.
    pub resuming: bool,
}

/// Makes digests of a stream that comes in pieces of any size.
#[derive(Debug)]
pub struct Digester {
    expected: Expected,
    parser: Parser,
    /// Of the record that is being read, what has come.
    payload: Vec<u8>,
    chunk: Option<Chunk>,
    spill: Option<Item>,
    last: Option<Place>,
}

impl Digester {
    /// Nothing has come yet.
    #[must_use]
    pub fn new(expected: Expected) -> Self {
        Self { expected, parser: Parser::default(), payload: Vec::new(), chunk: None, spill: None, last: None }
    }

    /// Takes what comes next; each digest goes to `sink` as soon as it is whole.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Item)) -> Result<(), Refused> {
        while !bytes.is_empty() {
            match self.parser.step(&mut bytes)? {
                Step::Need(_) | Step::Header(Next::Pass(1..)) => {}
                Step::Header(Next::Pass(0)) => self.record(sink)?,
                Step::Header(Next::Begin(begin, standing)) => {
                    let is = Expected { guid: begin.to_guid, raw: begin.raw, resuming: begin.resuming };
                    if standing != Standing::Alone || begin.from_guid != 0 || is != self.expected {
                        return Err("it is another stream than was asked for".to_owned());
                    }
                }
                Step::Header(Next::Drop) => return Err("it is a package of streams".to_owned()),
                Step::Header(Next::End) => self.flush(sink)?,
                Step::Payload(left) => {
                    let taken = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    self.payload.extend_from_slice(&bytes[..taken]);
                    bytes = &bytes[taken..];
                    self.parser.passed(taken as u64);
                    if taken as u64 == left {
                        self.record(sink)?;
                        self.payload.clear();
                    }
                }
            }
        }
        Ok(())
    }

    /// What it means that no more comes.
    pub fn end_of_input(&self) -> Result<(), Refused> {
        self.parser.end_of_input()
    }

    /// A record is whole.
    fn record(&mut self, sink: &mut dyn FnMut(Item)) -> Result<(), Refused> {
        let header: Header = *self.parser.header();
        let fields = Fields(&header);
        let object = fields.u64(8);
        match fields.u32(0) {
            1 => {
                let digest = self.attributes(&header);
                self.turn_to(object, sink)?;
                self.tell(Item { place: Place { object, part: Part::Attributes }, ..digest }, sink)
            }
            3 => self.write(&header, sink),
            7 => {
                self.turn_to(object, sink)?;
                self.spill = Some(Item { place: Place { object, part: Part::Spill }, ..self.spilled(&header) });
                Ok(())
            }
            // Only of what is not encrypted, and of that nobody asks for it.
            8 => Err("it has embedded blocks, which were not asked for".to_owned()),
            9 => {
                self.flush(sink)?;
                let digest = item(&[&header[8..24], &header[32..72]], 0);
                self.tell(Item { place: Place { object, part: Part::Range }, ..digest }, sink)
            }
            // What is free, another pool may not mention; and the beginning says what it is, not what is in it.
            _ => Ok(()),
        }
    }

    /// Kind of object, kind and size of its attributes, and its size in the table of objects. Not with what it is stored: size of
    /// blocks, checksum and compression.
    fn attributes(&self, header: &Header) -> Item {
        let length = self.payload.len() as u64;
        if self.expected.raw {
            return item(&[&header[8..40], &header[48..59], &self.payload], length);
        }
        let bonus = usize::try_from(Fields(header).u32(28)).unwrap_or(usize::MAX).min(self.payload.len());
        item(&[&header[8..24], &header[28..32], &header[34..35], &self.payload[..bonus]], length)
    }

    fn spilled(&self, header: &Header) -> Item {
        let length = self.payload.len() as u64;
        if self.expected.raw {
            return item(&[&header[33..34], &header[40..85], &self.payload], length);
        }
        let used = self.payload.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        item(&[&self.payload[..used]], length)
    }

    fn write(&mut self, header: &Header, sink: &mut dyn FnMut(Item)) -> Result<(), Refused> {
        let fields = Fields(header);
        let (object, offset, is_compressed) = (fields.u64(8), fields.u64(24), fields.u8(50) != 0);
        if is_compressed && !self.expected.raw {
            return Err("it has compressed blocks, which were not asked for".to_owned());
        }
        let payload = std::mem::take(&mut self.payload);
        let mut at = 0;
        while at < payload.len() {
            let here = offset + at as u64;
            let number = here / CHUNK;
            let room = usize::try_from((number + 1) * CHUNK - here).unwrap_or(usize::MAX);
            // A raw block is one whole, whatever size it is stored in.
            let end = if self.expected.raw { payload.len() } else { payload.len().min(at.saturating_add(room)) };
            let place = Place { object, part: Part::Data(number) };
            if self.chunk.as_ref().is_none_or(|chunk| chunk.place != place) {
                self.turn_to(object, sink)?;
                self.close(sink)?;
                self.chunk = Some(Chunk::new(place));
            }
            let Some(chunk) = &mut self.chunk else { break };
            if self.expected.raw {
                chunk.add_raw(header, &payload)?;
            } else {
                chunk.add(here, &payload[at..end])?;
            }
            at = end;
        }
        self.payload = payload;
        Ok(())
    }

    /// What follows is of this object: what was open of another one is whole.
    fn turn_to(&mut self, object: u64, sink: &mut dyn FnMut(Item)) -> Result<(), Refused> {
        let open = self.chunk.as_ref().map(|chunk| chunk.place).or(self.spill.map(|spill| spill.place));
        if open.is_some_and(|place| place.object != object) { self.flush(sink) } else { Ok(()) }
    }

    fn flush(&mut self, sink: &mut dyn FnMut(Item)) -> Result<(), Refused> {
        self.close(sink)?;
        self.spill.take().map_or(Ok(()), |spill| self.tell(spill, sink))
    }

    fn close(&mut self, sink: &mut dyn FnMut(Item)) -> Result<(), Refused> {
        let item = self.chunk.take().and_then(Chunk::whole);
        item.map_or(Ok(()), |item| self.tell(item, sink))
    }

    /// Streams are compared side by side, so each must be in order.
    fn tell(&mut self, item: Item, sink: &mut dyn FnMut(Item)) -> Result<(), Refused> {
        if self.last.is_some_and(|last| last >= item.place) {
            return Err(format!("its records are out of order (object {})", item.place.object));
        }
        self.last = Some(item.place);
        sink(item);
        Ok(())
    }
}

fn item(parts: &[&[u8]], bytes: u64) -> Item {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    Item { place: Place { object: 0, part: Part::Range }, digest: hash.finalize().into(), bytes }
}

/// Bytes of an object that are read together.
#[derive(Debug)]
struct Chunk {
    place: Place,
    hash: Sha256,
    /// From where to where something stands that is not zero.
    runs: Vec<(u64, u64)>,
    bytes: u64,
}

impl Chunk {
    fn new(place: Place) -> Self {
        Self { place, hash: Sha256::new(), runs: Vec::new(), bytes: 0 }
    }

    fn add(&mut self, offset: u64, data: &[u8]) -> Result<(), Refused> {
        self.bytes += data.len() as u64;
        let sectors = data.chunks(SECTOR).enumerate();
        for (number, sector) in sectors.filter(|(_, sector)| sector.iter().any(|byte| *byte != 0)) {
            let from = offset + (number * SECTOR) as u64;
            self.run(from, sector.len() as u64)?;
            self.hash.update(sector);
        }
        Ok(())
    }

    /// A block as it is stored, with what decrypts and authenticates it.
    fn add_raw(&mut self, header: &Header, payload: &[u8]) -> Result<(), Refused> {
        self.bytes += payload.len() as u64;
        self.run(Fields(header).u64(24), Fields(header).u64(32))?;
        for part in [&header[8..40], &header[50..51], &header[96..140], payload] {
            self.hash.update(part);
        }
        Ok(())
    }

    fn run(&mut self, from: u64, length: u64) -> Result<(), Refused> {
        let to = from.saturating_add(length);
        match self.runs.last_mut() {
            Some((_, end)) if *end > from => Err(format!("its blocks are out of order (object {})", self.place.object)),
            Some((_, end)) if *end == from => {
                *end = to;
                Ok(())
            }
            _ => {
                self.runs.push((from, to));
                Ok(())
            }
        }
    }

    /// Nothing where there are zeros only.
    fn whole(mut self) -> Option<Item> {
        let (place, bytes) = (self.place, self.bytes);
        for (from, to) in &self.runs {
            self.hash.update(from.to_le_bytes());
            self.hash.update(to.to_le_bytes());
        }
        (!self.runs.is_empty()).then(|| Item { place, digest: self.hash.finalize().into(), bytes })
    }
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
