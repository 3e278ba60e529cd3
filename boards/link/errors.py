# SPDX-License-Identifier: Apache-2.0
"""The errors between the host and a board, one class per cause.

BoardError
└── LinkError
    ├── PortMissing   no port has that name, or it is not a serial port
    ├── PortRefused   permission denied
    ├── PortBusy      another program has it
    ├── NoAnswer      silence: hung, not powered, or gone
    ├── Garbage       bytes that are not mcuforge's protocol
    ├── BoardCrashed  the board reported a fault
    ├── BoardReset    the board started again in the middle of a session
    ├── WrongModel    the firmware holds another model
    ├── ModelFailed   the model refused its arena or failed in a run
    └── Refused       the board refused a request
"""

from mcuforge.errors import BoardError


class LinkError(BoardError):
    """The line to the board, or the device at its other end, is at fault."""


class PortMissing(LinkError):
    """There is no such port."""


class PortRefused(LinkError):
    """The user may not open the port."""


class PortBusy(LinkError):
    """Another program has the port open."""


class NoAnswer(LinkError):
    """Nothing came back in time."""


class Garbage(LinkError):
    """Something came back, but not mcuforge's protocol."""


class BoardCrashed(LinkError):
    """The board reported a fault and halted; `what` holds its words."""


class BoardReset(LinkError):
    """The board started again and has forgotten the session."""


class WrongModel(LinkError):
    """The model in the firmware is not the one on the command line."""


class ModelFailed(LinkError):
    """The generated model returned an error on the board."""


class Refused(LinkError):
    """The board refused a request as impossible."""
