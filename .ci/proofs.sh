# shellcheck shell=bash
# Sourced by ./check and .ci/run, after steps.sh: the steps that search for faults from a seed. Each takes as many cores
# as there are, prints its progress, and says of what fails how to do it again.

built=build/release/test

# define_proofs NEEDED SIZE: the steps of one size (short: ./check, middle: .ci/run, long: ./check --soak) behind the
# step that has built them.
define_proofs() {
  local needed=$1 size=$2 mutated=build-dev seeds cuts every allocations schedules flips mutants model budget
  case $size in
    short) seeds=500 cuts=3500 every=7 allocations=1009 schedules=50 flips=2000 mutants=--short model='' budget=300 ;;
    middle) seeds=2000 cuts=14000 every=1 allocations=101 schedules=400 flips=10000 mutants='' model=--long budget=600 ;;
    long) seeds=20000 cuts=700000 every=1 allocations=11 schedules=20000 flips=100000 mutants='' model=--long budget=28800 ;;
  esac
  local name=''
  if [[ $size != short ]]; then name=-$size; fi
  if [[ $size == middle ]]; then mutated=$needed; fi # ./check has built it
  define "sim$name" "$budget" "$needed" "simulation: $seeds seeds" $built/sim/sim --count "$seeds"
  define "power-cuts$name" "$budget" "$needed" "power cuts: $cuts runs, about 1.4 cuts each" $built/power/power cuts --count "$cuts"
  define "power-faults$name" "$budget" "$needed" "each call to the disk fails, or every ${every}th" \
    $built/power/power faults --every "$every"
  define "schedules$name" "$budget" "$needed" "schedules: $schedules of writer, checkpoints and readers" \
    $built/power/power schedules --count "$schedules"
  define "sqlite-memory$name" "$budget" "$needed" "memory runs out in SQLite: each ${allocations}th allocation" \
    $built/power/power sqlite-memory --every "$allocations"
  define "mutants$name" "$budget" "$mutated" 'planted faults, each found by a test' test/mutants/run.py $mutants --build build/dev
  define "handshake$name" 300 packages 'the handshake before an attacker that owns the network' test/handshake/model.py $model
  define "damage$name" "$budget" "$needed" "damage: $flips files that have gone bad" \
    $built/damage/damage --count "$flips" --seed 1
  if [[ $size == middle ]]; then return; fi # the rest is in ./check already
  define "power-self$name" 120 "$needed" 'power cuts find what is planted' $built/power/power --self-test
  define "memory$name" "$budget" "$needed" 'memory runs out, allocation by allocation' $built/power/power memory
  define "damage-self$name" 120 "$needed" 'damage finds wrong answers where verify is not asked' \
    $built/damage/damage --ignore-verify --count 1000
  define "power-script$name" "$budget" "$needed" 'power cuts: at every operation of 200 messages' $built/power/power script
}
