//! Typed instead of written into a file: words, flags, and what is wrong with them.

use super::host::{Host, Run};
use super::replicate;
use serde_json::json;
use std::fs;

const REPLICATE: &str = env!("CARGO_BIN_EXE_zfs_replicate");

fn typed<'h>(host: &'h Host, words: &[&str]) -> Run<'h> {
    host.program(&[&[REPLICATE], words].concat())
}

#[test]
fn words_are_sources_and_target() {
    let host = Host::new("vault").reaches("nas", "tank @1\n tank/a @1\n tank/cache @1");
    typed(&host, &["-n", "root@nas:tank", "vault", "--exclude", "tank/cache", "--no-bookmarks"]).is("
        * would send    tank    -> vault/tank    @1  full            1 snapshot  64.0 KiB
        * would send    tank/a  -> vault/tank/a  @1  full            1 snapshot  64.0 KiB
        check: 3 datasets: 2 would be sent, 1 excluded; 2 snapshots, about 128 KiB
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ nas: list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ nas: send -nvP -Lc tank@1
        $ nas: send -nvP -Lc tank/a@1
    ");
}

#[test]
fn flags_win_over_the_file() {
    let host = Host::new("tank @1 @2\n tank/a @1\n vault\n void");
    fs::write(host.path("o.json"), json!({"source": ["tank"], "target": "vault", "bookmarks": false}).to_string())
        .unwrap();
    let file = host.path("o.json").display().to_string();
    typed(&host, &[&file, "--target", "void", "--no-recursive", "--no-intermediates", "--retries=0"]).is("
        * sent          tank  -> void/tank  @2  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -d 1 tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS void/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS void void/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset void
        $ send -Lc tank@2
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 void/tank
        $ get -Hp -o name,value guid void/tank@2
        = void/tank canmount=off readonly=on ferro.zfs:replica=100 @2
    ");
    // From standard input, too, and for programs.
    let run = typed(&host, &["-", "--target=void", "--json", "--check"]);
    let result = run.stdin(fs::read(&file).unwrap()).result();
    assert_eq!(result["datasets"][1]["target"], "void/tank/a");
}

#[test]
fn properties_are_added_to_those_that_replicas_get() {
    let host = Host::new("tank @1\n vault");
    typed(&host, &["tank", "vault", "--no-bookmarks", "--receive-properties", "compression=zstd", "--retries=0"]).is("
        * sent          tank  -> vault/tank  @1  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o compression=zstd -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        = vault/tank canmount=off compression=zstd readonly=on ferro.zfs:replica=100 @1
    ");
}

#[test]
fn misuse_is_told_in_text_and_does_nothing() {
    let host = Host::new("tank @1\n vault");
    typed(&host, &["tank", "vault", "--recusrive"]).is("
        ! zfs_replicate: there is no option --recusrive; did you mean --recursive?
        ! zfs_replicate --help lists all options
        exit 2
    ");
    typed(&host, &["tank", "vault", "--raw", "alwyas"]).is(r#"
        ! error: option raw: expected one of auto, always, never, got "alwyas"; did you mean always?
        exit 2
    "#);
    typed(&host, &["root@nas", "vault"]).is(r#"
        ! zfs_replicate: "root@nas" is not [USER@]HOST:DATASET or DATASET: a host is followed by a colon, and datasets are replicated, not single snapshots (--snapshots.include)
        ! zfs_replicate --help lists all options
        exit 2
    "#);
    typed(&host, &["tank", "vault", "--source", "home"]).is("
        ! zfs_replicate: --source and tank say the same thing: give one of them
        ! zfs_replicate --help lists all options
        exit 2
    ");
    typed(&host, &["--source", "tank"]).is("
        ! error: missing required option 'target'
        exit 2
    ");
    typed(&host, &["tank", "--target", "vault"]).is("
        ! zfs_replicate: tank stands alone, so it would be the FILE with options, and there is none of that name. Give both ends as words, as in `root@nas:tank vault/replicas`, or both as options, --source and --target
        ! zfs_replicate --help lists all options
        exit 2
    ");
    typed(&host, &["root@nas:tank"]).is("
        ! zfs_replicate: the target is missing: say below which dataset root@nas:tank shall land, as in: zfs_replicate root@nas:tank vault/replicas
        !   (a word alone would be a FILE with options, and there is none of that name)
        ! zfs_replicate --help lists all options
        exit 2
    ");
    typed(&host, &["o.json", "-", "vault"]).is("
        ! zfs_replicate: - can only be a FILE with options, and that stands alone: beside it, datasets are named with --source and --target
        ! zfs_replicate --help lists all options
        exit 2
    ");
    typed(&host, &[]).is("
        ! zfs_replicate: there is nothing to do: say what with options, or name a FILE that holds them
        ! zfs_replicate --help lists all options
        exit 2
    ");
    // What is given as a file alone is answered as ever.
    replicate(&host, json!({"raw": "maybe"})).is(r#"
        ! error: option raw: expected one of auto, always, never, got "maybe"
        exit 2
    "#);
    let ended = replicate(&host, json!({"raw": "maybe"})).without_text().ended();
    assert_eq!((ended.status, ended.stderr.as_str()), (1, ""));
}

#[test]
fn help_has_every_option() {
    let host = Host::new("tank");
    let help = typed(&host, &["--help"]).ended();
    assert_eq!((help.status, help.stderr.as_str()), (0, ""));
    for line in [
        "  zfs_replicate [OPTION]... [[USER@]HOST:]SOURCE... [[USER@]HOST:]TARGET",
        "      --source DATASET        Datasets on the sending side. (may be repeated)",
        "      --ssh.port N            Port of the SSH server.",
        "      --[no-]recursive        Also replicate descendants. (default yes)",
        "  -n, --check                 Run only commands that read,",
    ] {
        assert!(help.stdout.lines().any(|it| it.starts_with(line)), "{line}\n{}", help.stdout);
    }
    assert!(help.stdout.lines().all(|line| line.chars().count() <= 100), "{}", help.stdout);
}
