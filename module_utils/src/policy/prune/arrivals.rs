//! Keeps account of what arrived when: one small file for each pool that holds replicas.

use super::Run;
use super::listing::Pool;
use crate::exec::atomic_file;
use crate::plan::arrivals::{Arrivals, Evidence};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

impl Run<'_> {
    /// What is known of a pool's arrivals, this run's included. In check mode nothing is written.
    pub(super) fn arrivals(&mut self, pool: &Pool) -> Evidence {
        let now = self.request.now;
        let file = match self.file_of(pool) {
            Ok(file) => file,
            Err(why) => {
                let effect =
                    "so of its replicas all count as having arrived just now, and none goes for lack of a place";
                self.pruned.warnings.add(format!("pool {}: {why}, {effect}", pool.name));
                return Evidence::default();
            }
        };
        let mut arrivals = match read(&file) {
            Ok(Some(arrivals)) => arrivals,
            Ok(None) => {
                self.first_seen.insert(pool.name.clone(), file.clone());
                Arrivals::default()
            }
            Err(why) => {
                let effect = "It is begun anew: what is in the pool now counts as having arrived just now";
                self.pruned.warnings.add(format!("pool {}: {} {why}. {effect}", pool.name, file.display()));
                Arrivals::default()
            }
        };
        if let Some(newest) = pool.newest {
            arrivals.note(&pool.view, now, newest);
        }
        if !self.check
            && let Err(error) = write(&file, &arrivals)
        {
            let effect = "so what has arrived since the last run will count as having arrived later than it did";
            let warning = format!("pool {}: {} cannot be written: {error}, {effect}", pool.name, file.display());
            self.pruned.warnings.add(warning);
        }
        arrivals.evidence(now)
    }

    fn file_of(&self, pool: &Pool) -> Result<PathBuf, String> {
        let folder = self.request.state_folder.as_ref();
        let folder = folder.ok_or("there is no folder for what is known of arrivals (set HOME or XDG_STATE_HOME)")?;
        let guid = self.zfs.pool_guid(&pool.name).map_err(|failure| format!("its guid is not known: {failure}"))?;
        Ok(folder.join("arrivals").join(format!("{guid}.json")))
    }
}

fn read(file: &Path) -> Result<Option<Arrivals>, String> {
    match fs::read(file) {
        Ok(text) => {
            let read = serde_json::from_slice::<Arrivals>(&text).ok().filter(Arrivals::is_sound);
            read.map(Some).ok_or_else(|| "holds something else than this program writes".to_owned())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn write(file: &Path, arrivals: &Arrivals) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_string(arrivals)?;
    atomic_file::replace_durably(file, &(text + "\n"))
}

/// Where a program keeps what it must not forget: what systemd says, else the usual place of root or of the user.
#[must_use]
pub fn state_folder(is_root: bool) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_unit = || Some(absolute("STATE_DIRECTORY")?.to_str()?.split(':').next()?.into());
    let of_root = || is_root.then(|| PathBuf::from("/var/lib/ferro-zfs"));
    let of_user =
        || Some(absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?.join("ferro-zfs"));
    of_unit().or_else(of_root).or_else(of_user)
}
