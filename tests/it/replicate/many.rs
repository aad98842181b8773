//! Many datasets: what goes on while others flow.

use super::host::Host;
use super::replicate;
use serde_json::json;

#[test]
fn each_bookmark_is_there_before_its_stream_and_goes_after_its_successor_has_arrived() {
    let names: Vec<String> = (0..40).map(|number| format!("tank/d{number:02}")).collect();
    let host = Host::new(&format!("tank @1\n {} @1\n vault", names.join(" @1\n ")));
    replicate(&host, json!({})).ended();
    let take = |number: u8| {
        for name in &names {
            host.zfs(&format!("snapshot {name}@{number}"));
        }
    };
    take(2);
    replicate(&host, json!({})).ended();
    let log = host.log();
    let at =
        |begin: &str| log.lines().position(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{begin}: {log}"));
    for name in &names {
        let [bookmark, send] =
            [format!("bookmark {name}@2 "), format!("send -Lc -i @1 {name}@2")].map(|line| at(&line));
        let [receive, destroy] =
            [format!("receive -u -s vault/{name}"), format!("destroy {name}#")].map(|line| at(&line));
        assert!(bookmark < send && receive < destroy, "{name}: {log}");
    }
    for (number, command, says) in [
        (3, "destroy", "our older bookmarks stay on the source: permission denied (tank/d00#"),
        (4, "bookmark", "no bookmark is made, so the snapshot must stay on the source: permission denied (tank/d00@4"),
    ] {
        take(number);
        let complaint = format!("cannot {command} bookmark 'tank#x': permission denied");
        let ended = replicate(&host, json!({})).fails(&format!("{command} *"), &complaint).ended();
        let warnings: Vec<&str> = ended.stderr.lines().filter(|line| line.contains("warning: ")).collect();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(says) && warnings[0].ends_with(" and 37 more)"), "{warnings:?}");
    }
}
