# `Tools/bench authority`, sourced by it: prepares the cluster; authority.py starts its processes and loads them.

programs=(gcks-authority gcks-store gcks-frontend gcks-broadcaster gcksctl gcks-loadgen)
sas=8000 rekeys=100
outstanding=128 warm_up=500

take_option() { # option, value; sets `taken` to how many words it took
  taken=2
  case "$1" in
    --sas) [[ "$2" =~ ^[1-9][0-9]*$ ]] || return 1; sas=$2 ;;
    --rekeys) [[ "$2" =~ ^[1-9][0-9]*$ ]] || return 1; rekeys=$2 ;;
    *) return 1 ;;
  esac
}

size_cluster() { authorities=3 frontends=2 broadcasters=2; }

run_bench() {
  choose_ports
  make_pki
  awk -v n="$((2 * sas + 20000))" 'BEGIN { for (i = 0; i < n; i++) printf "fqdn:load-%d.demo bench psk\n", i }' \
    >"$run/pki/shared-keys"
  local count
  for count in 1 3; do
    authorities=$count
    write_settings
    write_group
    sed -i -e 's/^member_limit:.*/member_limit: 1000000/' -e 's/spacing:.*/spacing: 50ms/' "$run/etc/market-data.yaml"
    python3 -B "$root/Tools/bench-parts/authority.py" measure --bin "$bin" --run "$run" --port "$ike" \
      --authorities "$count" --sas "$sas" --warm-up "$warm_up" --outstanding "$outstanding" --rekeys "$rekeys" \
      >"$figures/authority-$count.json" || die "the bench did not come to its end; GCKS_KEEP=yes keeps the logs"
    rm -rf "$run/var" "$run/log" "$run"/etc/authority-*.yaml
  done
}

report() { # table|json
  python3 -B "$root/Tools/bench-parts/authority.py" "$1" --figures "$figures" --version "$version" --load "$busy"
}
