//! Whatever bytes come: the reader of streams does not panic, and what it hands on is a plain stream, or several of one
//! dataset behind a head of our own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use module_utils::stream::reader::{Next, Parser, Standing, Step};
use module_utils::stream::record::{HEADER, package_head};

/// What the receiver would get, or nothing where the stream is refused or ends early.
fn received(stream: &[u8]) -> Option<Vec<u8>> {
    let (mut parser, mut rest, mut all) = (Parser::default(), stream, Vec::new());
    while !rest.is_empty() {
        match parser.step(&mut rest).ok()? {
            Step::Need(_) => {}
            Step::Payload(payload) => {
                let passed = usize::try_from(payload).unwrap().min(rest.len());
                let (now, later) = rest.split_at(passed);
                all.extend_from_slice(now);
                parser.passed(passed as u64);
                rest = later;
            }
            Step::Header(Next::Begin(_, standing)) => {
                if standing == Standing::FirstOfPackage {
                    all.extend(package_head(parser.header()).concat());
                }
                all.extend_from_slice(parser.header());
            }
            Step::Header(Next::Pass(_) | Next::End) => all.extend_from_slice(parser.header()),
            Step::Header(Next::Drop) => {}
        }
    }
    parser.end_of_input().ok().map(|()| all)
}

fuzz_target!(|stream: &[u8]| {
    let Some(all) = received(stream).filter(|all| !all.is_empty()) else { return };
    // By its first header a plain stream, or a head in which there is nothing; and to the reader the same again.
    let first = all.first_chunk::<HEADER>().unwrap();
    assert!(all[16] & 3 == 1 || all[..2 * HEADER] == package_head(first).concat());
    assert_eq!(received(&all), Some(all));
});
