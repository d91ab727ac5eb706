#!/usr/bin/env bash
# The operator's command line against a real authority: transcripts, JSON held to its own schemas by an independent validator, exit
# codes, roles, contexts, completion.
#
# Transcripts lie in Tests/Scenarios/Transcripts. GCKS_RECORD=1 writes them anew: look at the difference before you commit it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=1 broadcasters=1
kept=$root/Tests/Scenarios/Transcripts
write_members() { write_member 1 gm1.demo psk "$ike" sender; }

python=python3
"$python" -c 'import jsonschema' 2>/dev/null || python=/usr/bin/python3
tool() { "$python" "$root/Cluster/transcript.py" "$@"; }

# One command: what it says on both outputs and how it ends, beside what it said before.
same_transcript() { # name, gcksctl arguments...
  local name=$1 code=0
  shift
  ctl "$@" >"$run/out" 2>"$run/err" </dev/null || code=$?
  {
    printf '$ gcksctl %s\nexit %s\n--- stdout\n' "$*" "$code"
    cat "$run/out"
    printf -- '--- stderr\n'
    cat "$run/err"
  } | tool steady "$run" >"$run/transcript"
  if [[ -n "${GCKS_RECORD:-}" ]]; then cp "$run/transcript" "$kept/$name.txt"; fi
  diff "$kept/$name.txt" "$run/transcript"
}
transcript() { # name, arguments...
  local name=$1
  shift
  check "transcript $name: gcksctl $*" same_transcript "$name" "$@"
}

follows_schema() { # kind, arguments...
  local kind=$1
  shift
  ctl schema "$kind" >"$run/schema" 2>/dev/null
  ctl "$@" -o json 2>/dev/null | tool valid "$run/schema"
}
schema() { check "-o json of $1 follows its schema: gcksctl ${*:2}" follows_schema "$@"; }

watched() { # kind, fewest lines, arguments...
  local kind=$1 least=$2
  shift 2
  ctl schema "$kind" >"$run/schema" 2>/dev/null
  timeout 3 "$bin/gcksctl" "$@" --config "$run/etc/gcksctl.yaml" --watch -i 300ms -o json >"$run/lines" 2>/dev/null || true
  (($(wc -l <"$run/lines") >= least)) && tool valid "$run/schema" <"$run/lines"
}

ends_with() { # exit code, words, gcksctl arguments...
  local code=$1 words=$2 output status=0
  shift 2
  output=$(ctl "$@" 2>&1 </dev/null) || status=$?
  [[ "$status" -eq "$code" && "$output" == *"$words"* ]] || { echo "   exit $status: $output"; return 1; }
}
codes=" "
exit_code() { # code, what, words, arguments...
  codes+="$1 "
  check "exit $1: $2" ends_with "$1" "${@:3}"
}

prepare
start_member gm1.demo
check "gm1.demo registers" until_ok 30 holds_sas gm1.demo 3
seen() { [[ "$(items "items[0]['frontends'][0]['counters']['ike-sas']" status)" == 1 ]]; }
check "the frontend has told of it" until_ok 20 seen

echo "-- transcripts"
transcript status status
transcript status-check status --check
transcript group-list group list
transcript group-list-wide groups list -o wide
transcript group-list-name group list -o name
transcript group-show group show market-data
transcript group-show-yaml group show market-data -o yaml
transcript group-diff-none group diff -f "$run/etc/market-data.yaml"
transcript member-list members list
transcript member-show member show fqdn:gm1.demo
transcript sender-list sender list market-data
transcript role-whoami role whoami
transcript role-list role list -o json
transcript config-show config show --effective
transcript config-validate config validate "$run/etc/authority-1.yaml" "$run/etc/gcksctl.yaml" "$run/etc/market-data.yaml"
transcript schema schema
transcript rekey-dry-run rekey now market-data --dry-run

echo "-- schemas, judged by python3-jsonschema"
schema ClusterStatus status
schema Group group list
schema Member member list
schema Sender sender list market-data
schema Change rekey now market-data --tek
schema CheckResult doctor
schema WhoAmI role whoami
schema Role role list
schema Traffic top --once
schema Setting config show --effective
schema Validation config validate "$run/etc/frontend-1.yaml"
schema Version version
schema Rekey rekey history
schema RekeySchedule rekey schedule show
schema PolicyVerdict policy test --identity fqdn:gm1.demo --group market-data
schema AuditRecord audit search
schema AuditKey audit key
schema Frontend frontend list
schema RootKeys key root status
schema UpgradeStatus upgrade status
check "status --watch writes a document a line" watched ClusterStatus 2 status
check "member list --watch too" watched Member 1 member list
check "group list --watch too" watched Group 1 group list
same_document() { diff <(ctl group list -o json 2>/dev/null) <(ctl group list -o yaml 2>/dev/null | "$python" -c \
  'import json, sys, yaml; print(json.dumps(yaml.load(sys.stdin, yaml.SafeLoader), indent=2, ensure_ascii=False))'); }
if "$python" -c 'import yaml' 2>/dev/null; then check "YAML holds what JSON holds" same_document; fi

echo "-- roles"
ca() { "$root/Tools/dev-ca" service "$run/pki" "$@"; }
as() { sed "s/crypto-officer-alice/$1/" "$run/etc/gcksctl.yaml" >"$run/etc/$1.yaml"; }
for role in auditor viewer operator; do ca "$role" "$role"; as "$role-$role"; done
exit_code 4 "a viewer may not rekey, and hears which role may" "needs the role operator" \
  rekey now market-data --config "$run/etc/viewer-viewer.yaml"
check "a viewer reads" ends_with 0 market-data group list --config "$run/etc/viewer-viewer.yaml"
check "an operator rekeys" ends_with 0 "new data SA" rekey now market-data --tek --config "$run/etc/operator-operator.yaml"
check "an operator may not change policy" ends_with 4 "needs the role crypto-officer" \
  group apply -f "$run/etc/market-data.yaml" --config "$run/etc/operator-operator.yaml"
check "an auditor may not list members" ends_with 4 "needs the role viewer" member list --config "$run/etc/auditor-auditor.yaml"
check "nor see the status" ends_with 4 "needs the role viewer" status --config "$run/etc/auditor-auditor.yaml"
check "but hears who he is" ends_with 0 "auditor" role whoami --config "$run/etc/auditor-auditor.yaml"

echo "-- contexts"
export XDG_CONFIG_HOME=$run/home
mine() { env -u GCKSCTL_CONFIG "$bin/gcksctl" "$@"; }
check "a context is made from a file" mine context set lab --from "$run/etc/gcksctl.yaml"
check "and another" mine context set other --authority authority-1=127.0.7.1:7701 --ca "$run/pki/ca.pem" \
  --certificate "$run/pki/viewer-viewer.pem" --key "$run/pki/viewer-viewer.key" --trust-domain gcks.dev --timeout 5
check "its file is its owner's alone" equal "$(stat -c %a "$run/home/gcks/gcksctl.yaml")" 600
context_says() { [[ "$(mine "${@:2}" -o json 2>/dev/null | "$python" -c 'import json, sys; print(json.load(sys.stdin)["items"][0]["roles"])')" == "$1" ]]; }
check "the first is in use" context_says "['crypto-officer']" role whoami
check "the other by name" context_says "['viewer']" role whoami --context other
check "the other is used" mine context use other
check "and spoken to" context_says "['viewer']" role whoami
check "the status names it" bash -c "env -u GCKSCTL_CONFIG '$bin/gcksctl' status 2>/dev/null | grep -q '^CLUSTER other  healthy'"
check "it is deleted" mine context delete other
check "a context nobody knows" bash -c "env -u GCKSCTL_CONFIG '$bin/gcksctl' status --context nowhere; [[ \$? == 3 ]]"
exit_code 1 "a file that cannot be written" "cannot be" context set lab --from "$run/etc/gcksctl.yaml" --config /proc/none/x.yaml
printf 'contexts: []\nusee: x\n' >"$run/etc/odd.yaml"
check "an unknown key in it" ends_with 2 "odd.yaml:2: usee: unknown key" status --config "$run/etc/odd.yaml"

echo "-- completion, as bash does it"
completes() { # words expected, line typed
  local wanted=$1 line=$2
  GCKSCTL_CONFIG=$run/etc/gcksctl.yaml PATH=$bin:$PATH bash -c '
    source <(gcksctl completion bash)
    COMP_LINE=$1 COMP_POINT=${#1}
    read -ra COMP_WORDS <<<"$1"
    [[ "$1" == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMP_TYPE=9 COMP_KEY=9
    $(complete -p gcksctl | sed "s/.*-F \([^ ]*\).*/\1/") gcksctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
    printf "%s\n" "${COMPREPLY[@]}"' _ "$line" >"$run/completed"
  grep -qx -- "$wanted" "$run/completed" || { echo "   completed to: $(tr '\n' ' ' <"$run/completed")"; return 1; }
}
check "a noun" completes "group" "gcksctl gro"
check "a verb" completes "now" "gcksctl rekey n"
check "the live name of a group" completes "market-data" "gcksctl group show "
check "a live group, begun" completes "market-data" "gcksctl rekey now mar"
check "an option" completes "--dry-run" "gcksctl rekey now market-data --dr"
for shell in zsh fish; do
  ctl completion "$shell" >"$run/completion.$shell"
  check "the $shell script holds every command" grep -q whoami "$run/completion.$shell"
  if command -v "$shell" >/dev/null; then check "$shell can read it" "$shell" -n "$run/completion.$shell"; fi
done

echo "-- every help has an example, every code of the table is true"
helps() { # command...
  local help name
  help=$(ctl "$@" --help 2>&1) || return 1
  grep -q "Example" <<<"$help" || { echo "   no example: gcksctl $*"; lacking+=" $*,"; }
  for name in $(sed -n '/^SUBCOMMANDS:/,/^ *See/p' <<<"$help" | sed -n 's/^  \([a-z-]*\) .*/\1/p'); do
    if [[ "$name" != help ]]; then helps "$@" "$name"; fi
  done
}
lacking=""
helps
check "every subcommand's help has an example" equal "$lacking" ""
exit_code 0 "success" "healthy" status --check
exit_code 2 "usage" "Usage" group show
exit_code 3 "not found" "nowhere" group show nowhere
sed 's/^mode: tunnel/mode: transport/' "$run/etc/market-data.yaml" >"$run/etc/changed.yaml"
exit_code 5 "what a living group cannot change" "mode" group apply -f "$run/etc/changed.yaml"
sed 's/^member_limit: 1000/member_limit: 999/' "$run/etc/market-data.yaml" >"$run/etc/changed.yaml"
exit_code 10 "the file differs" "differs" group diff -f "$run/etc/changed.yaml"
sed 's/^name:/nmae:/' "$run/etc/frontend-1.yaml" >"$run/etc/bad.yaml"
exit_code 8 "one file valid, one not" "nmae" config validate "$run/etc/frontend-1.yaml" "$run/etc/bad.yaml"
stop broadcaster-1
lost() { ends_with 11 "broadcaster-1 is lost" status --check >/dev/null; }
check "a lost broadcaster is seen" until_ok 15 lost
exit_code 11 "unhealthy" "broadcaster-1 is lost" status --check
store=$(pgrep -P "${pids[authority-1]}" -f gcks-store)
kill -STOP "$store"
exit_code 7 "a change whose store does not answer" "--request-id" rekey now market-data --timeout 2
check "the status answers all the while" ends_with 0 "its store is silent" status
kill -CONT "$store"
stop authority-1 KILL
exit_code 6 "nobody there" "doctor" group list
told() { ctl --help | sed -n '/Exit codes/,/^$/p' | tr '\n' ' ' | grep -o '[0-9]\+ [a-z]' | cut -d' ' -f1 | sort -n | tr '\n' ' '; }
# 9 is for changes that two persons make; there is none that a running cluster takes yet.
for code in $(told); do
  [[ "$code" == 9 ]] || check "code $code of the help was seen" grep -q " $code " <<<"$codes"
done
finish
