# shellcheck shell=sh
# Prints which schedules systemd does not understand, or which never come. Arguments, three for
# each: the variable that says it, `calendar` or `timespan`, and what it says.
command -v systemd-analyze >/dev/null || exit 0
while [ $# -ge 3 ]; do
  if ! said=$(LC_ALL=C systemd-analyze "$2" -- "$3" 2>&1); then
    printf '%s: %s\n' "$1" "$(printf '%s\n' "$said" | head -n 1)"
  elif printf '%s\n' "$said" | grep -q 'Next elapse: never'; then
    printf "%s: '%s' never comes\n" "$1" "$3"
  fi
  shift 3
done
