//! The folder for what a run leaves in the file system while it lasts, locks and sockets: ours alone, so that nobody else can stop or
//! disturb a run by what he puts there.

use nix::unistd::{AccessFlags, Uid, access};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The first of the places for it where it is, or can be made.
pub fn own_folder() -> Result<PathBuf, String> {
    let uid = nix::unistd::geteuid();
    first_of(&places(uid, std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)), uid)
}

/// Root has a folder where only root may make one; others one in a folder for all, which is checked. A service whose file system is
/// read-only has its runtime directory.
fn places(uid: Uid, runtime: Option<PathBuf>) -> Vec<PathBuf> {
    let runtime = runtime.map(|folder| folder.join("ferro-zfs"));
    if uid.is_root() {
        return std::iter::once(PathBuf::from("/run/ferro-zfs")).chain(runtime).collect();
    }
    let of_all = |folder: &str| Some(Path::new(folder).join(format!("ferro-zfs-{uid}")));
    [of_all("/run/lock"), runtime, of_all("/tmp")].into_iter().flatten().collect()
}

fn first_of(places: &[PathBuf], uid: Uid) -> Result<PathBuf, String> {
    let mut reasons = Vec::new();
    for place in places {
        match made_ours(place, uid) {
            Ok(()) => return Ok(place.clone()),
            Err(reason) => reasons.push(format!("{}: {reason}", place.display())),
        }
    }
    Err(format!(
        "there is no safe folder for locks and sockets ({}). A systemd unit makes one with RuntimeDirectory=ferro-zfs",
        reasons.join("; ")
    ))
}

/// Makes the folder if need be, and looks that nobody else can write there or put another in its place.
fn made_ours(folder: &Path, uid: Uid) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let parent = folder.parent().ok_or("no folder above it")?;
    // What is above may be a link, as /var/lock is on some systems; then the folder that it leads to counts.
    let above = fs::metadata(parent).map_err(said)?;
    let by_others = |mode: u32| mode & 0o022 != 0;
    let is_sticky = above.mode() & 0o1000 != 0;
    if ![0, uid.as_raw()].contains(&above.uid()) || (by_others(above.mode()) && !is_sticky) {
        return Err("others may put what they like into the folder above it".to_owned());
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(said(error)),
        _ => {}
    }
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_DIRECTORY;
    let opened: File = OpenOptions::new().read(true).custom_flags(flags).open(folder).map_err(said)?;
    let found = opened.metadata().map_err(said)?;
    if found.uid() != uid.as_raw() {
        return Err(format!("it belongs to uid {}, not to {uid}", found.uid()));
    }
    if by_others(found.mode()) {
        return Err(format!("its mode is {:o}, so that others may write there", found.mode() & 0o7777));
    }
    if found.mode() & 0o077 != 0 {
        // Whoever may open a folder may lock it.
        opened.set_permissions(Permissions::from_mode(0o700)).map_err(said)?;
    }
    access(folder, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|error| said(error.into()))
}

#[cfg(test)]
mod tests {
    use super::{first_of, places};
    use nix::unistd::{Uid, geteuid};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    #[test]
    fn root_has_a_place_that_nobody_else_can_write() {
        let runtime = Some(PathBuf::from("/run/user/7"));
        let shown = |uid| {
            places(Uid::from_raw(uid), runtime.clone()).iter().map(|p| p.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(shown(0), ["/run/ferro-zfs", "/run/user/7/ferro-zfs"]);
        assert_eq!(shown(7), ["/run/lock/ferro-zfs-7", "/run/user/7/ferro-zfs", "/tmp/ferro-zfs-7"]);
    }

    #[test]
    fn a_folder_is_made_private_and_found_again() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("ferro-zfs");
        for _ in 0..2 {
            assert_eq!(first_of(std::slice::from_ref(&folder), geteuid()).unwrap(), folder);
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
            fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn what_another_has_put_there_is_not_taken() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        fs::create_dir(at("elsewhere")).unwrap();
        symlink(at("elsewhere"), at("link")).unwrap();
        fs::write(at("file"), "").unwrap();
        fs::create_dir(at("open")).unwrap();
        fs::set_permissions(at("open"), Permissions::from_mode(0o770)).unwrap();
        fs::create_dir(at("crowd")).unwrap();
        fs::set_permissions(at("crowd"), Permissions::from_mode(0o777)).unwrap();
        let bad = ["link", "file", "open", "crowd/ours", "missing/ours"].map(at);
        let good = at("good");
        let all: Vec<PathBuf> = bad.iter().chain([&good]).cloned().collect();
        assert_eq!(first_of(&all, geteuid()).unwrap(), good);
        assert_eq!(fs::read_dir(at("elsewhere")).unwrap().count(), 0);
        let error = first_of(&bad, geteuid()).unwrap_err();
        assert!(error.contains("open: its mode is 770, so that others may write there"), "{error}");
        assert!(error.contains("ours: others may put what they like into the folder above it"), "{error}");
        // Somebody else's, and a folder of all with the sticky bit.
        fs::set_permissions(at("crowd"), Permissions::from_mode(0o1777)).unwrap();
        let shared = at("crowd/ours");
        assert_eq!(first_of(std::slice::from_ref(&shared), geteuid()).unwrap(), shared);
        if geteuid().is_root() {
            std::os::unix::fs::chown(&shared, Some(4711), None).unwrap();
            let error = first_of(&[shared], geteuid()).unwrap_err();
            assert!(error.contains("it belongs to uid 4711, not to 0"), "{error}");
        }
    }
}
