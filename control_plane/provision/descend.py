"""Run as a program: become another account, promise to end with the parent, then become the command.

`python -I -S descend.py SIGNAL PARENT_PID UID GID CWD COMMAND...`

It is a program and not a `preexec_fn` because the parent has threads, between whose fork and exec no Python may safely
run. UID -1 keeps the account. PR_SET_PDEATHSIG (Linux) sends SIGNAL when the thread that started us ends: on a killed
supervisor its children stop too. It comes after the change of account, which would clear it.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
UMASK = 0o077


def descend(signal_number: int, parent_pid: int, uid: int, gid: int, cwd: str, command: list[str]) -> None:
    os.chdir(cwd)
    os.umask(UMASK)
    if uid != -1:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux" and signal_number:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent_pid:
            sys.exit("the supervisor ended while this process was starting")
    os.execve(command[0], command, os.environ)  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    descend(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6:])
