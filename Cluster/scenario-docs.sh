#!/usr/bin/env bash
# What the documents tell people to type works: the README's gcksctl lines, the example settings, the example groups.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=3 frontends=1 broadcasters=1

write_members() { write_member 1 gm1.demo psk "$ike" sender; }

# The commands of the README's indented lines that begin with gcksctl, without their comments.
commands() { sed -n 's/^    \(gcksctl [^#]*\).*/\1/p' "$root/README.md" | sed 's/ *$//'; }
as_typed() { (cd "$run/etc" && PATH=$bin:$PATH GCKSCTL_CONFIG=$run/etc/gcksctl.yaml bash -c "$1" >>"$run/log/gcksctl.log" 2>&1); }

prepare
start_member gm1.demo
check "gm1.demo registers" until_ok 30 holds_sas gm1.demo 3
check "the README has commands: $(commands | wc -l)" test "$(commands | wc -l)" -ge 6
while read -r command; do check "$command" as_typed "$command"; done < <(commands)

# The examples name files of an installed machine; here they lie in the scenario's folder.
example() { # program
  local path
  mkdir -p "$run/installed"
  sed "s#: /etc/gcks#: $run/installed#; s#\[/etc/gcks#[$run/installed#" "$root/Config/$1.yaml" >"$run/etc/example-$1.yaml"
  for path in $(grep -o "$run/installed[^], ]*" "$run/etc/example-$1.yaml"); do
    mkdir -p "${path%/*}"
    touch "$path"
  done
  "$bin/gcks-$1" --check-config --config "$run/etc/example-$1.yaml"
}
for program in authority frontend broadcaster member; do
  check "gcks-$program takes Config/$program.yaml" example "$program"
done
for file in "$root"/Config/groups/*.yaml; do
  check "${file#"$root"/} would be applied" ctl_quietly group apply -f "$file" --dry-run
done
finish
