"""The lab's commands. Everything they do is a method of Lab."""

import argparse
import os
import sys
import time

from lab import HOSTS, Lab, LabError


def main() -> int:
    arguments = parser().parse_args()
    try:
        return run(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="lab", description="Hosts with real OpenZFS in User-Mode Linux: " + ", ".join(HOSTS))
    top.add_argument("--name", help="which lab; several can be up at once (default: $FERRO_LAB_NAME or main)")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start hosts fresh; removes what was up under this name")
    up.add_argument("hosts", nargs="*", metavar="HOST", help="default: all")
    up.add_argument("--systemd", action="store_true", help="systemd as the hosts' init (1 s slower)")
    up.add_argument(
        "--image",
        choices=["plain", "python", "peers", "monitoring"],
        default="plain",
        help="python: with Python; peers: also sanoid, syncoid, bzfs; monitoring: also Prometheus and the like",
    )
    up.add_argument("--memory", default="2G", help="of each host (default: 2G)")

    commands.add_parser("down", help="end the lab and leave nothing of it")
    commands.add_parser("status", help="which hosts run")

    for name, text in {
        "shell": "open a shell on a host",
        "power-cut": "end a host from one moment to the next",
        "start": "boot a host again, with its disk as it was",
        "restart": "shut a host down and boot it again, with its files and its disk as they were (needs --systemd)",
        "reset": "remove pools, processes and files that tests left on a host",
        "reboot": "start a host afresh",
    }.items():
        commands.add_parser(name, help=text).add_argument("host", choices=HOSTS, metavar="HOST")

    ssh = commands.add_parser("ssh", help="run a command on a host")
    ssh.add_argument("host", metavar="[USER@]HOST")
    ssh.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")

    inside = commands.add_parser("exec", help="run a local command in the lab's network, e.g. ansible-playbook")
    inside.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")

    net = commands.add_parser("net", help="cut, heal, delay or limit a host's network")
    net.add_argument("host", choices=HOSTS, metavar="HOST")
    net.add_argument("action", choices=["cut", "heal", "delay", "rate"])
    net.add_argument("value", nargs="?", type=float, metavar="MS|MBIT")
    return top


def run(arguments: argparse.Namespace) -> int:
    lab = Lab(arguments.name)
    match arguments.command:
        case "up":
            started = time.monotonic()
            lab = Lab(arguments.name, arguments.image, arguments.systemd, arguments.memory)
            hosts = arguments.hosts or list(HOSTS)
            lab.up(hosts)
            print(f"lab '{lab.name}': {', '.join(hosts)} up in {time.monotonic() - started:.1f} s")
        case "down":
            lab.down()
        case "status":
            return status(lab)
        case "shell":
            become(lab, ssh_words(lab, arguments.host))
        case "ssh":
            become(lab, [*ssh_words(lab, arguments.host), "--", *arguments.words])
        case "exec":
            become(lab, arguments.words or [os.environ.get("SHELL", "/bin/sh")])
        case "net":
            lab.net(arguments.host, arguments.action, arguments.value)
        case "power-cut":
            lab.power_cut(arguments.host)
        case "start" | "restart" | "reset" | "reboot":
            getattr(lab, arguments.command)(arguments.host)
    return 0


def status(lab: Lab) -> int:
    pids = {host: lab.pid(host) for host in HOSTS}
    for host, pid in pids.items():
        print(f"{host}: {f'up, process {pid}' if pid else 'off'}")
    return 0 if any(pids.values()) else 1


def ssh_words(lab: Lab, host: str) -> list[str]:
    return ["ssh", "-F", str(lab.ssh_config), host]


def become(lab: Lab, words: list[str]) -> None:
    """Replaces this process, so that terminal, signals and exit status are the command's own."""
    command = lab.namespaced(words)
    try:
        os.execvpe(command[0], command, {**os.environ, **lab.environment})
    except OSError as error:
        raise LabError(f"{words[0]}: {error.strerror}") from error
