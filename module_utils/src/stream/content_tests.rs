//! Streams of the same contents, cut and stored in different ways.

use super::{CHUNK, Digester, Expected, Item, Part};
use crate::stream::record::{HEADER, Header};

const PLAIN: Expected = Expected { guid: 7, raw: false, resuming: false };

fn header(kind: u32, fields: &[(usize, u64)]) -> Header {
    let mut header = [0; HEADER];
    for (at, value) in fields {
        header[*at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    header[..4].copy_from_slice(&kind.to_le_bytes());
    header
}

fn begin(raw: bool) -> Vec<u8> {
    let features = if raw { 1 << 24 } else { 4 };
    let mut begin = header(0, &[(8, 0x2_f5ba_cbac), (16, 1 | features << 2), (32, 2), (40, 7)]);
    begin[56..64].copy_from_slice(b"tank/a@s");
    begin.to_vec()
}

fn object(number: u64, block_size: u64, bonus: &[u8]) -> Vec<u8> {
    let sizes = block_size | (bonus.len() as u64) << 32;
    let head = header(1, &[(8, number), (16, 0x13 | 0x2c << 32), (24, sizes), (40, 7)]);
    [&head[..], bonus].concat()
}

fn write(number: u64, offset: u64, data: &[u8]) -> Vec<u8> {
    let head = header(3, &[(8, number), (16, 19), (24, offset), (32, data.len() as u64), (40, 7)]);
    [&head[..], data].concat()
}

fn free(number: u64, offset: u64, length: u64) -> Vec<u8> {
    header(4, &[(8, number), (16, offset), (24, length), (32, 7)]).to_vec()
}

fn spill(number: u64, data: &[u8]) -> Vec<u8> {
    [&header(7, &[(8, number), (16, data.len() as u64), (24, 7)])[..], data].concat()
}

fn end() -> Vec<u8> {
    header(5, &[(40, 7)]).to_vec()
}

fn digested(expected: Expected, stream: &[u8], size: usize) -> Result<Vec<Item>, String> {
    let (mut digester, mut items) = (Digester::new(expected), Vec::new());
    for piece in stream.chunks(size) {
        digester.push(piece, &mut |item| items.push(item))?;
    }
    digester.end_of_input().map(|()| items)
}

fn places(items: &[Item]) -> Vec<(u64, Part)> {
    items.iter().map(|item| (item.place.object, item.place.part)).collect()
}

#[test]
fn the_same_contents_have_the_same_digests_however_they_are_cut_and_stored() {
    let mut data = vec![0; 4096];
    data[600..700].fill(3);
    data[3000..4096].fill(4);
    let whole = [begin(false), object(2, 4096, &[1; 8]), write(2, CHUNK - 2048, &data), end()].concat();
    let split = [
        begin(false),
        object(2, 1024, &[1; 8]),
        free(2, 0, 512),
        write(2, CHUNK - 2048 + 512, &data[512..2048]),
        write(2, CHUNK, &data[2048..2560]),
        write(2, CHUNK + 512, &data[2560..]),
        free(2, 9 * CHUNK, u64::MAX),
        end(),
    ]
    .concat();
    let digests = |items: Vec<Item>| items.into_iter().map(|item| (item.place, item.digest)).collect::<Vec<_>>();
    let first = digested(PLAIN, &whole, 100_000).unwrap();
    assert_eq!(places(&first), [(2, Part::Attributes), (2, Part::Data(0)), (2, Part::Data(1))]);
    for size in [1, 311, 1000, 100_000] {
        assert_eq!(digests(digested(PLAIN, &split, size).unwrap()), digests(first.clone()));
    }
}

#[test]
fn whatever_is_different_has_another_digest() {
    let data: Vec<u8> = (0..2048_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let of = |bonus: &[u8], offset, data: &[u8], more: &[u8]| {
        let stream =
            [begin(false), object(2, 4096, bonus), write(2, offset, data), spill(2, more), object(3, 512, &[]), end()];
        digested(PLAIN, &stream.concat(), 700).unwrap()
    };
    let good = of(&[1; 8], 0, &data, &[5; 512]);
    let parts = [(2, Part::Attributes), (2, Part::Data(0)), (2, Part::Spill), (3, Part::Attributes)];
    assert_eq!(places(&good), parts);
    let mut flipped = data.clone();
    flipped[1700] ^= 1;
    let mut moved = vec![0; 512];
    moved.extend_from_slice(&data[..1536]);
    for (changed, number) in [
        (of(&[2; 8], 0, &data, &[5; 512]), 0),
        (of(&[1; 8], 512, &data, &[5; 512]), 1),
        (of(&[1; 8], 0, &flipped, &[5; 512]), 1),
        (of(&[1; 8], 0, &moved, &[5; 512]), 1),
        (of(&[1; 8], 0, &data, &[6; 512]), 2),
    ] {
        let different: Vec<_> = (0..4).filter(|at| changed[*at].digest != good[*at].digest).collect();
        assert_eq!(different, [number]);
    }
}

#[test]
fn zeros_and_holes_are_alike() {
    let stored = [begin(false), object(2, 4096, &[]), write(2, 0, &[0; 4096]), end()].concat();
    assert_eq!(places(&digested(PLAIN, &stored, 512).unwrap()), [(2, Part::Attributes)]);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let refused = |expected, stream: &[Vec<u8>]| digested(expected, &stream.concat(), 1000).unwrap_err();
    let backwards = [begin(false), object(3, 512, &[]), object(2, 512, &[]), end()];
    assert_eq!(refused(PLAIN, &backwards), "its records are out of order (object 2)");
    let back = [begin(false), object(2, 512, &[]), write(2, 512, &[1; 512]), write(2, 0, &[1; 512]), end()];
    assert_eq!(refused(PLAIN, &back), "its blocks are out of order (object 2)");
    assert_eq!(refused(Expected { guid: 8, ..PLAIN }, &[begin(false)]), "it is another stream than was asked for");
    assert_eq!(refused(PLAIN, &[begin(true)]), "it is another stream than was asked for");
    assert_eq!(refused(PLAIN, &[begin(false), object(2, 512, &[])]), "it ends early");
}

#[test]
fn of_a_raw_stream_everything_counts() {
    let raw = Expected { raw: true, ..PLAIN };
    let of = |mac: u8, byte: u8| {
        let mut block = header(3, &[(8, 2), (16, 19), (24, 0), (32, 512), (40, 7), (96, 512)]);
        block[50] = 2;
        block[124] = mac;
        let range = header(9, &[(8, 0), (16, 32), (24, 7)]).to_vec();
        let stream = [begin(true), range, object(2, 512, &[]), block.to_vec(), vec![byte; 512], end()].concat();
        digested(raw, &stream, 999).unwrap()
    };
    let good = of(1, 0);
    assert_eq!(places(&good), [(0, Part::Range), (2, Part::Attributes), (2, Part::Data(0))]);
    for other in [of(2, 0), of(1, 1)] {
        assert!(other[..2] == good[..2] && other[2].digest != good[2].digest);
    }
}
