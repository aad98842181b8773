//! The `zfs` commands about many snapshots at once.

use super::batches::{self, COMMAND, POINTER};
use super::commands::{ONE_COMMAND, Zfs};
use super::parse::unexpected;
use super::rows::ReadRow;
use crate::exec::cmd::Cmd;
use crate::exec::limits::Expect;
use crate::exec::runner::{Attempt, Failure};
use crate::exec::stderr::Cause;
use crate::model::marks::{PLACEHOLDER, REPLICA};
use crate::model::{DatasetName, ShortName, SnapshotName};
use std::collections::{HashMap, HashSet};
use std::io::Write;

impl Zfs<'_> {
    /// Lists datasets, snapshots or bookmarks at `roots`, all of one pool, and below, line by line. What does not exist is left out.
    /// Where the roots are too many for a command, the whole pool is listed.
    pub fn tree(
        &self,
        roots: &[DatasetName],
        types: &str,
        columns: &'static str,
        read: &mut ReadRow<'_>,
    ) -> Result<(), Failure> {
        let cmd = Cmd::new("zfs").args(["list", "-Hp", "-r", "-t", types, "-o", columns]);
        let size: usize = roots.iter().map(|root| root.as_str().len() + POINTER).sum();
        let cmd = match roots.first() {
            Some(root) if size > COMMAND => cmd.arg(root.pool()),
            _ => cmd.args(roots),
        };
        self.rows(&cmd, columns, read)
    }

    /// Lists just these snapshots, in as few commands as hold their names. What does not exist is left out.
    pub fn snapshots<T: std::fmt::Display>(
        &self,
        names: &[T],
        columns: &'static str,
        read: &mut ReadRow<'_>,
    ) -> Result<(), Failure> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        for names in batches::split(&names, COMMAND, |name| name.len() + POINTER) {
            let cmd = Cmd::new("zfs").args(["list", "-Hp", "-t", "snapshot", "-o", columns]).args(names);
            self.rows(&cmd, columns, read)?;
        }
        Ok(())
    }

    /// Those of the datasets whose snapshots come from another host: the one mark is left on what `zfs_replicate` receives, the other
    /// on parents that it makes for that, and both are inherited. Values are not asked for: whoever sends a stream can put
    /// anything into them, line ends too.
    pub fn replicas(&self, datasets: &[&DatasetName]) -> Result<HashSet<String>, Failure> {
        let marks = format!("{REPLICA},{PLACEHOLDER}");
        let mut marked = HashSet::new();
        for batch in batches::split(datasets, COMMAND, |name| name.as_str().len() + POINTER) {
            let cmd = Cmd::new("zfs").args(["get", "-H", "-o", "name,source", &marks]).args(batch);
            self.rows(&cmd, "name,source", &mut |fields| {
                let [name, source] = fields else { return None };
                if *source != "-" {
                    marked.insert((*name).to_owned());
                }
                Some(())
            })?;
        }
        Ok(marked)
    }

    /// The guid of a pool.
    pub fn pool_guid(&self, pool: &str) -> Result<u64, Failure> {
        let cmd = Cmd::new("zpool").args(["get", "-Hp", "-o", "value", "guid", pool]);
        let said = self.run("list", &cmd)?.stdout;
        said.trim().parse().map_err(|_| {
            let attempt = Attempt { stage: "list", host: self.host, cmd: &cmd };
            attempt.failure(None, unexpected("zpool get", "guid", said.trim()).to_string(), Cause::Unexpected)
        })
    }

    /// Takes snapshots: all of them or none. They must be of one pool, and of different datasets.
    pub fn snapshot(&self, snapshots: &[SnapshotName]) -> Result<(), Failure> {
        self.run("snapshot", &Cmd::new("zfs").arg("snapshot").args(snapshots)).map(drop)
    }

    /// Destroys snapshots of a dataset in one command: all that are there, or none. Without a name nothing is done: a dataset itself
    /// cannot be meant.
    pub fn destroy(
        &self,
        stage: &'static str,
        dataset: &DatasetName,
        snapshots: &[ShortName],
        defer: bool,
    ) -> Result<(), Failure> {
        let Some(names) = joined(dataset, snapshots) else { return Ok(()) };
        let cmd = Cmd::new("zfs").arg("destroy");
        self.run(stage, &if defer { cmd.arg("-d") } else { cmd }.arg(names)).map(drop)
    }

    /// Destroys snapshots of any datasets of a pool in one command, which only root may, and gives those that it could not, each
    /// with the number of the error. It is what `zfs destroy` has the kernel do, less that all must go or none.
    ///
    /// Source: `dsl_destroy_snapshots_nvl` in OpenZFS, module/zfs/dsl_destroy.c.
    pub fn destroy_of_pool(
        &self,
        pool: &str,
        snapshots: &[&SnapshotName],
        defer: bool,
    ) -> Result<HashMap<String, i64>, Failure> {
        let how = if defer { "defer" } else { "now" };
        let cmd = Cmd::new("zfs").args(["program", "-j", pool, "-", how]).args(snapshots);
        let attempt = Attempt { stage: "destroy", host: self.host, cmd: &cmd };
        let mut stdout = Vec::new();
        let (reader, mut writer) = std::io::pipe().map_err(|error| attempt.not_run(&error))?;
        // The pipe holds more than the program has, so nobody need read yet.
        writer.write_all(DESTROY_PROGRAM.as_bytes()).map_err(|error| attempt.not_run(&error))?;
        drop(writer);
        let (status, stderr) = self
            .runner
            .stream_of(attempt, Expect::Change, reader.into(), &mut |bytes| stdout.extend_from_slice(bytes))?;
        if !status.success() {
            return Err(attempt.failed(status, &stderr));
        }
        let said: Result<Returned, _> = serde_json::from_slice(&stdout);
        said.map(|said| said.failed)
            .map_err(|error| attempt.failure(None, format!("unexpected output: {error}"), Cause::Unexpected))
    }

    /// How many bytes [`Self::destroy`] would free.
    pub fn reclaim(&self, dataset: &DatasetName, snapshots: &[ShortName]) -> Result<u64, Failure> {
        let Some(names) = joined(dataset, snapshots) else { return Ok(0) };
        let output = self.ask("estimate", &Cmd::new("zfs").args(["destroy", "-nvp"]).arg(names))?;
        Ok(output.stdout.lines().filter_map(|line| line.strip_prefix("reclaim\t")?.parse::<u64>().ok()).sum())
    }
}

/// What [`DESTROY_PROGRAM`] gives back.
#[derive(serde::Deserialize)]
struct Returned {
    #[serde(rename = "return")]
    failed: HashMap<String, i64>,
}

/// A name without `@` would be a dataset, so the program looks again. To destroy what is not there is no error for ZFS, but
/// nothing that we did: so it is told as one (2 is `ENOENT`).
const DESTROY_PROGRAM: &str = r#"
local argv = (...)["argv"]
local failed = {}
for i = 2, #argv do
  assert(string.find(argv[i], "@", 1, true))
  local errno = 2
  if zfs.exists(argv[i]) then
    errno = zfs.sync.destroy{argv[i], defer=(argv[1] == "defer")}
  end
  if errno ~= 0 then failed[argv[i]] = errno end
end
return failed
"#;

/// Parts snapshots of a dataset so that each part fits into one command.
#[must_use]
pub fn batches_of<'a>(dataset: &DatasetName, names: &'a [ShortName]) -> Vec<&'a [ShortName]> {
    batches::split(names, ONE_COMMAND - dataset.as_str().len() - 1, |name| name.as_str().len() + 1)
}

fn joined(dataset: &DatasetName, snapshots: &[ShortName]) -> Option<String> {
    let names: Vec<&str> = snapshots.iter().map(ShortName::as_str).collect();
    (!names.is_empty()).then(|| format!("{dataset}@{}", names.join(",")))
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn a_dataset_without_a_snapshot_is_never_destroyed() {
        let dataset = "tank/a".parse().unwrap();
        assert_eq!(joined(&dataset, &[]), None);
        assert_eq!(joined(&dataset, &["x".parse().unwrap(), "y".parse().unwrap()]).unwrap(), "tank/a@x,y");
    }
}
