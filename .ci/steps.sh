# shellcheck shell=bash
# Sourced by ./check and .ci/run: named steps, each with a budget of seconds, a log and a count of tests.
#
# A step's command ends its output with `N passed, N failed, N skipped`. One that does not, counts as one test, save
# for those that only prepare (`packages` and `build-...`): they count when they fail.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/build/check
declare -a step_names=() summary=() failures=()
declare -A step_budget step_needs step_title step_command step_state
passed=0 failed=0 skipped=0
time_limit=0 # seconds from the start, after which no step may run; 0: none
running=     # the process group of the step that runs

# define NAME BUDGET 'NEEDED STEPS' 'TITLE' COMMAND...
define() {
  step_names+=("$1")
  step_budget[$1]=$2
  step_needs[$1]=$3
  step_title[$1]=$4
  step_command[$1]=$(printf '%q ' "${@:5}")
}

count() {
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

skip_step() {
  echo "SKIP $1: $2"
  step_state[$1]=skipped
  summary+=("$(printf '%-16s skipped: %s' "$1" "$2")")
  count 0 0 1
}

# Why the step cannot run now; empty if it can.
hindrance() {
  local need
  for need in ${step_needs[$1]}; do
    if [[ ${step_state[$need]:-} != good ]]; then
      echo "it needs the step $need"
      return
    fi
  done
  if ((time_limit > 0 && SECONDS + step_budget[$1] > time_limit)); then
    echo "its ${step_budget[$1]} s may not fit into what is left of $((time_limit / 60)) minutes"
  fi
}

# Tells every 30 seconds where the log of a step is; ends with the process it is given.
show_progress() {
  while sleep 30 && kill -0 "$2" 2>/dev/null; do
    printf '  ... %s\n' "$(tail -n 1 "$1" | tr -d '\r' | cut -c1-110)"
  done
}

# Runs the command in a process group of its own, and kills what is left of it; gives its status.
run_bounded() {
  local log=$1 budget=$2 status=0 progress
  shift 2
  timeout --kill-after=20 "$budget" "$@" </dev/null >"$log" 2>&1 &
  running=$!
  show_progress "$log" "$running" &
  progress=$!
  wait "$running" || status=$?
  kill -KILL -- "-$running" 2>/dev/null
  kill "$progress" 2>/dev/null
  wait "$progress" 2>/dev/null
  running=
  return "$status"
}

# The three numbers a step counts for, from the end of its log and its status.
numbers_of() {
  local name=$1 status=$2 last
  last=$(sed '/^[[:space:]]*$/d' "$logs/$name.log" | tail -n 1)
  if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    local failing=${BASH_REMATCH[2]}
    if ((status != 0 && failing == 0)); then failing=1; fi
    echo "${BASH_REMATCH[1]} $failing ${BASH_REMATCH[3]}"
  elif ((status != 0)); then
    echo 0 1 0
  elif [[ $name == packages || $name == build-* ]]; then
    echo 0 0 0
  else
    echo 1 0 0
  fi
}

# What failed in a log, each with what follows it, and how the log ends.
tell_failure() {
  local name=$1 status=$2 found
  echo "  FAILED: from ${logs#"$root"/}/$name.log:"
  grep -n -A 25 '^FAIL ' "$logs/$name.log" | head -n 120 | cut -c1-200 | sed 's/^/  | /'
  echo "  and its end:"
  tail -n 20 "$logs/$name.log" | cut -c1-200 | sed 's/^/  | /'
  mapfile -t found < <(grep '^FAIL ' "$logs/$name.log" | head -n 20 | cut -c6-200)
  if ((${#found[@]} == 0)); then found=("ended with status $status"); fi
  failures+=("${found[@]/#/FAIL $name: }")
  if ((status == 124 || status == 137)); then echo "  It was stopped after ${step_budget[$name]} s."; fi
}

run_step() {
  local name=$1 status=0 started=$SECONDS why line numbers
  why=$(hindrance "$name")
  if [[ -n $why ]]; then
    skip_step "$name" "$why"
    return
  fi
  echo "== $name: ${step_title[$name]} (at most ${step_budget[$name]} s)"
  local -a command
  eval "command=(${step_command[$name]})"
  run_bounded "$logs/$name.log" "${step_budget[$name]}" "${command[@]}" || status=$?
  read -r -a numbers < <(numbers_of "$name" "$status")
  count "${numbers[@]}"
  sed -n '/^SKIP /s/^/  /p' "$logs/$name.log"
  if ((status == 0 && numbers[1] == 0)); then step_state[$name]=good; else step_state[$name]=broken; fi
  if [[ ${step_state[$name]} == broken ]]; then tell_failure "$name" "$status"; fi
  line="${numbers[0]} passed, ${numbers[1]} failed, ${numbers[2]} skipped"
  printf '   %s in %d s\n' "$line" "$((SECONDS - started))"
  summary+=("$(printf '%-16s %5d s  %s' "$name" "$((SECONDS - started))" "$line")")
}

# Keeps of the defined steps those named, and those that they need.
keep_only() {
  local -a queue=("$@") kept=()
  local name need
  local -A wanted=()
  while ((${#queue[@]} > 0)); do
    name=${queue[0]}
    queue=("${queue[@]:1}")
    if [[ -z ${step_title[$name]:-} ]]; then
      echo "There is no step '$name'. The steps are: ${step_names[*]}" >&2
      exit 2
    fi
    wanted[$name]=1
    for need in ${step_needs[$name]}; do queue+=("$need"); done
  done
  for name in "${step_names[@]}"; do
    if [[ -n ${wanted[$name]:-} ]]; then kept+=("$name"); fi
  done
  step_names=("${kept[@]}")
}

interrupted() {
  if [[ -n $running ]]; then
    kill -TERM -- "-$running" 2>/dev/null
    sleep 3 # what the step has started in sessions of its own, it ends by itself
    kill -KILL -- "-$running" 2>/dev/null
  fi
  echo "Interrupted."
  exit 130
}

# Runs all steps, prints the summary and, as the last line, the count; the status is 1 when anything failed.
run_steps() {
  local name
  mkdir -p "$logs"
  trap interrupted INT TERM
  for name in "${step_names[@]}"; do run_step "$name"; done
  printf '\n%s\n' "Steps (logs in ${logs#"$root"/}):"
  printf '  %s\n' "${summary[@]}"
  if ((${#failures[@]} > 0)); then printf '\nFailed:\n' && printf '%s\n' "${failures[@]}"; fi
  printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  ((failed == 0))
}
