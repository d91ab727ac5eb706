# What the two scenarios with strongSwan share: a second network namespace for charon, joined to the scenario's own by a veth, and
# charon itself. Source it after scenario.sh.

if [[ "$GCKS_SCENARIO_ISOLATED" != yes ]]; then
  echo "skipped: this machine does not permit network namespaces"
  exit 77
fi

charon_address=10.77.0.2
charon=$run/charon

# Our end has the addresses given, charon's end $charon_address. The far namespace lives as long as a process in it.
make_link() { # our addresses...
  local address
  unshare --net sleep 600 &
  pids[namespace]=$!
  until_ok 10 is_elsewhere || die "no second network namespace"
  ip link add near type veth peer name far netns "${pids[namespace]}"
  for address in "$@"; do ip address add "$address/24" dev near; done
  ip link set near up
  in_far ip address add "$charon_address/24" dev far
  in_far ip link set lo up
  in_far ip link set far up
}

is_elsewhere() { [[ $(readlink "/proc/${pids[namespace]}/ns/net") != $(readlink /proc/self/ns/net) ]]; }
in_far() { nsenter --net="/proc/${pids[namespace]}/ns/net" "$@"; }

# Runs charon with the connections and secrets of the scenario's swanctl.conf, on standard input. Messages above 400 octets go in
# fragments where a connection has them on.
start_charon() { # cookie threshold
  mkdir -p "$charon"/{x509,x509ca,private}
  cat >"$charon/swanctl.conf"
  cat >"$charon/strongswan.conf" <<END
charon-systemd {
  load = random nonce openssl kdf hmac pem pkcs1 pkcs8 x509 pubkey constraints kernel-netlink socket-default vici
  install_routes = no
  install_virtual_ip = no
  reuse_ikesa = no
  fragment_size = 400
  cookie_threshold = $1
  retransmit_tries = 3
  retransmit_timeout = 1.0
  filelog {
    scenario {
      path = $run/log/charon.log
      default = 1
      flush_line = yes
    }
  }
  journal { default = -1 }
  plugins { vici { socket = unix://$charon/vici.sock } }
}
swanctl { load = pem pkcs1 pkcs8 x509 pubkey openssl }
END
  STRONGSWAN_CONF=$charon/strongswan.conf SWANCTL_DIR=$charon nsenter --net="/proc/${pids[namespace]}/ns/net" \
    charon-systemd >"$run/log/charon-systemd.log" 2>&1 &
  pids[charon]=$!
  until_ok 10 test -S "$charon/vici.sock" || die "charon does not run"
  swan --load-all >"$run/log/swanctl.log" 2>&1 || { cat "$run/log/swanctl.log"; die "charon does not take its connections"; }
}

swan() { # command of swanctl, options...
  local command=$1
  shift
  STRONGSWAN_CONF=$charon/strongswan.conf SWANCTL_DIR=$charon swanctl "$command" --uri "unix://$charon/vici.sock" "$@"
}

swan_quietly() { swan "$@" >>"$run/log/swanctl.log" 2>&1; }
fails() { ! "$@"; }

# Charon's certificate and key for an identity, and whose certificates it believes.
give_charon() { # name kind
  mkdir -p "$charon"/{x509,x509ca,private}
  "$root/Tools/dev-ca" member "$run/pki" "$1" "$2"
  cp "$run/pki/ca.pem" "$charon/x509ca/"
  cp "$run/pki/$1.pem" "$charon/x509/"
  cp "$run/pki/$1.key" "$charon/private/"
}

# What charon logs from here on is what `charon_said` looks at.
listen_to_charon() { heard=$(wc -l <"$run/log/charon.log"); }
charon_said() { grep -qE -- "$1" <(tail -n "+$((heard + 1))" "$run/log/charon.log"); }
charon_never_said() { ! charon_said "$1"; }

# check_said WHAT PATTERN: charon logs it within a few seconds.
check_said() { check "$1" until_ok 5 charon_said "$2"; }
check_never_said() { check "$1" charon_never_said "$2"; }

charon_has() { grep -qE "^$1: #[0-9]+, ESTABLISHED, IKEv2" <(swan --list-sas); }
charon_lacks() { ! charon_has "$1"; }
