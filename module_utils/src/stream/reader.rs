//! Reads a stream from record to record and says what may be handed on. Pure: bytes come in, verdicts come out.

use super::record::{Begin, HEADER, Header, PACKAGE, Record, Refused, read};
use crate::model::DatasetName;

/// What is to be done with a header that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A plain stream begins: if it is what was expected, the receiver gets this header and as many bytes after it. The first of a
    /// package goes behind a head of our own making ([`super::record::package_head`]).
    Begin(Begin, Standing),
    /// The receiver gets the header and as many bytes after it.
    Pass(u64),
    /// The receiver gets the header, and then nothing more: it has all that comes.
    End,
    /// Nobody gets the header: it belongs to the head of a package, or to a package with nothing in it.
    Drop,
}

/// Where a plain stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// On its own.
    Alone,
    /// The first one of a package.
    FirstOfPackage,
    /// A further one of a package.
    LaterInPackage,
}

/// Where in what comes the next header stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the very beginning.
    Start,
    /// Behind the head of a package.
    Head,
    /// Between the streams of a package.
    Between,
    /// Within a stream.
    Within { to_guid: u64, raw: bool, packed: bool },
    /// Behind the end.
    Done,
}

/// Reads headers in the order in which they come.
#[derive(Debug)]
pub struct Reader {
    place: Place,
    /// The last stream of the package: of which dataset, and the guid of its snapshot.
    before: Option<(DatasetName, u64)>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { place: Place::Start, before: None }
    }
}

impl Reader {
    /// Judges the next header.
    pub fn next(&mut self, header: &Header) -> Result<Next, Refused> {
        let raw = matches!(self.place, Place::Within { raw: true, .. });
        let (place, next) = match (self.place, read(header, raw)?) {
            (Place::Done, _) => return Err("more comes after its end".to_owned()),
            (Place::Start, Record::Package) => (Place::Head, Next::Drop),
            (Place::Head, Record::End { .. }) => (Place::Between, Next::Drop),
            (Place::Between, Record::End { .. }) if self.before.is_some() => (Place::Done, Next::End),
            (Place::Between, Record::End { .. }) => (Place::Done, Next::Drop),
            (Place::Start, Record::Begin(begin)) => (within(&begin, false), Next::Begin(begin, Standing::Alone)),
            (Place::Between, Record::Begin(begin)) => {
                let standing = follows(self.before.as_ref(), &begin)?;
                self.before = Some((begin.dataset.clone(), begin.to_guid));
                (within(&begin, true), Next::Begin(begin, standing))
            }
            (Place::Within { to_guid, packed, .. }, Record::End { to_guid: ended }) => {
                belongs(to_guid, ended)?;
                if packed { (Place::Between, Next::Pass(0)) } else { (Place::Done, Next::End) }
            }
            (place @ Place::Within { to_guid, .. }, Record::Change { to_guid: of, payload }) => {
                belongs(to_guid, of)?;
                (place, Next::Pass(payload))
            }
            (Place::Head | Place::Between | Place::Within { .. }, Record::Package) => {
                return Err(format!("within it begins {PACKAGE}"));
            }
            (_, record) => return Err(format!("it has a record where none belongs ({record:?})")),
        };
        self.place = place;
        Ok(next)
    }

    /// What the end of the input means.
    pub fn end_of_input(&self) -> Result<(), Refused> {
        match self.place {
            Place::Done => Ok(()),
            _ => Err("it ends early".to_owned()),
        }
    }
}

/// A package is one dataset's history: libzfs would make the rest of another name a child of the target.
fn follows(before: Option<&(DatasetName, u64)>, begin: &Begin) -> Result<Standing, Refused> {
    match before {
        None => Ok(Standing::FirstOfPackage),
        Some((dataset, _)) if *dataset != begin.dataset => {
            Err(format!("it brings {}@{} among snapshots of {dataset}", begin.dataset, begin.snapshot))
        }
        Some((_, guid)) if *guid != begin.from_guid => {
            Err(format!("@{} in it does not follow the snapshot before it", begin.snapshot))
        }
        Some(_) => Ok(Standing::LaterInPackage),
    }
}

fn within(begin: &Begin, packed: bool) -> Place {
    Place::Within { to_guid: begin.to_guid, raw: begin.raw, packed }
}

fn belongs(to_guid: u64, of: u64) -> Result<(), Refused> {
    if to_guid == of { Ok(()) } else { Err(format!("it has a record of another stream (guid {of})")) }
}

/// What a [`Parser`] wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many bytes more, to make a header whole.
    Need(usize),
    /// The receiver gets what [`Parser::header`] is, if there is anything to pass, and what [`Next`] says.
    Header(Next),
    /// The receiver gets so many of the bytes that come next.
    Payload(u64),
}

/// Puts headers together from bytes that come in pieces of any size.
#[derive(Debug)]
pub struct Parser {
    reader: Reader,
    header: Header,
    filled: usize,
    payload: u64,
}

impl Default for Parser {
    fn default() -> Self {
        Self { reader: Reader::default(), header: [0; HEADER], filled: 0, payload: 0 }
    }
}

impl Parser {
    /// What is to be done with the bytes that come next, of which these are the first. Takes as many of them as belong to a header, never
    /// any of a payload: those stay where they are, and [`Parser::passed`] says when they are gone.
    pub fn step(&mut self, bytes: &mut &[u8]) -> Result<Step, Refused> {
        if self.payload > 0 {
            return Ok(Step::Payload(self.payload));
        }
        let taken = bytes.len().min(HEADER - self.filled);
        let (head, rest) = bytes.split_at(taken);
        self.header[self.filled..self.filled + taken].copy_from_slice(head);
        self.filled += taken;
        *bytes = rest;
        if self.filled < HEADER {
            return Ok(Step::Need(HEADER - self.filled));
        }
        self.filled = 0;
        let next = self.reader.next(&self.header)?;
        self.payload = match &next {
            Next::Begin(begin, _) => begin.payload,
            Next::Pass(payload) => *payload,
            Next::End | Next::Drop => 0,
        };
        Ok(Step::Header(next))
    }

    /// So many bytes of the payload were handed on.
    pub fn passed(&mut self, bytes: u64) {
        self.payload = self.payload.saturating_sub(bytes);
    }

    /// The header that was judged last.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the end of the input means.
    pub fn end_of_input(&self) -> Result<(), Refused> {
        if self.filled > 0 || self.payload > 0 { Err("it ends early".to_owned()) } else { self.reader.end_of_input() }
    }
}
