# Sourced by scripts/test and .ci/run: installs Debian's packages that the tests drive.

# Installs what is missing; what cannot be installed is told, and its tests are skipped.
ensure_packages() {
  local is_updated=""
  _ensure_package chromium /usr/bin/chromium chromium fonts-dejavu-core
  _ensure_package chromium-headless-shell /usr/bin/chromium-headless-shell chromium-headless-shell
  _ensure_package postgresql '/usr/lib/postgresql/*/bin/postgres' postgresql
  _ensure_package mariadb /usr/sbin/mariadbd mariadb-server
  _ensure_package nginx /usr/sbin/nginx nginx-light
}

_ensure_package() { # name, what is there once it is installed, Debian's packages
  local name=$1 there=$2 log=/tmp/$1-install.log
  shift 2
  if compgen -G "$there" >/dev/null; then return 0; fi
  if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then return 0; fi
  say "installing $name (once)"
  if ! { _updated && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    say "$name could not be installed: see $log"
  fi
}

_updated() { # apt's lists of packages, once
  [[ -n $is_updated ]] || apt-get update -qq || return 1
  is_updated=1
}
