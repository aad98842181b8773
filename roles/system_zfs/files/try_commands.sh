# shellcheck shell=sh
# Runs commands that change nothing, each an argument that is quoted for the shell. Prints what
# those that fail say, one line for each; not where a pool is not there yet, or where this ZFS has
# no such trial.
for trial; do
  said=$(LC_ALL=C sh -c "$trial" 2>&1 >/dev/null) && continue
  case $said in
    *"no such pool"* | *"invalid option"*) ;;
    *) printf '%s (%s)\n' "$(printf '%s' "$said" | tr '\n' ';' | sed 's/;/; /g')" "$trial" ;;
  esac
done
