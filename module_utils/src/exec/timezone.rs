//! The time zone of this host.

use jiff::tz::TimeZone;
use std::path::Path;

/// The zone that `TZ` or `/etc/localtime` names, and a warning where it cannot be had. Without either it is UTC, as POSIX says.
#[must_use]
pub fn local() -> (TimeZone, Option<String>) {
    let named = std::env::var_os("TZ").filter(|tz| !tz.is_empty()).map(|tz| format!("TZ={}", tz.to_string_lossy()));
    let link = Path::new("/etc/localtime");
    if named.is_none() && link.symlink_metadata().is_err() {
        return (TimeZone::UTC, None);
    }
    match TimeZone::try_system() {
        Ok(zone) => (zone, None),
        Err(error) => {
            let named = named.unwrap_or_else(|| link.display().to_string());
            let warning = format!(
                "the time zone of this host is not known, so periods and names are in UTC: {named}: {error}. \
                 Install the time zone data (package tzdata), or set TZ"
            );
            (TimeZone::UTC, Some(warning))
        }
    }
}
