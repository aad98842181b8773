# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules: what systemd certainly does not take, and what cron's words are in systemd's. Pure.

The host's own ``systemd-analyze`` has the last word. This is what can be said before any host is reached.
"""

from __future__ import annotations

import re
from typing import Any

KEYWORDS = ("minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "semi-annually", "yearly", "annually", "biannually", "bi-annually")
DAY = r"(?:mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
DAYS = rf"{DAY}(?:(?:,|\.\.|-){DAY})*,?"
# One field: a star, or numbers with ranges, repetitions and commas.
FIELD = r"(?:\*|\d+(?:\.\d+)?(?:\.\.\d+(?:\.\d+)?)?(?:/\d+(?:\.\d+)?)?)"
LIST = rf"{FIELD}(?:,{FIELD})*"
DATE = rf"(?:{LIST}-)?{LIST}[-~]{LIST}"
TIME = rf"(?P<hour>{LIST}):(?P<minute>{LIST})(?::(?P<second>{LIST}))?"
# UTC, Europe/Berlin, America/Argentina/Ushuaia, EST5EDT, Japan. A day of the week is none.
ZONE = rf"(?-i:(?!{DAY}\b)[A-Z][A-Za-z0-9_+-]{{2,}}(?:/[A-Za-z0-9_+-]+)*)"
CALENDAR = re.compile(rf"(?:(?P<days>{DAYS})(?:\s+|$))?(?:(?P<date>{DATE})(?:\s+|$))?(?:{TIME})?(?:\s*(?<!\S)(?P<zone>{ZONE}))?", re.IGNORECASE)
UNIT = r"(?:usec|us|µs|msec|ms|seconds?|sec|s|minutes?|min|months?|m|M|hours?|hr|h|days?|d|weeks?|w|years?|y)"
SPAN = re.compile(rf"(?:\s*\d+(?:\.\d+)?\s*{UNIT}?)+\s*|infinity")
HIGHEST = {"hour": 23, "minute": 59, "second": 59}


def calendar_fault(text: Any) -> str | None:
    """Why it cannot be an ``OnCalendar=``."""
    if not isinstance(text, str) or not text.strip() or re.search(r"[\r\n]", text):
        return "not a schedule as systemd's OnCalendar has it, such as daily or *-*-* 02:30:00"
    words = text.split()
    if words[0].lower() in KEYWORDS:
        return None if len(words) == 1 or (len(words) == 2 and re.fullmatch(ZONE, words[1], re.IGNORECASE)) else _not_a_calendar(text)
    if re.fullmatch(r"@\d+", text.strip()):
        return None
    match = CALENDAR.fullmatch(text.strip())
    if match is None or not (match["days"] or match["date"] or match["hour"]):
        return _not_a_calendar(text)
    for name, highest in HIGHEST.items():
        for number in re.findall(r"(?<![\d/.])\d+", match[name] or ""):
            if int(number) > highest:
                return f"{text!r} has {number} in the place of the {name}"
    return None


def span_fault(text: Any) -> str | None:
    """Why it cannot be a span of time, such as ``RandomizedDelaySec=`` takes."""
    if re.search(r"[\r\n]", str(text)) or not SPAN.fullmatch(str(text)):
        return f"{text!r} is no span of time as systemd has it, such as 10min or 1h 30min"
    return None


def cron_calendar(hour: Any, minute: Any) -> str:
    """The schedule of cron's hour and minute, as systemd words it. Raises ValueError."""
    return f"*-*-* {_cron_field(hour, 23, 'hour')}:{_cron_field(minute, 59, 'minute')}:00"


def _cron_field(value: Any, highest: int, name: str) -> str:
    found = []
    for part in str(value).strip().split(","):
        match = re.fullmatch(r"(\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part.strip())
        if match is None or any(int(number) > highest for number in (match[2], match[3]) if number):
            raise ValueError(f"{value!r} is not a {name} of cron")
        star, first, last, step = match.groups()
        begin = first if first is not None else ("0" if step else star)
        found.append(begin + (f"..{last}" if last else "") + (f"/{step}" if step else ""))
    return ",".join(found)


def _not_a_calendar(text: str) -> str:
    return f"{text!r} is not a schedule as systemd's OnCalendar has it, such as daily or *-*-* 02:30:00"
