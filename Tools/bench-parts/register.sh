# `Tools/bench register`, sourced by it: one real frontend, authority and store, members in one process.
#
# The frontend and the bare work share core 0, members have core 1, authority and store run where there is room.

programs=(gcks-authority gcks-store gcks-frontend gcksctl gcks-loadgen)
ways=(psk ecdsa) sas=20000 outstanding=64 peer=yes
warm_up=500

size_cluster() { authorities=1 frontends=1 broadcasters=0; }

take_option() { # option, value; sets `taken` to how many words it took
  taken=2
  case "$1" in
    --auth) [[ "$2" == psk || "$2" == ecdsa ]] || return 1; ways=("$2") ;;
    --sas) [[ "$2" =~ ^[1-9][0-9]*$ ]] || return 1; sas=$2 ;;
    --outstanding) [[ "$2" =~ ^[1-9][0-9]*$ ]] || return 1; outstanding=$2 ;;
    --no-peer) peer=no taken=1 ;;
    *) return 1 ;;
  esac
}

run_bench() {
  # The responder has a core of its own where there are two.
  responder=() members=()
  if (($(nproc) > 1)); then responder=(taskset -c 0) members=(taskset -c 1); fi
  prepare_gcks
  charon=
  prepare_charon || peer=no
  local way
  for way in "${ways[@]}"; do
    measure_gcks "$way"
    if [[ "$peer" == yes ]]; then measure_charon "$way"; fi
  done
}

# measure NAME WAY ARGUMENTS...: the load, and while it runs the bare work on the responder's core.
measure() {
  local name=$1 way=$2 load word
  shift 2
  exec 3< <(exec "${members[@]}" "$bin/gcks-loadgen" register --auth "$way" --warm-up "$warm_up" --outstanding "$outstanding" "$@")
  load=$!
  read -r word <&3 && [[ "$word" == measuring ]] || die "$name: the members did not come up"
  "${responder[@]}" "$bin/gcks-loadgen" bare --auth "$way" --while "$load" >"$figures/bare-$name-$way.json"
  cat <&3 >"$figures/$name-$way.json"
  wait "$load" || die "$name: the load failed"
}

measure_gcks() { # way
  local way=$1 store
  rm -rf "$run/var" "$run/log"
  write_settings
  start_cluster
  ctl group apply -f "$run/etc/market-data.yaml" >"$run/log/gcksctl.log" 2>&1
  until_ok 20 frontend_connected || die "the frontend found no authority"
  store=$(pgrep -P "${pids[authority-1]}" -f gcks-store)
  (($(nproc) == 1)) || taskset -acp 0 "${pids[frontend-1]}" >/dev/null
  measure gcks "$way" --frontend "127.0.7.11:$ike" --sas "$sas" --source 127.0.9.1 --group keyid:market-data \
    --ca "$run/pki/ca.pem" --ca-key "$run/pki/ca.key" --meter "frontend=${pids[frontend-1]}" \
    --meter "authority=${pids[authority-1]}" --meter "store=$store"
  stop_all
}

frontend_connected() { [[ $(items 'len(items[0]["frontends"])' status) == 1 ]]; }

prepare_gcks() {
  choose_ports
  make_pki
  write_settings
  write_group
  sed -i 's/^member_limit:.*/member_limit: 1000000/' "$run/etc/market-data.yaml"
  awk -v n="$((sas + warm_up))" 'BEGIN { for (i = 0; i < n; i++) printf "fqdn:load-%d.demo bench psk\n", i }' \
    >"$run/pki/shared-keys"
}

# strongSwan's charon as the responder of childless IKE SAs, configured for speed: no log, no limits, 16 threads.
measure_charon() { # way
  local way=$1 dir=$run/charon-$1 proof=psk certificates=
  mkdir -p "$dir"/{x509,x509ca,private}
  if [[ "$way" == ecdsa ]]; then
    proof=pubkey certificates="certs = gcks.demo.pem"
    cp "$run/pki/ca.pem" "$dir/x509ca"
    cp "$run/pki/gcks.demo.pem" "$dir/x509"
    cp "$run/pki/gcks.demo.key" "$dir/private"
  fi
  cat >"$dir/swanctl.conf" <<END
connections { bench { version = 2
  local_addrs = 10.98.0.1
  proposals = aes256gcm16-prfsha256-x25519
  childless = force
  mobike = no
  unique = never
  rekey_time = 0
  dpd_delay = 0
  local { auth = $proof
    id = fqdn:gcks.demo
    $certificates }
  remote { auth = $proof
    id = %any } } }
secrets { ike-any { secret = "bench psk" } }
END
  cat >"$dir/strongswan.conf" <<END
charon-systemd {
  load = random nonce openssl kdf hmac pem pkcs1 pkcs8 x509 pubkey constraints kernel-netlink socket-default vici
  threads = 16
  install_routes = no
  dos_protection = no
  init_limit_half_open = 0
  init_limit_job_load = 0
  ikesa_table_size = 16384
  ikesa_table_segments = 16
  syslog { daemon { default = -1 } auth { default = -1 } }
  journal { default = -1 }
  plugins { vici { socket = unix://$dir/vici.sock } }
}
END
  STRONGSWAN_CONF=$dir/strongswan.conf "${responder[@]}" "$charon" >"$run/log/charon.log" 2>&1 &
  pids[charon]=$!
  until_ok 10 test -S "$dir/vici.sock" || die "charon does not start"
  STRONGSWAN_CONF=$dir/strongswan.conf SWANCTL_DIR=$dir swanctl --load-all --uri "unix://$dir/vici.sock" \
    >"$run/log/swanctl.log" 2>&1 || { cat "$run/log/swanctl.log" >&2; die "charon takes no settings"; }
  measure charon "$way" --frontend 10.98.0.1:500 --sas "$((sas / 5))" --source 10.98.0.2 --childless \
    --ca "$run/pki/ca.pem" --ca-key "$run/pki/ca.key" --meter "charon=${pids[charon]}"
  stop_all
}

# charon looks for its addresses on interfaces other than lo.
prepare_charon() {
  local last
  charon=$(command -v charon-systemd || echo /usr/sbin/charon-systemd)
  if [[ "$peer" == no ]]; then return 1; fi
  if [[ ! -x "$charon" ]]; then echo "bench: charon is not installed, left out" >&2; return 1; fi
  if [[ "$GCKS_SCENARIO_ISOLATED" != yes ]] || ! ip link add bench type veth peer name bench-peer 2>/dev/null; then
    echo "bench: no network namespace here, charon left out" >&2
    return 1
  fi
  ip link set bench up
  ip link set bench-peer up
  for last in $(seq 1 17); do ip address add "10.98.0.$last/24" dev bench; done
}

report() { # table|json
  python3 - "$1" "$figures" "$version" "$busy" "${ways[@]}" <<'END'
import datetime, json, os, sys

form, folder, version, busy, ways = *sys.argv[1:5], sys.argv[5:]

def read(name):
    path = os.path.join(folder, name + ".json")
    return json.load(open(path)) if os.path.exists(path) and os.path.getsize(path) else None

def cpu_model():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"): return line.split(":")[1].strip()
    return "unknown"

record = {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ"), "version": version,
          "machine": f"{cpu_model()}, {os.cpu_count()} cores, Linux {os.uname().release}",
          "load_before": float(busy), "ways": {}}
for way in ways:
    load, bare, peer = read(f"gcks-{way}"), read(f"bare-gcks-{way}"), read(f"charon-{way}")
    spent = {process["name"]: process for process in load["processes"]}
    frontend = spent["frontend"]
    record["ways"][way] = {
        "established": load["established"], "failures": load["failures"], "retransmissions": load["retransmissions"],
        "outstanding": load["outstanding"], "registrations_per_second": round(load["perSecond"]),
        "median_ms": round(load["medianMilliseconds"], 1),
        "cpu_ms": {name: round(process["cpuMillisecondsPerSA"], 4) for name, process in spent.items()},
        "bare_ms": round(bare["fastestMicroseconds"] / 1000, 4),
        "bare_openssl_ms": round(bare["openSSLMicroseconds"] / 1000, 4),
        "ratio": round(frontend["cpuMillisecondsPerSA"] * 1000 / bare["fastestMicroseconds"], 2),
        "resident_octets_per_sa": round(frontend["residentOctetsPerSA"]),
        "resident_kib": [frontend["residentBefore"] // 1024, frontend["residentAfter"] // 1024],
    }
    if peer:
        charon = peer["processes"][0]
        record["ways"][way]["charon"] = {
            "established": peer["established"], "failures": peer["failures"],
            "sas_per_second": round(peer["perSecond"]), "cpu_ms": round(charon["cpuMillisecondsPerSA"], 4),
            "resident_octets_per_sa": round(charon["residentOctetsPerSA"])}

def aim(value, most): return f"{'holds' if value <= most else 'MISSED':>7}"

def table():
    yield f"{record['date']}  {version}  {record['machine']}, load {busy} before"
    for way, figure in record["ways"].items():
        failures = f", failures {figure['failures']}" if figure["failures"] else ""
        yield ""
        yield f"{way}: {figure['established']} SAs{failures}, {figure['outstanding']} outstanding, " \
              f"{figure['retransmissions']} retransmissions, median {figure['median_ms']} ms"
        yield f"  registrations per second           {figure['registrations_per_second']:9}"
        for name, spent in figure["cpu_ms"].items():
            yield f"  CPU ms per registration, {name:9} {spent:9.3f}" + \
                  (f"   aim 0.1       {aim(spent, 0.1)}" if name == "authority" else "")
        yield f"  bare public-key work, ms           {figure['bare_ms']:9.3f}   swift-crypto (OpenSSL alone: {figure['bare_openssl_ms']:.3f})"
        yield f"  frontend / bare                    {figure['ratio']:9.2f}   aim 1.5       {aim(figure['ratio'], 1.5)}"
        yield f"  resident octets per IKE SA         {figure['resident_octets_per_sa']:9}   aim 8192      {aim(figure['resident_octets_per_sa'], 8192)}"
        if "charon" in figure:
            charon = figure["charon"]
            yield f"  charon (childless IKE SA): CPU ms  {charon['cpu_ms']:9.3f}   {charon['established']} SAs, " \
                  f"{charon['sas_per_second']}/s, {charon['resident_octets_per_sa']} octets per SA"

print(json.dumps(record) if form == "json" else "\n".join(table()))
END
}
