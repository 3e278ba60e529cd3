# SPDX-License-Identifier: Apache-2.0
"""The errors between the host and a board: LinkError, a BoardError, and one class per cause."""

from mcuforge.errors import BoardError


class LinkError(BoardError):
    """The line to the board, or the device at its other end, is at fault."""


class PortMissing(LinkError):
    """No port has that name, or it is not a serial port."""


class PortRefused(LinkError):
    """The user may not open the port."""


class PortBusy(LinkError):
    """Another program has the port open."""


class NoProbePort(LinkError):
    """No serial port belongs to the board's probe."""


class SeveralPorts(LinkError):
    """Several serial ports may lead to the board."""


class NoAnswer(LinkError):
    """Nothing came back in time: the board hangs, has no power, or is gone."""


class Garbage(LinkError):
    """Something came back, but not mcuforge's protocol."""


class Damaged(Garbage):
    """Too many frames arrived damaged."""


class OldFirmware(Garbage):
    """The firmware speaks another version of the protocol."""


class BoardCrashed(LinkError):
    """The board reported a fault and halted; `what` holds its words."""


class BoardReset(LinkError):
    """The board started again in the middle of a session, which it has forgotten."""


class SessionTaken(LinkError):
    """Another program has opened a session with the board and so ended this one."""


class SessionClosed(LinkError):
    """The board has no session any more: it started again, or a text command used its model."""


class NumbersUsedUp(LinkError):
    """The session has sent as many requests as it has numbers."""


class InputsChanged(LinkError):
    """What the board holds as inputs is not what was sent."""


class Silent(LinkError):
    """The board was flashed and does not answer."""


class WrongBoard(LinkError):
    """The firmware that answers was built for another board."""


class WrongModel(LinkError):
    """The model in the firmware is not the one on the command line."""


class ModelFailed(LinkError):
    """The generated model refused its arena or failed in a run."""


class Refused(LinkError):
    """The board refused a request as impossible."""
