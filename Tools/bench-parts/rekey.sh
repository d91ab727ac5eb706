# `Tools/bench rekey`, sourced by it: the authority's core alone with large groups, one after the other.

programs=(gcks-loadgen)
sizes=(1000 10000 100000 1000000) degree=4

take_option() { # option, value; sets `taken` to how many words it took
  taken=2
  case "$1" in
    --members) [[ "$2" =~ ^[1-9][0-9]{2,6}$ ]] || return 1; sizes=("$2") ;;
    --degree) [[ "$2" =~ ^([2-9]|1[0-6])$ ]] || return 1; degree=$2 ;;
    *) return 1 ;;
  esac
}

size_cluster() { authorities=1 frontends=0 broadcasters=0; }

run_bench() {
  local size
  for size in "${sizes[@]}"; do
    echo "bench: $size members" >&2
    "$bin/gcks-loadgen" rekey --members "$size" --degree "$degree" >>"$figures/rekey.json"
  done
}

report() { # table|json
  python3 -B "$root/Tools/bench-parts/rekey.py" "$1" --figures "$figures/rekey.json" --version "$version" --load "$busy"
}
