//! Whether a permission is one that this ZFS has, and what to say where it is not. Pure.

use crate::model::code::codes;
use crate::model::permissions::{Permissions, is_permission};
use crate::model::suggest::nearest;
use crate::zfs::allow::UNLISTED;

/// Permissions that older releases do not have, and the one that brought them.
const SINCE: [(&str, &str); 14] = [
    ("send:raw", "2.4"),
    ("send:encrypted", "2.4"),
    ("receive:append", "2.4"),
    ("defaultuserquota", "2.4"),
    ("defaultgroupquota", "2.4"),
    ("defaultprojectquota", "2.4"),
    ("defaultuserobjquota", "2.4"),
    ("defaultgroupobjquota", "2.4"),
    ("defaultprojectobjquota", "2.4"),
    ("direct", "2.3"),
    ("longname", "2.3"),
    ("volthreading", "2.3"),
    ("prefetch", "2.2"),
    ("bookmark", "0.7"),
];

/// What is wrong with a list of permissions, if anything. `known` are those of this host's ZFS, `sets` those sets that are, or
/// are about to be, defined on the dataset or above it.
pub fn check(option: &str, wanted: &Permissions, known: &Permissions, sets: &Permissions) -> Result<(), Unknown> {
    let is_known = |name: &str| known.contains(name) || UNLISTED.contains(&name) || sets.contains(name);
    let Some(name) = wanted.iter().find(|name| !is_known(name)) else { return Ok(()) };
    let newer = SINCE.iter().find(|(newer, _)| newer == name);
    if let Some((_, since)) = newer {
        return Err(Unknown::TooOld { option: option.to_owned(), name: name.clone(), since });
    }
    let all = known.iter().chain(sets).map(String::as_str).chain(UNLISTED).chain(SINCE.map(|(name, _)| name));
    let hint = nearest(name, all).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
    let what = if name.starts_with('@') { "set is defined on the dataset or above it" } else { "permission of ZFS" };
    let words = if name.starts_with('@') {
        format!("option {option}: no {what} that is called {name:?}{hint}")
    } else {
        format!("option {option}: {name:?} is no {what}{hint}")
    };
    Err(Unknown::Wrong(words))
}

/// A permission that cannot be granted here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// No ZFS knows it.
    #[error("{0}")]
    Wrong(String),
    /// A newer ZFS knows it.
    #[error("option {option}: {name:?} came with OpenZFS {since}, this host has an older one")]
    TooOld {
        /// The option that it was found in.
        option: String,
        /// Its name.
        name: String,
        /// The release that brought it.
        since: &'static str,
    },
}

codes! {
    Unknown {
        Wrong => "permission_unknown",
        TooOld => "permission_too_new",
    }
}

/// Checks what can be said of a name without asking ZFS.
pub fn check_shape<'a>(option: &str, names: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    match names.into_iter().find(|name| !is_permission(name)) {
        Some(name) => {
            Err(format!("option {option}: {name:?} is neither a permission nor the name of a set such as @backup"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::model::permissions::Permissions;

    fn names(text: &str) -> Permissions {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_this_zfs_lacks_is_said() {
        let wrong = |wanted| {
            check("permissions", &names(wanted), &names("hold mount receive send snapshot"), &names("@backup"))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(wrong("send sned"), "option permissions: \"sned\" is no permission of ZFS; did you mean \"send\"?");
        assert_eq!(
            wrong("send:raw"),
            "option permissions: \"send:raw\" came with OpenZFS 2.4, this host has an older one"
        );
        assert_eq!(
            wrong("@backpu"),
            "option permissions: no set is defined on the dataset or above it that is called \"@backpu\"; did you mean \"@backup\"?"
        );
        assert_eq!(wrong("frobnicate"), "option permissions: \"frobnicate\" is no permission of ZFS");
        assert!(check("permissions", &names("send @backup receive:append"), &names("send"), &names("@backup")).is_ok());
    }
}
