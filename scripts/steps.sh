# shellcheck shell=bash disable=SC2034,SC2164
# Sourced by the other scripts: messages, timed steps, and the places they share.
# A step prints a header, runs a command, and remembers how long it took and whether it failed.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}

say() { printf '%s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# version_at_least HAVE WANT: whether the dotted version HAVE is WANT or later.
version_at_least() {
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# hash_files: one line that names the content of the files listed on standard input, NUL apart.
hash_files() {
  if command -v sha256sum >/dev/null; then
    sort -z | xargs -0 sha256sum | sha256sum
  else
    sort -z | xargs -0 shasum -a 256 | shasum -a 256
  fi
}

FAILED=()

# step NAME COMMAND...: runs the command; a failure is remembered, and the next step still runs.
step() {
  local name=$1 start=$SECONDS verdict=ok
  shift
  # One file takes the rows of all steps, so that a script that calls another can print them all.
  if [ -z "${STEPS_LOG:-}" ]; then
    STEPS_LOG=$(mktemp)
    export STEPS_LOG
    trap 'rm -f "$STEPS_LOG"' EXIT
  fi
  printf '\n=== %s\n' "$name"
  if ! "$@"; then
    verdict=FAILED
    FAILED+=("$name")
  fi
  printf '=== %s: %s after %d s\n' "$name" "$verdict" $((SECONDS - start))
  printf '%6d s  %-6s  %s\n' $((SECONDS - start)) "$verdict" "$name" >>"$STEPS_LOG"
}

# need NAME COMMAND...: a step that all later ones stand on; a failure ends the run.
need() {
  step "$@"
  [ ${#FAILED[@]} -eq 0 ] || finish
}

# finish: prints the steps with their times, and ends with failure if one failed.
finish() {
  printf '\n=== Steps\n'
  cat "$STEPS_LOG"
  printf '%6d s  together\n' "$SECONDS"
  if [ ${#FAILED[@]} -gt 0 ]; then
    printf 'failed:\n' >&2
    printf '  %s\n' "${FAILED[@]}" >&2
    exit 1
  fi
  exit 0
}
