//! Takes the two files of Swagger UI that its page needs out of the vendored archive, and compresses them as they are served.

#![allow(missing_docs, clippy::expect_used, reason = "a build that cannot go on has failed")]

use flate2::{Compression, write::GzEncoder};
use std::fs::File;
use std::io::{Cursor, copy};
use std::path::PathBuf;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

const FILES: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

fn main() {
    println!("cargo::rerun-if-changed=modules/zfs_monitor/build.rs");
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where"));
    let mut archive = zip::ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED)).expect("an archive");
    for name in FILES {
        let suffix = format!("/dist/{name}");
        let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
        let path = names.into_iter().find(|path| path.ends_with(&suffix)).expect("a file of Swagger UI");
        let mut file = archive.by_name(&path).expect("it was just found");
        let target = File::create(folder.join(format!("{name}.gz"))).expect("cargo's own folder");
        let mut encoder = GzEncoder::new(target, Compression::best());
        copy(&mut file, &mut encoder).expect("room for it");
        encoder.finish().expect("room for it");
    }
}
