# Sourced by the scripts beside it: finds a Python 3.11+, makes .venv once, keeps it up to date.
# Leaves ROOT (the repository) and, after ensure_venv, VENV_PYTHON. Needs nothing but bash and Python.
#
# VENV=<dir>     use this venv instead of .venv
# PYTHON=<path>  make the venv with this Python

ROOT=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
VENV=${VENV:-$ROOT/.venv}

# Relative paths are relative to the caller's directory, but the server runs in ROOT.
_absolute() { # the path
  if [[ $1 == /* ]]; then printf '%s' "$1"; else printf '%s' "$PWD/$1"; fi
}
_absolute_each() { # the paths, with colons between
  local path found=""
  while IFS= read -r -d : path; do
    if [[ -n $path ]]; then found+=${found:+:}$(_absolute "$path"); fi
  done <<<"$1:"
  printf '%s' "${found:-$1}"
}
_stripped() { # a value, as settings read it
  local text=$1
  text=${text#"${text%%[![:space:]]*}"}
  printf '%s' "${text%"${text##*[![:space:]]}"}"
}
VENV=$(_absolute "${VENV%/}")
if [[ ${PYTHON:-} == */* ]]; then PYTHON=$(_absolute "$PYTHON"); fi
VENV_PYTHON=$VENV/bin/python
for name in ARTEFACTS DATA_DIR CONNECTIONS_FILE NATS_CA_FILE NATS_CERT_FILE NATS_KEY_FILE NATS_ISSUER_SEED JWT_PUBLIC_KEY; do
  value=$(_stripped "${!name:-}")
  case $value in
    '' | '{'* | *-----BEGIN*) ;; # keys, not a file of them
    *) export "$name=$(_absolute "$value")" ;;
  esac
done
for name in DATA_ROOTS SHARED_DATA_ROOTS PROGRAM_READS; do
  value=$(_stripped "${!name:-}")
  if [[ -n $value ]]; then export "$name=$(_absolute_each "$value")"; fi
done
unset name value

unset PYTHONSAFEPATH # our modules are found in ROOT, where Python is started

say() { printf '%s\n' "$*" >&2; }

# Prints the head of the script, which is its help.
tell_head() {
  sed -n '2,/^[^#]/{/^#/{s/^# \{0,1\}//;p;};}' "$0"
}

# takes OPTION -- ARGUMENTS: ends a script that takes OPTION alone, or '' for none, where it is given something else. --help tells its head.
takes() {
  local option=$1 script
  shift 2
  if (($# == 0)) || [[ $# == 1 && -n $option && $1 == "$option" ]]; then return 0; fi
  if [[ $1 == --help || $1 == -h ]]; then
    tell_head
    exit 0
  fi
  script=$(readlink -f "$0")
  say "${script#"$ROOT"/}: it does not take $*"
  tell_head >&2
  exit 2
}

# Prints the first Python that is new enough and can make a venv, or says why there is none.
find_python() {
  local candidate seen="" no_venv=""
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python; do
    "$candidate" -c '' 2>/dev/null || continue
    if ! "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
      seen+=" $candidate is $("$candidate" -c 'import platform; print(platform.python_version())');"
    elif ! "$candidate" -c 'import venv, ensurepip' 2>/dev/null; then
      no_venv=$candidate
    else
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  if [[ -n $no_venv ]]; then
    say "$no_venv cannot make a venv. On Debian and Ubuntu: apt-get install python3-venv"
  else
    say "Python 3.11 or newer is needed;${seen:- no python3 was found;} set PYTHON=/path/to/python3"
  fi
  return 1
}

# ensure_venv requirements.lock …: installs these packages once, and only files whose hash stands in the list.
# For an unchanged list it only compares two files.
ensure_venv() {
  local name missing=()
  if ! _venv_works; then
    _may_be_cleared && _may_be_written || return 1
    rm -f "$VENV"/installed-*
  fi
  for name in "$@"; do
    cmp -s "$ROOT/$name" "$VENV/installed-$name" || missing+=("$name")
  done
  if ((${#missing[@]} == 0)); then return 0; fi
  _may_be_written || return 1
  # Two starts at the same time must not write into one venv.
  mkdir -p "$(dirname "$VENV")"
  local lock
  if command -v flock >/dev/null && lock=$(_lock_file); then
    (flock 9 && _fill_venv "${missing[@]}") 9>"$lock"
  else
    _fill_venv "${missing[@]}"
  fi
}

# Prints where the lock of the venv may lie: beside it, or else in the repository. Fails where neither may be written.
_lock_file() {
  local lock
  for lock in "$VENV.lock" "$ROOT/.venv.lock"; do
    if { : >>"$lock"; } 2>/dev/null; then
      printf '%s\n' "$lock"
      return 0
    fi
  done
  return 1
}

# Whether the venv's Python starts, and looks for packages where the venv has them: a new Python of the system looks elsewhere.
_venv_works() {
  "$VENV_PYTHON" -c 'import os, sys, sysconfig; sys.exit(not os.path.isdir(sysconfig.get_path("purelib")))' 2>/dev/null
}

# Whether a venv may be made in VENV, which clears it: a directory of the caller's own may hold anything.
_may_be_cleared() {
  local found
  if [[ $VENV == "$ROOT/.venv" || ! -e $VENV || -e $VENV/pyvenv.cfg ]]; then return 0; fi
  found=$(ls -A "$VENV" 2>&1) && [[ -d $VENV && -z $found ]] && return 0
  say "VENV=$VENV is no venv, and is left alone: name an empty directory, or one that is not there"
  return 1
}

# Whether the caller may make the venv, or renew it: it may be that of another user, whose Python nobody else can start.
_may_be_written() {
  local there=$VENV
  while [[ ! -e $there ]]; do there=$(dirname "$there"); done
  if [[ -w $there ]]; then return 0; fi
  say "$VENV has to be made anew, or renewed, and the user $(id -un) may not write into $there: let its owner call a script once, or set VENV=<dir>"
  return 1
}

_fill_venv() {
  local python name lists=()
  for name in "$@"; do
    cmp -s "$ROOT/$name" "$VENV/installed-$name" || lists+=(-r "$ROOT/$name")
  done
  if ((${#lists[@]} == 0)); then return 0; fi # another start filled it meanwhile
  if ! _venv_works; then
    python=$(find_python) || return 1
    say "making ${VENV} (once)"
    "$python" -m venv --clear "$VENV" || return 1
  fi
  say "installing $* (once)"
  # --no-user: a pip.conf may say otherwise for all of a person's installs, and a venv takes none of those
  "$VENV_PYTHON" -m pip install -qq --no-input --no-user --disable-pip-version-check --require-hashes "${lists[@]}" || {
    say "pip could not install $*: see above"
    return 1
  }
  for name in "$@"; do cp "$ROOT/$name" "$VENV/installed-$name"; done
}
