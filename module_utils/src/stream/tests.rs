//! Streams in a notation of their own, through the reader and through real pipes.

use super::inlet::{Inlet, Moved, Stopped};
use super::planned::Planned;
use super::reader::{Next, Parser, Standing, Step};
use super::record::{HEADER, Header, package_head};
use crate::model::Kind;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

const MAGIC: u64 = 0x2_f5ba_cbac;

fn header(kind: u32) -> Header {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&kind.to_le_bytes());
    header
}

fn with(mut header: Header, at: usize, bytes: &[u8]) -> Header {
    header[at..at + bytes.len()].copy_from_slice(bytes);
    header
}

/// A plain stream's beginning; features as in `DMU_BACKUP_FEATURE_*`.
fn begin(name: &str, from: u64, to: u64, features: u64) -> Header {
    let mut begin = header(0);
    for (at, value) in [(8, MAGIC), (16, 1 | features << 2), (40, to), (48, from)] {
        begin = with(begin, at, &value.to_le_bytes());
    }
    with(with(begin, 32, &2_u32.to_le_bytes()), 56, name.as_bytes())
}

fn package() -> Header {
    with(begin("tank/a@z", 0, 0, 4), 16, &(2_u64 | 4 << 2).to_le_bytes())
}

fn end(to: u64) -> Header {
    with(header(5), 40, &to.to_le_bytes())
}

/// A WRITE record of a block of this size.
fn write(to: u64, size: u64) -> Vec<u8> {
    let mut write = header(3);
    for (at, value) in [(8, 7), (32, size), (40, to)] {
        write = with(write, at, &value.to_le_bytes());
    }
    let write = with(write, 16, &19_u32.to_le_bytes());
    write.into_iter().chain((0..size).map(|at| u8::try_from(at % 251).unwrap_or(0))).collect()
}

fn plain(name: &str, from: u64, to: u64, sizes: &[u64]) -> Vec<u8> {
    let mut stream = begin(name, from, to, 4).to_vec();
    for size in sizes {
        stream.extend(write(to, *size));
    }
    stream.extend(end(to));
    stream
}

fn packed(streams: &[Vec<u8>]) -> Vec<u8> {
    [&package()[..], &end(0), &streams.concat(), &end(0)].concat()
}

/// A package as its receiver gets it: behind a head that is not the sender's.
fn handed_on(streams: &[Vec<u8>]) -> Vec<u8> {
    [package_head(streams[0][..HEADER].try_into().unwrap()).concat(), streams.concat(), end(0).to_vec()].concat()
}

/// The streams within, as names with guids, or why it is refused.
fn walked(stream: &[u8]) -> Result<Vec<String>, String> {
    let (mut parser, mut rest, mut found) = (Parser::default(), stream, Vec::new());
    while !rest.is_empty() {
        match parser.step(&mut rest)? {
            Step::Payload(payload) => {
                let passed = usize::try_from(payload).unwrap().min(rest.len());
                rest = &rest[passed..];
                parser.passed(passed as u64);
            }
            Step::Header(Next::Begin(begin, _)) => {
                found.push(format!("{} {}>{}", begin.snapshot, begin.from_guid, begin.to_guid));
            }
            Step::Need(_) | Step::Header(_) => {}
        }
    }
    parser.end_of_input().map(|()| found)
}

#[test]
fn plain_streams_and_packages_of_them_are_read() {
    assert_eq!(walked(&plain("tank/a@x", 0, 5, &[512, 131_072])).unwrap(), ["x 0>5"]);
    let two = [plain("tank/a@x", 1, 5, &[]), plain("tank/a@y", 5, 6, &[1024])];
    assert_eq!(walked(&packed(&two)).unwrap(), ["x 1>5", "y 5>6"]);
    assert_eq!(walked(&packed(&[])).unwrap(), [""; 0]);
}

#[test]
fn what_is_no_plain_stream_is_refused() {
    let sound = plain("tank/a@x", 0, 5, &[512]);
    let refused = |stream: Vec<u8>, why: &str| {
        let error = walked(&stream).unwrap_err();
        assert!(error.contains(why), "{error} lacks {why}");
    };
    let but = |at: usize, bytes: &[u8]| {
        let mut stream = sound.clone();
        stream[at..at + bytes.len()].copy_from_slice(bytes);
        stream
    };
    refused(sound[..sound.len() - 1].to_vec(), "it ends early");
    refused([sound.clone(), vec![0; HEADER]].concat(), "is no ZFS stream");
    refused([sound.clone(), sound.clone()].concat(), "more comes after its end");
    refused(vec![7; 1000], "unknown kind");
    refused(but(8, &MAGIC.swap_bytes().to_le_bytes()), "big-endian");
    refused(but(36, &1_u32.to_le_bytes()), "clone");
    refused(but(36, &16_u32.to_le_bytes()), "unknown flags");
    for feature in [0, 1, 18, 21, 26, 30, 40] {
        refused(but(16, &(1_u64 | 1 << (feature + 2)).to_le_bytes()), "features");
    }
    refused(but(32, &4_u32.to_le_bytes()), "neither filesystem nor volume");
    refused(but(4, &8_u32.to_le_bytes()), "8 bytes that do not belong there");
    refused(but(40, &0_u64.to_le_bytes()), "guids");
    refused(but(56, b"tank/../a@x\0"), "component");
    refused(but(56, b"tank/a@x@y\0"), "'@'");
    refused(but(56, b"tank/a\0xx"), "no snapshot");
    refused(but(56, &[b'a'; 256]), "no end");
    // Within it.
    refused(but(HEADER, &6_u32.to_le_bytes()), "deduplicated");
    refused(but(HEADER, &10_u32.to_le_bytes()), "redacted");
    refused(but(HEADER, &9_u32.to_le_bytes()), "OBJECT_RANGE");
    refused(but(HEADER + 40, &6_u64.to_le_bytes()), "another stream");
    for size in [0_u64, 513, 32 << 20, u64::MAX] {
        refused(but(HEADER + 32, &size.to_le_bytes()), "WRITE record with impossible values");
    }
    // As a package: with a list, within another, out of order.
    refused(with(package(), 4, &16_u32.to_le_bytes()).to_vec(), "zfs send -p or -R");
    refused([&package()[..], &end(0), &package()].concat(), "within it begins");
    refused([&package()[..], &sound].concat(), "where none belongs");
    refused(packed(&[plain("tank/a@x", 1, 5, &[]), plain("tank/a@y", 4, 6, &[])]), "does not follow");
    refused([packed(&[]), end(0).to_vec()].concat(), "more comes after its end");
    // libzfs would put it below the target, as tank/a's child.
    let child = [plain("tank/a@x", 1, 5, &[]), plain("tank/a/child@y", 5, 6, &[])];
    refused(packed(&child), "it brings tank/a/child@y among snapshots of tank/a");
}

#[test]
fn a_record_is_as_long_as_the_kernel_takes_it_for() {
    // OBJECT: the bonus buffer, rounded up; in a raw stream as it is.
    let object = |bonus: u32, raw: u32| {
        let object = with(with(header(1), 8, &7_u64.to_le_bytes()), 16, &19_u32.to_le_bytes());
        let object = with(with(object, 24, &512_u32.to_le_bytes()), 28, &bonus.to_le_bytes());
        with(with(object, 36, &raw.to_le_bytes()), 40, &5_u64.to_le_bytes())
    };
    let spill = |size: u64, stored: u64| {
        let spill = with(with(header(7), 8, &7_u64.to_le_bytes()), 16, &size.to_le_bytes());
        with(with(spill, 24, &5_u64.to_le_bytes()), 40, &stored.to_le_bytes())
    };
    let embedded = |stored: u32| {
        let embedded = with(with(header(8), 8, &7_u64.to_le_bytes()), 32, &5_u64.to_le_bytes());
        with(with(embedded, 48, &512_u32.to_le_bytes()), 52, &stored.to_le_bytes())
    };
    let payload = |header: &Header, raw: bool| match super::record::read(header, raw) {
        Ok(super::record::Record::Change { payload, .. }) => Some(payload),
        _ => None,
    };
    assert_eq!([payload(&object(5, 0), false), payload(&object(5, 192), true)], [Some(8), Some(192)]);
    assert_eq!(payload(&object(u32::MAX, 0), false), None);
    // A plain spill block is copied by its stored size into a buffer of its size: what lies about it is refused.
    assert_eq!([payload(&spill(512, 0), false), payload(&spill(512, 1024), false)], [Some(512), None]);
    assert_eq!([payload(&spill(1024, 512), true), payload(&spill(512, 1024), true)], [Some(512), None]);
    assert_eq!([payload(&embedded(9), false), payload(&embedded(113), false)], [Some(16), None]);
}

fn planned() -> Planned {
    Planned {
        dataset: "tank/a".parse().unwrap(),
        kind: Kind::Filesystem,
        raw: false,
        resuming: false,
        from_guid: 1,
        clone: false,
        snapshots: [("x", 5), ("y", 6), ("z", 7)].map(|(name, guid)| (name.to_owned(), guid)).into(),
    }
}

#[test]
fn a_stream_is_what_was_planned_or_refused() {
    let begun = |header: &Header| match super::record::read(header, false) {
        Ok(super::record::Record::Begin(begin)) => begin,
        other => panic!("{other:?}"),
    };
    let check = |header: Header| planned().check(&begun(&header));
    let sound = begin("tank/a@x", 1, 5, 4);
    assert_eq!(check(sound), Ok(()));
    for (wrong, why) in [
        (begin("tank/b@x", 1, 5, 4), "it is of tank/b@x, but tank/a was asked for"),
        (begin("tank/a@w", 1, 5, 4), "it brings tank/a@w with guid 5"),
        (begin("tank/a@x", 1, 6, 4), "it brings tank/a@x with guid 6"),
        (begin("tank/a@x", 2, 5, 4), "builds upon guid 2, not upon 1"),
        (with(sound, 36, &1_u32.to_le_bytes()), "it is a clone's stream (tank/a@x)"),
        (with(sound, 32, &3_u32.to_le_bytes()), "is a volume"),
        (begin("tank/a@x", 1, 5, 1 << 24), "comes raw, but was asked for plain"),
        (begin("tank/a@x", 1, 5, 1 << 20), "the rest of an interrupted stream"),
    ] {
        let error = check(wrong).unwrap_err();
        assert!(error.contains(why), "{error} lacks {why}");
    }
    // What was destroyed on the source meanwhile may be missing, the last one not; and nothing comes twice.
    let mut all = planned();
    assert_eq!(all.check(&begun(&begin("tank/a@y", 1, 6, 4))), Ok(()));
    assert!(all.expects_more());
    assert!(all.clone().check(&begun(&begin("tank/a@x", 6, 5, 4))).is_err());
    assert_eq!(all.check(&begun(&begin("tank/a@z", 6, 7, 4))), Ok(()));
    assert!(!all.expects_more());
}

#[test]
fn nothing_of_a_packages_head_is_handed_on() {
    let streams = [plain("tank/a@x", 1, 5, &[512]), plain("tank/a@y", 5, 6, &[])];
    let mut stream = packed(&streams);
    // What libzfs acts upon: features (holds), flags, guids, another name; and the checksum of its list.
    for (at, bytes) in [(18, &[1_u8][..]), (36, &[4]), (40, &[9; 16]), (56, b"tank/b@x\0"), (HEADER + 8, &[7; 32])] {
        stream[at..at + bytes.len()].copy_from_slice(bytes);
    }
    assert_eq!(received(&stream, &[97]), Ok(Some(handed_on(&streams))));
    let head = handed_on(&streams);
    assert_eq!((&head[..16], head[16]), (&with(header(0), 8, &MAGIC.to_le_bytes())[..16], 2));
    assert_eq!(&head[56..65], b"tank/a@x\0");
    // libzfs compares it before it reads on.
    assert_eq!(checksum_of(&head), fletcher_4_of(&head[..HEADER]));
}

/// The checksum in the record that ends a package's head.
fn checksum_of(head: &[u8]) -> Vec<u64> {
    head[HEADER + 8..HEADER + 40].chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect()
}

/// Sums of sums, as slowly as the definition says it.
fn fletcher_4_of(bytes: &[u8]) -> Vec<u64> {
    let words: Vec<u64> = bytes.chunks(4).map(|word| u64::from(u32::from_le_bytes(word.try_into().unwrap()))).collect();
    let sums = |words: &[u64]| (1..=words.len()).map(|upto| words[..upto].iter().sum()).collect::<Vec<u64>>();
    let (a, mut all) = (sums(&words), Vec::new());
    let mut now = a;
    for _ in 0..4 {
        all.push(*now.last().unwrap());
        now = sums(&now);
    }
    all
}

/// What the receiver gets of a stream that comes in chunks of these sizes, through real sockets; none where there was no stream.
fn received(stream: &[u8], chunks: &[usize]) -> Result<Option<Vec<u8>>, String> {
    let (mut tap, from) = UnixStream::pair().unwrap();
    from.set_nonblocking(true).unwrap();
    let (mut inlet, mut got, mut rest, mut chunk) = (Inlet::default(), None, stream, chunks.iter().cycle());
    let mut receiver: Option<(UnixStream, UnixStream)> = None;
    let drain = |(to, out): (UnixStream, UnixStream)| {
        drop(to);
        let mut all = Vec::new();
        (&out).read_to_end(&mut all).unwrap();
        all
    };
    loop {
        match inlet.advance(&from, receiver.as_ref().map(|(to, _)| to), 1 << 20) {
            Ok(Moved::Some(_)) => {}
            Ok(Moved::Empty) if rest.is_empty() => tap.shutdown(std::net::Shutdown::Write).unwrap(),
            Ok(Moved::Empty) => {
                let (now, later) = rest.split_at((*chunk.next().unwrap()).clamp(1, rest.len()));
                tap.write_all(now).unwrap();
                rest = later;
            }
            Ok(Moved::Begin(_, standing)) => {
                if standing != Standing::LaterInPackage {
                    assert!(receiver.replace(UnixStream::pair().unwrap()).is_none());
                }
                inlet.accept();
            }
            Ok(Moved::Whole) => assert!(got.replace(drain(receiver.take().unwrap())).is_none()),
            Ok(Moved::Ended) => return inlet.end_of_input().map(|()| got),
            // Sockets cannot be spliced: a large payload that never comes whole.
            Err(Stopped::Error(nix::errno::Errno::EINVAL)) => return Err("it ends early".to_owned()),
            Err(Stopped::Refused(reason)) => return Err(reason),
            other => panic!("{other:?}"),
        }
    }
}

/// Sizes of blocks; all below what would be spliced, as sockets cannot be.
fn sizes() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec((1_u64..6).prop_map(|sectors| sectors * 512), 0..4)
}

proptest! {
    // tests/fuzz goes further.
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_receiver_gets_all_streams_whole(
        all in prop::collection::vec(sizes(), 1..4), chunks in prop::collection::vec(50_usize..5000, 1..6)
    ) {
        let mut from = 1;
        let streams: Vec<Vec<u8>> = all.iter().map(|sizes| {
            from += 1;
            plain("tank/a@x", from - 1, from, sizes)
        }).collect();
        prop_assert_eq!(received(&packed(&streams), &chunks), Ok(Some(handed_on(&streams))));
        prop_assert_eq!(received(&streams[0], &chunks), Ok(Some(streams[0].clone())));
    }

    #[test]
    fn whatever_comes_the_receiver_gets_plain_streams_only(
        sizes in sizes(), changes in prop::collection::vec((0_usize..4000, any::<u8>()), 0..4), cut in any::<prop::sample::Index>(),
        wrap in prop_oneof![Just(false), Just(true)]
    ) {
        let sound = plain("tank/a@x", 1, 5, &sizes);
        let mut stream = if wrap { packed(&[sound]) } else { sound };
        for (at, byte) in changes {
            let at = at % stream.len();
            stream[at] = byte;
        }
        stream.truncate(cut.index(stream.len() + 1).max(1));
        // In one piece or byte by byte, the verdict is the same.
        let verdict = walked(&stream);
        prop_assert_eq!(&received(&stream, &[1 << 20]).is_ok(), &verdict.is_ok());
        if let Ok(Some(got)) = received(&stream, &[97]) {
            // To the reader the same again, and its first header is a plain stream's, or of a head in which there is nothing.
            prop_assert_eq!(walked(&got), verdict);
            let first: &Header = got[..HEADER].try_into().unwrap();
            let plain = got[16] & 3 == 1;
            prop_assert!(plain || got[..2 * HEADER] == package_head(first).concat());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000), at in 0_usize..312) {
        let _ = walked(&bytes);
        let mut stream = plain("tank/a@x", 1, 5, &[512]);
        let length = stream.len();
        for (index, byte) in bytes.iter().enumerate() {
            stream[(at + index) % length] = *byte;
        }
        let _ = walked(&stream);
    }
}
