# Sourced by the build scripts: messages, and Debian packages from suites other than the host's own.
# The host's apt configuration is read for its mirror and otherwise neither used nor changed.

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

say() { echo "$(date +%T) lab: $*" >&2; }
die() { echo "lab: $*" >&2; exit 1; }

# The mirror this host already uses, in either form of apt's configuration.
mirror() {
  local found
  found=$(awk '/^URIs:/ && $2 ~ /\/debian\/?$/ {print $2; exit}' /etc/apt/sources.list.d/*.sources 2>/dev/null) || true
  [ -n "$found" ] || found=$(sed 's/\[[^]]*\]//' /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    awk '$1 == "deb" && $2 ~ /\/debian\/?$/ {print $2; exit}') || true
  found=${found:-http://deb.debian.org/debian}
  echo "${found%/}"
}

# zfs_suite SERIES: which suite has that release series of ZFS.
zfs_suite() {
  case $1 in
    2.1) echo bookworm ;;
    2.3) echo trixie ;;
    2.4) echo trixie-backports ;;
    *) die "FERRO_LAB_ZFS=$1: only 2.1 (bookworm), 2.3 (trixie) and 2.4 (trixie-backports) are known" ;;
  esac
}

# debian_release SERIES: the release whose userland goes with it.
debian_release() {
  local suite
  suite=$(zfs_suite "$1")
  echo "${suite%-backports}"
}

# private_apt DIR SERIES: sets APT to options that make apt-get and apt-cache see only the suites that go with that series of ZFS.
# Every index and package is verified against Debian's archive keyring; apt refuses what is not signed.
private_apt() {
  local dir=$1 release suite
  release=$(debian_release "$2")
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  for suite in "$release" "$release-backports"; do
    echo "deb [signed-by=$KEYRING] $(mirror) $suite main contrib"
  done >"$dir/sources.list"
  APT=(-qq
    -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache"
    -o APT::Sandbox::User=root -o APT::Get::AllowUnauthenticated=false -o Acquire::Retries=3)
  apt-get "${APT[@]}" update >&2 || die "apt cannot read $release from $(mirror)"
}

# fetch PACKAGE[=VERSION] DIR: downloads one package and unpacks it into DIR.
fetch() {
  local package=$1 dir=$2 deb
  mkdir -p "$dir"
  (cd "$dir" && apt-get "${APT[@]}" download "$package" >&2) || die "cannot download $package"
  for deb in "$dir"/*.deb; do
    dpkg-deb -x "$deb" "$dir" && rm "$deb"
  done
}
