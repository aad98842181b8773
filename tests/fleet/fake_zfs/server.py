# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs many commands without starting Python for each: forks for whoever connects to a socket, as long as its own stdin is open.

A client sends its stdin, stdout and stderr with the length of what follows: its words, parted by null bytes, of which the first is the path of
the `zfs` or `zpool`. It gets the exit status as one byte. tests/it/host/client.rs is one.
"""

import fcntl
import os
import select
import signal
import socket
import sys

from fake_zfs.program import start


def serve(path):
    # Who ends the tests on a terminal wants to hear nothing from here.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        os.write(1, b"up\n")
        while 0 not in select.select([0, listener], [], [])[0]:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                answer(client)
            client.close()
            bury()
    os.unlink(path)
    os.rmdir(os.path.dirname(path))


def bury():
    """Lets go of those that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def answer(client):
    """Is the command of this client, and ends."""
    length, files, _, _ = socket.recv_fds(client, 4, 3)
    with client.makefile("rb") as file:
        words = file.read(int.from_bytes(length, "little")).split(b"\0")
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    sys.argv = [os.fsdecode(word) for word in words]
    end_with(client)
    status = status_of(start)
    for file in (0, 1, 2):
        os.close(file)
    # That it is read is news of the client, too.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    client.send(bytes([status]))
    os._exit(0)


def end_with(client):
    """Has this process killed once the client is gone, of which nothing more is heard before."""
    fcntl.fcntl(client, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(client, fcntl.F_SETFL, os.O_ASYNC)
    if select.select([client], [], [], 0)[0]:
        os._exit(1)


def status_of(command):
    """The status with which Python ends that runs this."""
    try:
        command()
    except SystemExit as ended:
        status = ended.code
    except Exception:
        sys.excepthook(*sys.exc_info())
        status = 1
    try:
        sys.stdout.flush()
    except OSError as error:
        print(f"Exception ignored on flushing sys.stdout: {error}", file=sys.stderr)
        return 120
    return status
