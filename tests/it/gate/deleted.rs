//! What a gate with --allow-delete lets go, by its own clock.

use super::host::Host;
use super::{RECEIVE, gate};

#[test]
fn receive_lets_go_only_what_has_been_without_its_source_for_long_enough() {
    let host = Host::new("vault/a\n vault/a/x @1 @2");
    let allowing = [&RECEIVE[..], &["--allow-delete", "30d"]].concat();
    gate(&host, &allowing, "zfs set 'ferro.zfs:missing=2026-05-15T10:20:30Z/102/104' vault/a/x").is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        ! zfs_gate: refused: the mark says 2026-05-15T10:20:30Z, but it is 2026-06-15T10:20:30Z here: the clocks of both ends must agree [not_deleted_long_enough]
        exit 126
        $ list -Hp -r -t filesystem,volume -o name,guid vault/a/x
        $ list -Hp -r -t snapshot -o name,guid,createtxg vault/a/x
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:missing,ferro.zfs:placeholder vault/a/x
    ");
    gate(&host, &allowing, "zfs set 'ferro.zfs:missing=2026-06-15T10:20:30Z/102/104' vault/a/x").is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        $ list -Hp -r -t filesystem,volume -o name,guid vault/a/x
        $ list -Hp -r -t snapshot -o name,guid,createtxg vault/a/x
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:missing,ferro.zfs:placeholder vault/a/x
        $ set ferro.zfs:missing=2026-06-15T10:20:30Z/102/104 vault/a/x
        = vault/a/x ferro.zfs:missing=2026-06-15T10:20:30Z/102/104 @1 @2
    ");
    gate(&host, &allowing, "zfs destroy vault/a/x@1,2").is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        ! zfs_gate: refused: the source of vault/a/x is missing since 2026-06-15T10:20:30Z, and this gate lets go only what has been without for 30 days (--allow-delete) [not_deleted_long_enough]
        exit 126
        $ get -Hp -o property,value,source guid,ferro.zfs:placeholder vault/a/x
        $ list -Hp -t snapshot -o name -d 1 vault/a/x
        $ list -Hp -r -t filesystem,volume -o name,guid vault/a/x
        $ list -Hp -r -t snapshot -o name,guid,createtxg vault/a/x
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:missing,ferro.zfs:placeholder vault/a/x
    ");
    let late = |command| gate(&host, &allowing, command).env("FERRO_NOW", "2026-07-15T10:20:30Z");
    late("zfs destroy vault/a/x@1,2").is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        $ get -Hp -o property,value,source guid,ferro.zfs:placeholder vault/a/x
        $ list -Hp -t snapshot -o name -d 1 vault/a/x
        $ list -Hp -r -t filesystem,volume -o name,guid vault/a/x
        $ list -Hp -r -t snapshot -o name,guid,createtxg vault/a/x
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:missing,ferro.zfs:placeholder vault/a/x
        $ destroy vault/a/x@1,2
        = vault/a/x ferro.zfs:missing=2026-06-15T10:20:30Z/102/104
    ");
    late("zfs destroy vault/a/x").is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        $ get -Hp -o property,value,source guid,ferro.zfs:placeholder vault/a/x
        $ list -Hp -t snapshot -o name -d 1 vault/a/x
        $ list -Hp -r -t filesystem,volume -o name,guid vault/a/x
        $ list -Hp -r -t snapshot -o name,guid,createtxg vault/a/x
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:missing,ferro.zfs:placeholder vault/a/x
        $ destroy vault/a/x
        - vault/a/x
    ");
}
