# What the scenarios share. Source it first: it moves the script into a network namespace of its own where the machine permits
# that, so that scenarios, demo and bench never meet on an address or port, and makes the folder $run.
#
# A scenario counts its checks with `check`, and ends with `finish`: exit code 0 when every check held.

if [[ -z "${GCKS_SCENARIO_ISOLATED:-}" ]]; then
  export GCKS_SCENARIO_ISOLATED=no
  for isolate in "unshare --net" "unshare --user --map-root-user --net"; do
    if $isolate true 2>/dev/null; then
      GCKS_SCENARIO_ISOLATED=yes exec $isolate bash "$0" "$@"
    fi
  done
fi
if [[ "$GCKS_SCENARIO_ISOLATED" == yes ]]; then
  ip link set lo up
  ip link set lo multicast on
  ip route add 224.0.0.0/4 dev lo
fi

source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
bin=${GCKS_BIN:?the folder of the built programs}
run=$(mktemp -d "${TMPDIR:-/tmp}/gcks-scenario.XXXXXX")
held=0 failed=0
trap leave EXIT
trap 'exit 130' INT TERM

leave() {
  local code=$? file
  stop_all
  if ((code != 0)) && [[ -d "$run/log" ]]; then
    for file in "$run"/log/*.log; do printf -- '--- %s\n' "${file##*/}"; tail -n 15 "$file"; done
  fi
  if [[ -n "${GCKS_KEEP:-}" ]]; then echo "kept: $run"; else rm -rf "$run"; fi
  exit "$code"
}

# check WHAT COMMAND...: one counted expectation.
check() {
  local what=$1
  shift
  if "$@"; then held=$((held + 1)); echo "ok $what"; else failed=$((failed + 1)); echo "FAILED $what"; fi
}

finish() {
  echo "$held held, $failed failed, ${SECONDS}s"
  exit $((failed > 0))
}

# The answer of `gcksctl ... -o json` looked at by a Python expression over `items`: prints its value.
items() { # expression, gcksctl arguments...
  local expression=$1
  shift
  ctl "$@" -o json 2>>"$run/log/gcksctl.log" | python3 -c 'import json, sys; items = json.load(sys.stdin)["items"]; print(eval(sys.argv[1]))' "$expression"
}

equal() { [[ "$1" == "$2" ]] || { echo "   is '$1', should be '$2'"; return 1; }; }
alive() { kill -0 "${pids[$1]}" 2>/dev/null; }
logged() { grep -qE -- "$2" "$run/log/$1.log"; }

# Certificates, settings and the group, then the cluster. The scenario's own write_members comes before the start, since frontends
# read their shared keys then.
prepare() {
  choose_ports
  make_pki
  write_settings
  write_group
  write_members
  start_cluster
  check "the group is applied" ctl_quietly group apply -f "$run/etc/market-data.yaml"
}

ctl_quietly() { ctl "$@" >"$run/log/gcksctl.log" 2>&1 || { cat "$run/log/gcksctl.log"; return 1; }; }

# A second group beside market-data, on addresses of its own.
write_second_group() {
  sed -e 's/market-data/orders/' -e 's/239\.77\.0\.1/239.77.0.3/' -e 's/239\.77\.0\.2/239.77.0.4/' \
    "$run/etc/market-data.yaml" >"$run/etc/orders.yaml"
}

# Lets a member join the second group too: it asks for it by GSA_REGISTRATION over the IKE SA of the first.
join_second_group() { # name role
  sed -i "/id: \"keyid:market-data\"/a \  - { id: \"keyid:orders\", role: $2, rekey: \"239.77.0.3:10848\" }" "$run/etc/$1.yaml"
}
