"""Figures as text: percentiles, what an aim says of them, a histogram of a line for each bin."""

import datetime
import math
import os


def percentile(values, share):
    """The least value that `share` of all are not above."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def spread(values):
    return {"runs": len(values), "p50": percentile(values, 0.5), "p99": percentile(values, 0.99), "max": max(values)}


def aim(value, most):
    return "holds" if value <= most else "MISSED"


def histogram(values, unit, bins=12, width=40):
    """One line a bin, all of one width, from zero on."""
    if not values:
        return
    step = _round_up(max(values) / bins)
    counts = [0] * (int(max(values) / step) + 1)
    for value in values:
        counts[int(value / step)] += 1
    for place, count in enumerate(counts):
        bar = "#" * max(round(count / max(counts) * width), 1 if count else 0)
        yield f"  {place * step:7.4g} - {(place + 1) * step:7.4g} {unit}  {count:4}  {bar}".rstrip()


def _round_up(value):
    """To 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1
    power = 10 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= value * 0.9999)


def heading(version, load):
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ"), "version": version,
            "machine": f"{_cpu_model()}, {os.cpu_count()} cores, Linux {os.uname().release}",
            "load_before": float(load)}


def _cpu_model():
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return "unknown"
