# Sourced by the build scripts of aarch64 guests, on top of ../debian.sh.

# arm64_apt DIR SERIES: private_apt for packages of the guests' architecture.
arm64_apt() {
  private_apt "$1" "$2"
  APT+=(-o APT::Architecture=arm64 -o APT::Architectures=arm64)
  apt-get "${APT[@]}" update >&2 || die "apt cannot read packages of arm64 from $(mirror)"
}

# qemu TREE PROGRAM ARGUMENTS...: runs a program of the QEMU in a tree, with that tree's own C library.
qemu() {
  local tree=$1 program=$2
  shift 2
  "$tree/lib64/ld-linux-x86-64.so.2" --library-path "$tree/lib/x86_64-linux-gnu" "$tree/bin/$program" "$@"
}
