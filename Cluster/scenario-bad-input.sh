#!/usr/bin/env bash
# What members, operators and files can get wrong: each gets the Notify or the line that says why, nothing is allocated or applied,
# and who did nothing wrong is served all the while.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=1 broadcasters=1

write_members() {
  write_member 1 gm1.demo psk "$ike" sender
  write_member 2 stranger.demo psk "$ike" receiver
  sed -i 's/0x../0xee/' "$run/pki/stranger.demo.psk"
  write_member 3 lost.demo psk "$ike" receiver
  sed -i 's/keyid:market-data/keyid:nowhere/' "$run/etc/lost.demo.yaml"
  write_member 4 banned.demo psk "$ike" receiver
  write_member 5 weak.demo psk "$ike" receiver
  printf 'ike: { proposals: { key_wrap: [kw-5649-128] } }\n' >>"$run/etc/weak.demo.yaml"
  write_member 6 late.demo psk "$ike" sender
  write_member 7 greedy.demo psk "$ike" sender
  sed -i 's/role: sender,/role: sender, sender_ids: 3,/' "$run/etc/greedy.demo.yaml"
  write_member 8 outside.example ecdsa "$ike" receiver
  write_member 9 patient.demo psk "$ike" receiver
}

reason() { items "next((i['reason'] for i in items if i['identity'] == 'fqdn:$1' and i['state'] == 'refused'), '')" member list; }
says_why() { [[ "$(reason "$1")" == *"$2"* ]]; }
refused() { # member, notify at the member, words in the listing
  start_member "$1"
  check "$1 is told $2" until_ok 20 logged "$1" "\"why\":\"[^\"]*$2"
  check "the listing says why: $3" until_ok 10 says_why "$1" "$3"
  stop "$1"
}
members() { items "sorted(i['identity'][5:] for i in items if i['state'] == 'member')" member list; }
given() { items "len(items)" sender list market-data; }
fails_with() { # exit code, words, command...
  local code=$1 words=$2 output status=0
  shift 2
  output=$("$@" 2>&1) || status=$?
  [[ "$status" -eq "$code" && "$output" == *"$words"* ]] || { echo "   exit $status: $output"; return 1; }
}

prepare
echo "-- files"
cp "$run/etc/market-data.yaml" "$run/etc/bad.yaml"
sed -i -e 's/^member_limit: .*/member_limt: 5/' -e 's/lifetime: 24h/lifetime: 24/' -e 's/239.77.0.2:5001/10.0.0.1:5001/' "$run/etc/bad.yaml"
line() { grep -n "$1" "$run/etc/bad.yaml" | head -1 | cut -d: -f1; }
check "an unknown key has file, line and the nearest valid key" \
  fails_with 2 "bad.yaml:$(line member_limt): member_limt: unknown" ctl group apply -f "$run/etc/bad.yaml"
check "so has a missing unit, in the same answer" \
  fails_with 2 "bad.yaml:$(line 'lifetime: 24$'): rekey.lifetime" ctl group apply -f "$run/etc/bad.yaml"
check "and a unicast destination" \
  fails_with 2 "bad.yaml:$(line 10.0.0.1): data[1].destination" ctl group apply -f "$run/etc/bad.yaml"
check "nothing of it was applied" equal "$(items "items[0]['definition']['member_limit']" group show market-data)" 1000
for program in authority frontend broadcaster; do
  sed 's/^name:/nmae:/' "$run/etc/$program-1.yaml" >"$run/etc/bad-$program.yaml"
  check "gcks-$program names file, line and nearest key" \
    fails_with 2 "bad-$program.yaml:1: nmae: unknown" "$bin/gcks-$program" --check-config --config "$run/etc/bad-$program.yaml"
  check "gcks-$program finds the true file valid" \
    fails_with 0 "valid" "$bin/gcks-$program" --check-config --config "$run/etc/$program-1.yaml"
done
check "an unknown group is not found" fails_with 3 "nowhere" ctl group show nowhere
sed 's/crypto-officer-alice/frontend-frontend-1/' "$run/etc/gcksctl.yaml" >"$run/etc/no-operator.yaml"
check "a frontend's certificate is no operator's" fails_with 4 "operator" \
  "$bin/gcksctl" member list --config "$run/etc/no-operator.yaml"

echo "-- members"
write_second_group
sed -i 's/^member_limit: .*/member_limit: 1/' "$run/etc/orders.yaml"
check "a group for one is applied" ctl_quietly group apply -f "$run/etc/orders.yaml"
join_second_group gm1.demo receiver
sed -i 's/keyid:market-data/keyid:orders/' "$run/etc/late.demo.yaml"
start_member gm1.demo
check "gm1.demo registers in both groups" until_ok 30 holds_sas gm1.demo 6
refused stranger.demo AUTHENTICATION_FAILED "shared key"
refused lost.demo INVALID_GROUP_ID "no group"
refused banned.demo AUTHORIZATION_FAILED "not allowed"
refused outside.example AUTHORIZATION_FAILED "not allowed"
refused weak.demo NO_PROPOSAL_CHOSEN "key wrap"
refused late.demo REGISTRATION_FAILED "members"
refused greedy.demo AUTHORIZATION_FAILED "Sender-IDs"
check "nobody else is a member" equal "$(members)" "['gm1.demo', 'gm1.demo']"
check "nobody else got a Sender-ID" equal "$(given)" 1

echo "-- no authority"
losses() { items "items[0]['frontends'][0]['counters']['authority-losses'] >= 1" status; }
stop authority-1 KILL
check "the status says that nobody answers" fails_with 6 "authority-1" ctl status
check "the frontend says so" until_ok 10 logged frontend-1 '"event":"authority-lost"'
start_member patient.demo
check "a member is put off, not refused for good" until_ok 30 logged patient.demo TEMPORARY_FAILURE
start_authority 1
check "it registers when the authority is back" until_ok 60 holds_sas patient.demo 3
check "and the status tells of the loss" until_ok 10 equal "$(losses)" True
check "the frontend is the same process" alive frontend-1
check "the operator can rekey" until_ok 20 ctl_quietly rekey now market-data --all
check "gm1.demo follows" until_ok 10 logged gm1.demo '"event":"rekey-received"'
stop gm1.demo
established() { grep -c "\"event\":\"ike-established\".*\"member\":\"fqdn:$1\"" "$run/log/frontend-1.log"; }
check "gm1.demo left" equal "$(members)" "['patient.demo']"
check "over the IKE SA it had before" equal "$(established gm1.demo)" 1
finish
