# `Tools/bench failover`, sourced by it: prepares the cluster; failover.py starts, kills and times its processes.

programs=(gcks-authority gcks-store gcks-frontend gcks-broadcaster gcks-member gcksctl gcks-loadgen)
runs=30
# Light members of the stream of registrations, and gcks-member processes that lose their frontend.
stream_members=40000 frontend_members=12

take_option() { # option, value; sets `taken` to how many words it took
  taken=2
  case "$1" in
    --runs) [[ "$2" =~ ^[1-9][0-9]*$ ]] || return 1; runs=$2 ;;
    *) return 1 ;;
  esac
}

size_cluster() { authorities=3 frontends=2 broadcasters=2; }

run_bench() {
  local n
  choose_ports
  make_pki
  write_settings
  write_group
  sed -i -e 's/^member_limit:.*/member_limit: 1000000/' -e 's/spacing:.*/spacing: 200ms/' "$run/etc/market-data.yaml"
  awk -v n="$stream_members" 'BEGIN { for (i = 0; i < n; i++) printf "fqdn:load-%d.demo bench psk\n", i }' \
    >"$run/pki/shared-keys"
  # Odd numbers ask frontend-1 first.
  for ((n = 1; n <= frontend_members; n++)); do write_member "$((2 * n - 1))" "gm$n.demo" psk "$ike" receiver; done
  python3 -B "$root/Tools/bench-parts/failover.py" measure --bin "$bin" --run "$run" --port "$ike" --runs "$runs" \
    --stream-members "$stream_members" --frontend-members "$frontend_members" >"$figures/failover.json" ||
    die "the bench did not come to its end; GCKS_KEEP=yes keeps the logs"
}

report() { # table|json
  python3 -B "$root/Tools/bench-parts/failover.py" "$1" --figures "$figures/failover.json" --version "$version" --load "$busy"
}
