//! The options: those of `zfs_info`, and what only a service has.

use module_utils::ansible::args::from_args;
use module_utils::ansible::cli::spec::Spec;
use module_utils::ansible::validate;
use module_utils::model::units::Span;
use module_utils::status::gather::Request;
use module_utils::status::model::{Limits, Part};
use module_utils::status::options::Options;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

/// Where the role zfs_monitor puts Swagger UI.
const SWAGGER_UI: &str = "/usr/local/share/ferro-zfs/swagger-ui";

/// Options of the service alone.
const OWN: [&str; 7] =
    ["listen", "token_file", "status_interval", "dataset_interval", "snapshot_interval", "kstat_only", "swagger_ui"];

/// What was asked for, checked.
#[derive(Debug)]
pub struct Settings {
    /// What is looked at.
    pub request: Request,
    /// From when on something is wrong.
    pub limits: Limits,
    /// What is judged.
    pub parts: Vec<Part>,
    /// Addresses to listen at: `IP:PORT`, or the path of a socket.
    pub listen: Vec<String>,
    /// File with the token that readers must bring.
    pub token_file: Option<PathBuf>,
    /// How often each thing is asked.
    pub intervals: Intervals,
    /// Pools that are asked nothing, because their disks sleep.
    pub kstat_only: Vec<String>,
    /// The folder with Swagger UI.
    pub swagger_ui: PathBuf,
}

/// How often each thing is asked, at most.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// What a pool is and how its devices are.
    pub status: Duration,
    /// Which datasets there are.
    pub datasets: Duration,
    /// Which snapshots.
    pub snapshots: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    #[serde(default = "listen")]
    listen: Vec<String>,
    token_file: Option<String>,
    #[serde(default = "status_interval")]
    status_interval: Span,
    #[serde(default = "dataset_interval")]
    dataset_interval: Span,
    #[serde(default = "snapshot_interval")]
    snapshot_interval: Span,
    #[serde(default)]
    kstat_only: Vec<String>,
    swagger_ui: Option<PathBuf>,
}

fn listen() -> Vec<String> {
    vec!["127.0.0.1:10134".to_owned()]
}

fn status_interval() -> Span {
    Span::seconds(60)
}

fn dataset_interval() -> Span {
    Span::seconds(300)
}

fn snapshot_interval() -> Span {
    Span::seconds(900)
}

/// All that is wrong with them.
pub fn misfits(options: &Map<String, Value>) -> Vec<String> {
    let (own, shared) = parted(options.clone());
    let nothing = Spec::default();
    let mut all = validate::misfits::<Own>(&own, &nothing, &|_| Ok(()));
    all.extend(validate::misfits::<Options>(&shared, &nothing, &|_| Ok(())));
    if all.is_empty() {
        return Settings::new(options.clone()).err().into_iter().collect();
    }
    all.iter().map(ToString::to_string).collect()
}

/// The service's own options, and those of `zfs_info`.
fn parted(options: Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    options.into_iter().partition(|(name, _)| OWN.contains(&name.as_str()))
}

impl Settings {
    /// Reads and checks them.
    pub fn new(options: Map<String, Value>) -> Result<Self, String> {
        let (own, shared) = parted(options);
        let own: Own = from_args(own).map_err(|error| error.to_string())?;
        let shared: Options = from_args(shared).map_err(|error| error.to_string())?;
        let intervals = Intervals {
            status: at_least_a_second("status_interval", own.status_interval)?,
            datasets: at_least_a_second("dataset_interval", own.dataset_interval)?,
            snapshots: at_least_a_second("snapshot_interval", own.snapshot_interval)?,
        };
        Ok(Self {
            limits: shared.limits(),
            parts: shared.parts(),
            request: shared.into_request(None)?,
            listen: own.listen,
            token_file: own.token_file.map(PathBuf::from),
            intervals,
            kstat_only: own.kstat_only,
            swagger_ui: own.swagger_ui.unwrap_or_else(|| PathBuf::from(SWAGGER_UI)),
        })
    }
}

fn at_least_a_second(option: &str, span: Span) -> Result<Duration, String> {
    if span.0 < Duration::from_secs(1) {
        return Err(format!("option {option}: expected 1s or more; for pools whose disks sleep there is kstat_only"));
    }
    Ok(span.0)
}

#[cfg(test)]
mod tests {
    use super::{Settings, misfits};
    use serde_json::{Map, Value, json};

    fn settings(options: &Value) -> Result<Settings, String> {
        let Value::Object(options) = options else { return Settings::new(Map::new()) };
        Settings::new(options.clone())
    }

    #[test]
    fn nothing_is_needed_and_what_is_wrong_is_named() {
        let defaults = settings(&json!(null)).unwrap();
        assert_eq!(defaults.listen, ["127.0.0.1:10134"]);
        assert_eq!(defaults.intervals.snapshots.as_secs(), 900);
        let given =
            settings(&json!({"listen": "[::1]:1,/run/m.sock", "status_interval": "10s", "capacity_warning": "70"}))
                .unwrap();
        assert_eq!((given.listen.len(), given.limits.capacity_warning), (2, 70));
        for (options, part) in [
            (json!({"lisen": "x"}), "option lisen: unsupported option"),
            (json!({"status_interval": "0"}), "option status_interval: expected 1s or more"),
            (json!({"capacity_warning": 96}), "option capacity_warning: 96 is more"),
        ] {
            let error = settings(&options).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let told = |options: Value| misfits(options.as_object().unwrap());
        assert_eq!(told(json!({"listen": "[::1]:1"})), Vec::<String>::new());
        assert_eq!(told(json!({"lisen": "x", "status_interval": "soon", "capacity_warning": "much"})).len(), 3);
        assert_eq!(told(json!({"status_interval": "0s"})).len(), 1);
    }
}
