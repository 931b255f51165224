"""CPU time of a running process, for the scripts beside this file. Linux only."""

import pathlib


def cpu_seconds(pid):
    """The seconds that those threads of a process have had on a processor that still run."""
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
