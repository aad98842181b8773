//! Compresses what is served as it is: the two files of Swagger UI that its page needs, taken out of the vendored archive, and the
//! document that describes the API.

#![allow(missing_docs, clippy::expect_used, reason = "a build that cannot go on has failed")]

use flate2::{Compression, write::GzEncoder};
use std::fs::File;
use std::io::{Cursor, Read, copy};
use std::path::PathBuf;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

const DOCUMENT: &str = "modules/zfs_monitor/openapi.json";
const FILES: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

fn main() {
    println!("cargo::rerun-if-changed=modules/zfs_monitor/build.rs");
    println!("cargo::rerun-if-changed={DOCUMENT}");
    let mut archive = zip::ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED)).expect("an archive");
    for name in FILES {
        let suffix = format!("/dist/{name}");
        let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
        let path = names.into_iter().find(|path| path.ends_with(&suffix)).expect("a file of Swagger UI");
        pack(name, &mut archive.by_name(&path).expect("it was just found"));
    }
    pack("openapi.json", &mut File::open(DOCUMENT).expect("made by `make generate`"));
}

fn pack(name: &str, content: &mut impl Read) {
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where"));
    let target = File::create(folder.join(format!("{name}.gz"))).expect("cargo's own folder");
    let mut encoder = GzEncoder::new(target, Compression::best());
    copy(content, &mut encoder).expect("room for it");
    encoder.finish().expect("room for it");
}
