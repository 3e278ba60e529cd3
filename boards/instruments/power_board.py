# SPDX-License-Identifier: Apache-2.0
"""A virtual power board: the commands of an ST X-NUCLEO-LPM01A, and samples that mean nothing.

No energy is measured: an emulated board takes none. Each sample is NOTHING, 0 J, whatever the board
does. What is real is the count of samples between two edges of the timestamp pin: the board's own
seconds, which count instructions. Source: the commands as ST's UM2269 and the runner's
`power_manager_lpm` list them.
"""

import re
from collections.abc import Callable

NOT_MEASURED = "no energy is measured"
PROMPT = "PowerShield > "
NOTHING = "0000+00"  # four digits and the power of ten
RATES = {
    **{f"{n}k": 1000 * n for n in (10, 5, 2, 1)},
    **{str(n): n for n in (500, 200, 100, 50, 20, 10, 5, 2, 1)},
}
BLOCK = 1000  # samples that are sent at once
# which arguments a command takes; those that change nothing are only accepted
ACCEPTED = {
    "help": "",
    "echo": ".*",
    "htc": "",
    "hrc": "",
    "lcd": r'[12] "[^"]{0,16}"',
    "psrst": "",
    "volt": r"(1[89]|2\d|3[0-2])\d\dm|3300m|get",
    "acqtime": "inf|0",
    "acqmode": "dyn|stat",
    "funcmode": "optim|high",
    "output": "current|energy",
    "format": "ascii_dec",
    "trigsrc": "sw",
    "eventsrc": "d7 (fal|ris)",
    "trigdelay": r"\d+[um]?",
    "currthres": r"\d+[num]?",
    "pwr": "(auto|on|off)( (no)?status)?|get",
    "pwrend": "on|off",
    "targrst": r"\d+m?",
}


class PowerBoard:
    """The power board; `say` gets what it sends. The caller keeps threads apart."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._rate_hz = 100
        self._running = False
        self._events = 0
        self._samples = 0  # of this acquisition
        self._origin: float | None = None  # the board's time at sample 0

    def execute(self, command: str) -> None:
        """Execute one command, without the end of its line."""
        word, _, args = command.partition(" ")
        if word == "freq" and args in RATES:
            self._rate_hz = RATES[args]
        elif word in ("version", "powershield", "status", "range") and not args:
            self._tell(word)
            return
        elif word == "start" and not args:
            self._running, self._origin = True, None
            self._samples = self._events = 0
        elif word == "stop" and not args:
            self._running = False
            self._say(f"{PROMPT}ack stop\r\n{PROMPT}Acquisition completed\r\n")
            return
        elif not (word in ACCEPTED and re.fullmatch(ACCEPTED[word], args)):
            detail = "the virtual power board does not know this command or this argument"
            self._say(f"{PROMPT}error {command}\r\nError detail: {detail}\r\n")
            return
        self._say(f"{PROMPT}ack {command}\r\n")

    def edge(self, seconds: float) -> None:
        """Take a falling edge of the timestamp pin, at a time of the board.

        The first edge of an acquisition is its sample 0: nothing tells the board's time before.
        """
        if not self._running:
            return
        if self._origin is None:
            self._origin = seconds
        due = round((seconds - self._origin) * self._rate_hz)
        while self._samples < due:
            self._send_samples(min(due - self._samples, BLOCK - self._samples % BLOCK))
        self._say(f"event {self._events} ris\r\n")
        self._events += 1

    def _send_samples(self, count: int) -> None:
        seconds, rest = divmod(self._samples, self._rate_hz)
        if rest == 0:
            self._say(f"TimeStamp: {seconds % 1000:03d}s 000ms, buff 00%\r\n")
        count = min(count, self._rate_hz - rest)
        self._say(f"{NOTHING}\r\n" * count)
        self._samples += count

    def _tell(self, word: str) -> None:
        answer = {
            "version": "0.0.0 (virtual)",
            "powershield": f"PowerShield present: virtual, {NOT_MEASURED}",
            "status": f"ok: virtual, {NOT_MEASURED}",
            "range": "0000+00 0000+00",
        }[word]
        self._say(f"{PROMPT}ack {word}: {answer}\r\n")
