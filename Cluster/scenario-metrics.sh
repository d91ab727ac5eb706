#!/usr/bin/env bash
# Every program shows metrics and health: promtool takes the pages, the figures are those of what happened, health says what is
# wrong, and the alert rules load and fire as they should.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=1 broadcasters=1

write_members() {
  write_member 1 gm1.demo psk "$ike" sender
  write_member 2 gm2.demo ecdsa "$ike" receiver
  write_member 3 banned.demo psk "$ike" receiver
  # A bare port lies on 127.0.0.1.
  echo 'admin: { listen: 9461 }' >>"$run/etc/authority-1.yaml"
  echo 'admin: { listen: "127.0.7.11:9462" }' >>"$run/etc/frontend-1.yaml"
  echo 'admin: { listen: "127.0.0.1:9463" }' >>"$run/etc/broadcaster-1.yaml"
  echo 'admin: { listen: "127.0.0.1:9464" }' >>"$run/etc/gm1.demo.yaml"
}

authority=127.0.0.1:9461 frontend=127.0.7.11:9462 broadcaster=127.0.0.1:9463 member=127.0.0.1:9464

get() { # address path [accept]: the body; the code goes to $run/code
  python3 - "$1" "$2" "${3:-}" "$run/code" <<'END'
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=5)
connection.request("GET", sys.argv[2], headers={"Accept": sys.argv[3]} if sys.argv[3] else {})
answer = connection.getresponse()
open(sys.argv[4], "w").write(str(answer.status))
sys.stdout.write(answer.read().decode())
END
}
figure() { get "$1" /metrics | grep -v '^#' | grep -F -- "$2 " | head -n 1 | sed 's/.* //'; } # address series
is_figure() { equal "$(figure "$1" "$2")" "$3"; }
above() { python3 -c "import sys; sys.exit(not float(sys.argv[1] or 0) > float(sys.argv[2]))" "$(figure "$1" "$2")" "$3"; }
code() { get "$1" "$2" >"$run/body"; equal "$(cat "$run/code")" "$3"; }
promtool_takes() { get "$1" /metrics >"$run/page"; promtool check metrics <"$run/page"; }
open_metrics() { get "$1" /metrics 'application/openmetrics-text; version=1.0.0' | tail -n 1 | grep -qx '# EOF'; }
rules() { (cd "$root/Config/prometheus" && promtool check rules alerts.yaml && promtool test rules alerts-test.yaml \
  && promtool check config --syntax-only prometheus.yaml && python3 -m json.tool dashboard.json) >"$run/log/rules.log" 2>&1 || { cat "$run/log/rules.log"; return 1; }; }
# Every series a rule or a panel names is on a page, but for those that come with parts that are not running here.
named() {
  { grep -oE 'gcks_[a-z_]+' "$root"/Config/prometheus/alerts.yaml; grep -oE 'gcks_[a-z_]+' "$root"/Config/prometheus/dashboard.json; } \
    | sed -E 's/_(bucket|sum|count)$//' | sort -u | grep -vx -e gcks_audit_backlog_records >"$run/named"
  for at in "$authority" "$frontend" "$broadcaster" "$member"; do get "$at" /metrics; done >"$run/pages"
  while read -r name; do grep -q "^# TYPE $name " "$run/pages" || echo "no $name"; done <"$run/named" >"$run/missing"
  [[ ! -s "$run/missing" ]] || { cat "$run/missing"; return 1; }
}
nobody() { ! grep -E '(gm1|gm2|banned)\.' "$run/pages" | grep -v '^#'; }

prepare
start_member gm1.demo
start_member gm2.demo
check "gm1 registers" until_ok 30 holds_sas gm1.demo 3
check "gm2 registers" until_ok 30 holds_sas gm2.demo 3
start_member banned.demo
check "somebody is refused" until_ok 20 above "$authority" 'gcks_registrations_total{group="market-data",result="refused",reason="notAuthorised"}' 0
check "the operator rekeys" ctl_quietly rekey now market-data --tek
check "the rekey is received" until_ok 20 is_figure "$member" 'gcks_gm_rekeys_received_total{group="keyid:market-data"}' 1

for at in "$authority" "$frontend" "$broadcaster" "$member"; do
  check "promtool takes the page of $at" promtool_takes "$at"
  check "$at speaks OpenMetrics" open_metrics "$at"
  check "$at lives" code "$at" /livez 200
  check "$at is ready" code "$at" "/readyz?verbose" 200
  check "$at has started" code "$at" /startupz 200
done
check "an unknown path is not found" code "$authority" /etc/passwd 404
check "two registrations were granted" is_figure "$authority" 'gcks_registrations_total{group="market-data",result="granted",reason=""}' 2
check "one sender" is_figure "$authority" 'gcks_members{group="market-data",role="sender"}' 1
check "one receiver" is_figure "$authority" 'gcks_members{group="market-data",role="receiver"}' 1
check "one rekey by the operator" is_figure "$authority" 'gcks_rekeys_total{group="market-data",cause="operator",transport="multicast"}' 1
check "the authority leads" is_figure "$authority" 'gcks_raft_leader{node="authority-1"}' 1
check "65536 Sender-IDs" is_figure "$authority" 'gcks_sender_ids_capacity{group="market-data"}' 65536
check "one is given" is_figure "$authority" 'gcks_sender_ids_allocated{group="market-data"}' 1
check "keys end in the future" above "$authority" 'gcks_key_expiry_timestamp_seconds{group="market-data",kind="tek"}' "$(date +%s)"
check "the certificate ends in the future" above "$frontend" 'gcks_certificate_expiry_timestamp_seconds{purpose="ike"}' "$(date +%s)"
check "the frontend timed registrations" above "$frontend" 'gcks_registration_duration_seconds_count{exchange="gsa_auth"}' 1
check "octets came in unproved" above "$frontend" 'gcks_ike_bytes_total{direction="in",verified="no"}' 500
check "and proved" above "$frontend" 'gcks_ike_bytes_total{direction="in",verified="yes"}' 500
check "no more went out to strangers than came" test "$(figure "$frontend" 'gcks_ike_bytes_total{direction="out",verified="no"}')" -le \
  "$(figure "$frontend" 'gcks_ike_bytes_total{direction="in",verified="no"}')"
check "two copies of one datagram left" until_ok 5 is_figure "$broadcaster" gcks_rekey_datagrams_total 2
check "within a second of the commit" is_figure "$broadcaster" 'gcks_rekey_commit_to_wire_seconds_bucket{group="market-data",le="1.0"}' 1
check "the member holds three SAs and the old two" above "$member" 'gcks_gm_sas{group="keyid:market-data",kind="data"}' 1
check "rules and panels name what is there" named
check "no member is named" nobody
check "the alert rules load and fire" rules

stop authority-1 KILL
check "the frontend is not ready without an authority" until_ok 20 code "$frontend" /readyz 503
check "and says why" grep -q '^\[-\] authority' "$run/body"
check "it lives all the same" code "$frontend" /livez 200
check "the broadcaster is not ready either" until_ok 20 code "$broadcaster" /readyz 503
finish
