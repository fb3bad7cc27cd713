"""What machine the figures come from: its class, without names of hosts or users."""
import os
import platform
import sys


def _cpu_model():
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _vector_units():
    """Return the widest vector unit that this CPU names, for "Xeon" alone says little."""
    try:
        with open("/proc/cpuinfo") as lines:
            flags = next(line.split() for line in lines if line.startswith("flags"))
    except (OSError, StopIteration):
        return ""
    return next((unit for unit in ("avx512f", "avx2", "avx") if unit in flags), "")


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def describe():
    """Return CPU model, vector unit, usable cores, system and Python version as a dict."""
    return {
        "cpu": _cpu_model(), "vector": _vector_units(), "cores": _cores(),
        "system": f"{platform.system()} {platform.machine()}", "python": sys.version.split()[0],
    }


def line(found, startup):
    """Return one line of text for a report."""
    versions = sorted({said["numpy"] for said in startup.values()}) or ["unknown"]
    return (
        f"{found['cpu']} ({found['vector']}), {found['cores']} cores, {found['system']}, Python {found['python']},"
        f" NumPy {' and '.join(versions)}"
    )
