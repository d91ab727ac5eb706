"""`Tools/bench rekey`: exclusions from large groups as a table and a plot."""

import argparse
import json
import math

from figures import aim, heading


def table(record, groups):
    yield f"{record['date']}  {record['version']}  {record['machine']}, load {record['load_before']} before"
    yield f"key tree of degree {groups[0]['degree']}, medians; milliseconds are CPU time of the authority: plan, build, sign"
    yield ""
    yield "   members  excluded  messages  datagrams   octets   wraps      ms  bare ms  ratio"
    for group in groups:
        for one in group["exclusions"]:
            yield (f"{group['members']:10,} {one['excluded']:9} {one['messages']:9.0f} {one['datagrams']:10.0f} "
                   f"{one['octets']:8,.0f} {one['wraps']:7.0f} {one['milliseconds']:7.2f} {one['bareMilliseconds']:8.2f} "
                   f"{one['milliseconds'] / max(one['bareMilliseconds'], 1e-9):6.2f}")
    yield ""
    yield "   members  registration us  leader's octets a member  start of a leader s"
    for group in groups:
        yield (f"{group['members']:10,} {group['registrationMicroseconds']:16.1f} "
               f"{group['residentOctetsPerMember']:25.0f} {group['restartSeconds']:20.2f}")
    yield ""
    yield "octets of one exclusion"
    singles = [(group["members"], group["exclusions"][0]["octets"]) for group in groups if group["exclusions"]]
    most = max((octets for _, octets in singles), default=1)
    for members, octets in singles:
        yield f"  10^{math.log10(members):.0f}  {'#' * round(octets / most * 50)} {octets:,.0f}"
    yield from aims(groups)


def aims(groups):
    largest, smallest = groups[-1], groups[0]
    if largest["members"] < 1_000_000:
        return
    one = largest["exclusions"][0]
    ratio = largest["registrationMicroseconds"] / smallest["registrationMicroseconds"]
    yield ""
    yield f"one of 10^6: octets on the wire, aim 3072: {aim(one['octets'], 3072)}"
    yield f"one of 10^6: ms of CPU, aim 5: {aim(one['milliseconds'], 5)}"
    yield f"registration into 10^6 against {smallest['members']:,}: {ratio:.2f}, aim 1.2: {aim(ratio, 1.2)}"
    yield f"a leader with 10^6 members starts, aim 20 s: {aim(largest['restartSeconds'], 20)}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("form", choices=["table", "json"])
    for text in ("figures", "version", "load"):
        parser.add_argument("--" + text)
    options = parser.parse_args()
    with open(options.figures) as lines:
        groups = [json.loads(line) for line in lines]
    record = heading(options.version, options.load)
    if options.form == "json":
        print(json.dumps({**record, "groups": groups}))
    else:
        print("\n".join(table(record, groups)))


main()
