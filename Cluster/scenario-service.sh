#!/usr/bin/env bash
# The programs under a service manager: ready, status, watchdog, reload, sockets that outlive a restart, the journal; and the unit
# files, which systemd's own tools judge.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=2 broadcasters=1
units=$root/Config/systemd
mkdir -p "$run/log"

write_members() {
  write_member 1 gm1.demo psk "$ike" sender
  echo 'admin: { listen: "127.0.7.12:9462" }' >>"$run/etc/frontend-2.yaml"
  # The member knows the second frontend only.
  sed -i '/127.0.7.11:/d' "$run/etc/gm1.demo.yaml"
}

# A copy of the unit whose programs are those that were built here.
unit() { # file
  local copy=$run/units/${1/@./@x.}
  mkdir -p "$run/units"
  sed "s#=/usr/bin/gcks#=$bin/gcks#" "$units/$1" >"$copy"
  echo "$copy"
}
exposure() { # file tenths: systemd's own score
  systemd-analyze security --offline=true --threshold="$2" "$(unit "$1")" >"$run/log/security-$1.log" 2>&1 || { tail -n 1 "$run/log/security-$1.log"; return 1; }
}
verified() { # files: nothing to complain about
  local copies=() file
  for file in "$@"; do copies+=("$(unit "$file")"); done
  systemd-analyze verify --man=no "${copies[@]}" >"$run/log/verify.log" 2>&1 || { cat "$run/log/verify.log"; return 1; }
  ! grep -E 'gcks' "$run/log/verify.log"
}
# Older ones do not know the type; there the units say it in the older way.
reloads_by_notice() {
  local version
  version=$(systemctl --version | sed -n 's/^systemd \([0-9]*\).*/\1/p')
  ((version >= 253)) || { grep -q '^Type=notify$' "$units/gcks-frontend.service" && grep -q '^Type=notify-reload$' "$units/notify-reload.conf"; return; }
  mkdir -p "$run/units/gcks-frontend.service.d" && cp "$units/notify-reload.conf" "$run/units/gcks-frontend.service.d/"
  verified gcks-frontend.service
}
looser_is_seen() { sed '/^ProtectSystem=/d; /^CapabilityBoundingSet=/d; /^SystemCallFilter=/d; /^RestrictAddressFamilies=/d' "$(unit gcks-frontend.service)" >"$run/units/loose.service"
  ! systemd-analyze security --offline=true --threshold=15 "$run/units/loose.service" >/dev/null 2>&1; }
users() { systemd-sysusers --dry-run "$units/gcks-sysusers.conf" >"$run/log/sysusers.log" 2>&1 || { cat "$run/log/sysusers.log"; return 1; }; }
folders() { mkdir -p "$run/installed" && grep -v '^#' "$units/gcks-tmpfiles.conf" | systemd-tmpfiles --create --root="$run/installed" - >"$run/log/tmpfiles.log" 2>&1 \
  && [[ -d "$run/installed/etc/gcks/credentials" ]]; }
catalogued() { "$root/Tools/event-catalog" --check && mkdir -p "$run/installed/usr/lib/systemd/catalog" "$run/installed/var/lib/systemd/catalog" \
  && cp "$units/gcks.catalog" "$run/installed/usr/lib/systemd/catalog/" && journalctl --root="$run/installed" --update-catalog; }

for name in authority frontend broadcaster; do check "gcks-$name is exposed by 1.5 at most" exposure "gcks-$name.service" 15; done
check "gcks-member is exposed by 2.5 at most" exposure gcks-member@.service 25
check "a looser unit would be seen" looser_is_seen
check "systemd has nothing to say about the units" verified gcks-authority.service gcks-frontend.service gcks-frontend.socket \
  gcks-broadcaster.service gcks-member@.service
check "reload is by notice" reloads_by_notice
check "the users can be made" users
check "the folders can be made" folders
check "every event is in the journal's catalog" catalogued

choose_ports
make_pki
write_settings
write_group
write_members
export run bin root ike gdoi nat
python3 "$root/Cluster/service_checks.py" >"$run/checks" 2>&1 || true
while read -r line; do
  case "$line" in
    ok\ *) held=$((held + 1)) ;;
    *) failed=$((failed + 1)) ;;
  esac
  echo "$line"
done <"$run/checks"
check "the checks went to their end" grep -qx "ok the end" "$run/checks"
finish
