#!/usr/bin/env bash
# Executes a job of a running server with curl alone, for cron, CI and shells.
set -euo pipefail
export LC_ALL=C.UTF-8

usage() {
  cat <<'TEXT'
usage: TOKEN=… scripts/execute.sh JOB [--param NAME=VALUE]… [--from-run RUN --from-node NODE] [--watch]

  JOB                 a job's id, or its name
  --param NAME=VALUE  the value of a parameter of the job, as --param day=2026-11-27; others have their defaults
  --from-run RUN      begin with what a run before kept (docs/kept_outputs.md) …
  --from-node NODE    … at the node with this number; parameters that are not given have that run's values
  --watch             print what the run's nodes report until it ends

  TOKEN            bearer token, for example TOKEN=$(scripts/token)
  URL              the server, default http://127.0.0.1:8080
  IDEMPOTENCY_KEY  the same key executes once, however often it is sent; default: a new one

Prints the run's id as the first line. Exit code:
  0  the run was accepted; with --watch: it completed
  1  with --watch: the run failed
  2  wrong usage, or the server refused or could not be reached
  3  with --watch: the run was cancelled
  4  with --watch: the run was lost
TEXT
}

fail() {
  printf 'execute.sh: %s\n' "$*" >&2
  exit 2
}

job="" watch="" given=() from_run="" from_node=""
while (($#)); do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --watch) watch=yes ;;
    --param)
      (($# > 1)) || fail "--param needs NAME=VALUE; see --help"
      given+=("$2")
      shift
      ;;
    --param=*) given+=("${1#--param=}") ;;
    --from-run | --from-node)
      (($# > 1)) || fail "$1 needs a value; see --help"
      if [[ $1 == --from-run ]]; then from_run=$2; else from_node=$2; fi
      shift
      ;;
    --from-run=*) from_run=${1#*=} ;;
    --from-node=*) from_node=${1#*=} ;;
    -*) fail "unknown option $1; see --help" ;;
    *) [[ -z $job ]] || fail "one job at a time; see --help" && job=$1 ;;
  esac
  shift
done
for value in ${given[@]+"${given[@]}"}; do
  [[ $value =~ ^[A-Za-z][A-Za-z0-9_]*= ]] || fail "--param $value is not NAME=VALUE; see --help"
done
[[ ${from_run:+x} == "${from_node:+x}" ]] || fail "--from-run and --from-node go together; see --help"
[[ $from_run =~ ^[A-Za-z0-9_-]{0,64}$ ]] || fail "--from-run $from_run is no run's id; see --help"
[[ $from_node =~ ^[0-9]{0,15}$ ]] || fail "--from-node $from_node is no node's number; see --help"
[[ -n $job ]] || { usage >&2 && exit 2; }
[[ -n ${TOKEN:-} ]] || fail 'TOKEN is not set: export TOKEN=$(scripts/token)'
[[ $TOKEN =~ ^[A-Za-z0-9._-]+$ ]] || fail "TOKEN holds characters that no token has"
url=${URL:-http://127.0.0.1:8080}
url=${url%/}
why="" # no server answers
key=${IDEMPOTENCY_KEY:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}

# Past proxies goes what the caller's no_proxy names, which --noproxy would replace, and this machine.
direct=${no_proxy:-${NO_PROXY:-}}
if [[ $direct != '*' ]]; then direct="127.0.0.1,localhost,::1${direct:+,$direct}"; fi

# The token goes through a pipe: a command line is seen by every user of the machine.
call() {
  curl -sS --noproxy "$direct" --connect-timeout 5 -H 'Accept: application/json' "$@" \
    -K <(printf 'header = "Authorization: Bearer %s"\n' "$TOKEN")
}

# is_answered METHOD PATH [curl options]: leaves $status and $body; false where no server answers, and why is in $why
is_answered() {
  local method=$1 path=$2 answer code=0
  shift 2
  answer=$(call -X "$method" --max-time 30 -w '\n%{errormsg}\n%{http_code}' "$@" "$url$path" 2>/dev/null) || code=$?
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  why=${answer##*$'\n'} # of a curl from 2021 on
  body=${answer%$'\n'*}
  case $code in
    0) return 0 ;;
    127) why="there is no curl here" ;;
    *) why=${why:-curl ended with $code} ;;
  esac
  return 1
}

ask() {
  is_answered "$@" || fail "no server answers at $url ($why): start one with scripts/run, or set URL"
}

# string NAME: the value of the first "NAME": "…" in stdin, escapes undone, on one line and without control characters
string() {
  local text
  text=$(
    { grep -oE "\"$1\": ?\"([^\"\\\\]|\\\\.)*\"" || true; } | head -n 1 |
      sed -E 's/^"[^"]*": ?"//; s/"$//; s|\\(["/])|\1|g; s/\\u[dD][89a-fA-F][0-9a-fA-F]{2}/?/g'
  )
  printf '%b' "$text" | tr '\n\t' '  ' | tr -d '\000-\037\177'
}

number() {
  { grep -oE "\"$1\": ?-?[0-9]+" || true; } | head -n 1 | sed -E 's/.*: ?//'
}

refused() {
  local detail
  detail=$(string detail <<<"$body")
  [[ -n $detail ]] || detail=$(string title <<<"$body")
  printf 'execute.sh: %s: %s %s\n' "$1" "$status" "${detail:-$body}" >&2
  # A graph with errors names each of them.
  { grep -oE '"message": ?"([^"\\]|\\.)*"' <<<"$body" || true; } |
    sed -E 's/^"message": ?"/  /; s/"$//; s/\\"/"/g' >&2
  exit 2
}

# JSON writes a name's quotes, backslashes and everything beyond ASCII as escapes.
json_string() {
  local text=$1 out="" character code i
  for ((i = 0; i < ${#text}; i++)); do
    character=${text:i:1}
    printf -v code '%d' "'$character"
    case $character in
      '"' | \\) out+="\\$character" ;;
      *)
        if ((code < 32)); then
          printf -v character '\\u%04x' "$code"
        elif ((code > 65535)); then
          printf -v character '\\u%04x\\u%04x' $((0xd7c0 + (code >> 10))) $((0xdc00 + (code & 1023)))
        elif ((code > 126)); then
          printf -v character '\\u%04x' "$code"
        fi
        out+=$character
        ;;
    esac
  done
  printf '"%s"' "$out"
}

# find_job NAME: leaves its number in $job. Looks at all pages, since a name may be there twice.
find_job() {
  local wanted found="" before=""
  wanted=$(json_string "$1")
  while :; do
    ask GET /api/jobs -G -d limit=500 --data-urlencode "q=$1" ${before:+--data-urlencode "before=$before"}
    [[ $status == 200 ]] || refused "listing jobs"
    found+=$(jobs_called "$1" "$wanted")
    before=$(string next <<<"$body")
    [[ -n $before ]] || break
    found+=${found:+$'\n'}
  done
  found=${found%$'\n'}
  [[ -n $found ]] || fail "no job is called $1"
  [[ $found != *$'\n'* ]] || fail "several jobs are called $1: $(tr '\n' ' ' <<<"$found")use an id"
  job=$found
}

# jobs_called NAME JSON: the numbers of the jobs in $body that have this name.
# Every job has one "id" and one "name": pair them, whichever comes first.
jobs_called() {
  { grep -oE '"id": ?[0-9]+|"name": ?"([^"\\]|\\.)*"' <<<"$body" || true; } |
    WANTED=$2 RAW="\"$1\"" awk '
      { value = $0; sub(/^"[a-z]+": ?/, "", value) }
      /^"id"/ { id = value; has_id = 1 }
      /^"name"/ { name = value; has_name = 1 }
      has_id && has_name {
        if (name == ENVIRON["WANTED"] || name == ENVIRON["RAW"]) print id
        has_id = has_name = 0
      }'
}

# request: {"parameters": {…}} of what --param gave, a name that is given twice with its last value, and where the run begins; else {}
request() {
  local i members="" begin=""
  [[ -z $from_run ]] || begin="\"fromRun\": \"$from_run\", \"fromNode\": $((10#$from_node))"
  for ((i = 0; i < ${#given[@]}; i++)); do
    is_last "$i" || continue
    members+="${members:+, }\"${given[i]%%=*}\": $(json_string "${given[i]#*=}")"
  done
  [[ -z $members ]] || members="\"parameters\": {$members}"
  printf '{%s}' "$members${members:+${begin:+, }}$begin"
}

# is_last I: whether no later --param has the name of this one. (An associative array would need bash 4, which macOS lacks.)
is_last() {
  local j
  for ((j = $1 + 1; j < ${#given[@]}; j++)); do
    [[ ${given[j]%%=*} != "${given[$1]%%=*}" ]] || return 1
  done
}

[[ $job =~ ^[0-9]+$ ]] || find_job "$job"

ask POST "/api/jobs/$job/execute" -H "Idempotency-Key: $key" -H 'Content-Type: application/json' \
  -d "$(request)"
[[ $status == 202 || $status == 200 ]] || refused "executing job $job"
run=$(string runId <<<"$body")
[[ -n $run ]] || fail "the server accepted the run but named none: $body"
printf '%s\n' "$run"
[[ -n $watch ]] || exit 0

show() {
  local line=$1
  case $line in
    *'"job.progress"'*)
      printf '%-20s %-10s %10s  %s\n' "$(string nodeName <<<"$line")" "$(string status <<<"$line")" \
        "$(number rowCount <<<"$line")" "$(string message <<<"$line")"
      ;;
    *'"job.status"'*) printf 'run %s %s\n' "$(string status <<<"$line")" "$(string reason <<<"$line")" ;;
  esac
}

# The stream may end early, as when a server restarts, a proxy cuts it or too many follow: the run's own document decides.
# It says something every 10 s; one that is silent for a minute is dead.
misses=0
while ((misses < 60)); do
  while IFS= read -r line; do show "$line"; done < <(call -N --speed-limit 1 --speed-time 60 "$url/api/runs/$run/wait" 2>/dev/null || true)
  if is_answered GET "/api/runs/$run" && [[ $status != 429 && $status != 5?? ]]; then
    [[ $status == 200 ]] || refused "asking for run $run"
    misses=0
    # The run's own status is the last: a parameter may be called status, too.
    case $({ grep -oE '"status": ?"[a-z]+"' <<<"$body" || true; } | tail -n 1 | string status) in
      completed) exit 0 ;;
      failed) exit 1 ;;
      cancelled) exit 3 ;;
      lost) exit 4 ;;
    esac
  else
    misses=$((misses + 1))
  fi
  sleep 1
done
fail "no server at $url tells of run $run any more, which may go on${why:+ ($why)}"
