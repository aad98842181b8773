//! Whatever bytes come: the reader of streams does not panic, and what it hands on is plain streams, one for each receiver.
#![no_main]

use libfuzzer_sys::fuzz_target;
use module_utils::stream::reader::{Next, Parser, Step};
use module_utils::stream::record::HEADER;

/// What each receiver would get, or nothing where the stream is refused or ends early.
fn received(stream: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut parser, mut rest, mut all) = (Parser::default(), stream, Vec::<Vec<u8>>::new());
    while !rest.is_empty() {
        match parser.step(&mut rest).ok()? {
            Step::Need(_) => {}
            Step::Payload(payload) => {
                let passed = usize::try_from(payload).unwrap().min(rest.len());
                let (now, later) = rest.split_at(passed);
                all.last_mut().unwrap().extend_from_slice(now);
                parser.passed(passed as u64);
                rest = later;
            }
            Step::Header(Next::Begin(_)) => all.push(parser.header().to_vec()),
            Step::Header(Next::Pass(_) | Next::End) => all.last_mut().unwrap().extend_from_slice(parser.header()),
            Step::Header(Next::Drop) => {}
        }
    }
    parser.end_of_input().ok().map(|()| all)
}

fuzz_target!(|stream: &[u8]| {
    let Some(all) = received(stream) else { return };
    for one in all {
        // A plain stream by its first header, and to the reader the same again.
        assert_eq!(one[16] & 3, 1);
        assert!(one.len() >= 2 * HEADER);
        assert_eq!(received(&one), Some(vec![one.clone()]));
    }
});
