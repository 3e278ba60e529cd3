# SPDX-License-Identifier: Apache-2.0
"""Flashes a board with `pio run -t upload`; what goes wrong becomes three lines."""

import re
from dataclasses import dataclass

from mcuforge.boards.build.pio import run_pio, users_environment
from mcuforge.boards.build.project import Project
from mcuforge.boards.build.stock import environment_name, missing, platformio_of
from mcuforge.boards.catalog.board import Board
from mcuforge.boards.link.udev import port_rule, probe_rule
from mcuforge.errors import BoardError

INSTALL_SECONDS = 3600.0  # a compiler of 200 MB over a slow line
# 4 MB through a boot loader at 115200 baud, and the flash tool to download the first time
UPLOAD_SECONDS = 900.0
OPENOCD_RULES = (
    "install OpenOCD's udev rules (60-openocd.rules, in the package openocd of most systems), and "
    "plug the probe in again"
)
PORT_PROTOCOLS = ("serial", "picotool")  # PlatformIO refuses to start these without a port


class UploadFailed(BoardError):
    """The flash tool failed; `what` holds its own words."""


class NoProbe(UploadFailed):
    """The flash tool found no debug probe, or no boot loader."""


class ProbeRefused(UploadFailed):
    """The user may not open the probe's USB device."""


@dataclass(frozen=True)
class Tool:
    """What the user can do when the tool of a protocol finds no device.

    usb: ids of its USB device, for the udev rule; empty where any maker's will do.
    """

    connect: str
    usb: tuple[str, ...] = ()


TOOLS = {
    "stlink": Tool(
        "connect the USB socket of the ST-LINK: a Nucleo has one, a Discovery two", ("0483",)
    ),
    "jlink": Tool("connect the J-Link, and install SEGGER's driver once", ("1366",)),
    "cmsis-dap": Tool("connect the CMSIS-DAP probe to USB and to the board's SWD pins"),
    "dfu": Tool(
        "set the boot pins for the chip's USB boot loader (STM32: BOOT0 high), press reset, and "
        "connect the chip's own USB socket",
        ("0483:df11", "28e9:0189"),
    ),
    "serial": Tool("set the boot pins for the chip's serial boot loader (BOOT0 high), press reset"),
    "picotool": Tool("hold BOOTSEL while you plug in the Pico's own USB socket", ("2e8a:0003",)),
}
# Words of OpenOCD, JLinkExe, dfu-util, stm32flash, rp2040load
_REFUSED = re.compile(r"LIBUSB_ERROR_ACCESS|[Pp]ermission denied|Cannot open DFU device")
_NOT_FOUND = re.compile(
    r"Error: open failed|unable to find a matching CMSIS-DAP|No CMSIS-DAP device"
    r"|No J-Link|Connecting to J-Link .*(?:FAILED|failed)|Failed to open DLL"
    r"|No DFU capable USB device|No accessible RP2040|no RP2040|Failed to init device"
    r"|Please specify `upload_port`|LIBUSB_ERROR_NO_DEVICE|LIBUSB_ERROR_NOT_FOUND"
)
_NO_TARGET = re.compile(
    r"init mode failed|unable to connect to the target|timed out while waiting for target"
    r"|Cannot connect to target|Could not connect to (?:the )?target|target voltage may be too low"
)
_ERROR_LINE = re.compile(r"^.*(?:[Ee]rror|ERROR|FAILED|failed|\*\*\*|No |Cannot |Could not ).*$")
UPLOAD_BEGINS = "\nConfiguring upload protocol..."
_SUMMARY = re.compile(r"^=+ |^\*\*\* \[|^Environment |^-+ |^\S+ +FAILED |^No dependencies$")


def install(project: Project, protocol: str) -> None:
    """Let PlatformIO download what it lacks for the board: platform and compiler.

    It downloads the flash tools with the first upload; `stock.missing_tools` lists them.

    BoardError with PlatformIO's own words when it cannot.
    """
    lacking = missing(project.board)
    if not lacking:
        return
    result = run_pio(
        project.directory,
        *("pkg", "install", "-e", environment_name(project.board, protocol)),
        environment=users_environment(),
        timeout_seconds=INSTALL_SECONDS,
    )
    if result.code != 0:
        raise BoardError(
            f"PlatformIO cannot install its {' and '.join(lacking)}: {told(result.output)}",
            f"board {project.board.id}, {project.directory}",
            "connect to the internet for the first `pio run`; without it, `mcuforge deploy --out` "
            "leaves firmware.elf for the board's own flash tool",
        )


def upload(project: Project, protocol: str, port: str) -> None:
    """Flash the built project; `port` serves the protocols that use a serial port.

    Raises UploadFailed, NoProbe or ProbeRefused.
    """
    through = ("--upload-port", port) if protocol in PORT_PROTOCOLS else ()
    result = run_pio(
        project.directory,
        *("run", "-e", environment_name(project.board, protocol), "-t", "upload", *through),
        environment=users_environment(),
        timeout_seconds=UPLOAD_SECONDS,
    )
    (project.directory / ".pio" / "upload.log").write_text(result.output, encoding="utf-8")
    if result.code != 0:
        raise upload_error(project, protocol, result.output)


def upload_error(project: Project, protocol: str, output: str) -> UploadFailed:
    """Turn the `output` of a failed upload into an error that keeps its deciding line."""
    board = project.board
    where = f"board {board.id}, `pio run -e {environment_name(board, protocol)} -t upload`"
    tool = TOOLS[protocol]
    log = f"the whole log: {project.directory / '.pio' / 'upload.log'}"
    if line := _line(_REFUSED, output):
        rule = probe_rule(tool.usb) if tool.usb else OPENOCD_RULES
        if protocol == "serial" and board.probe is not None:
            rule = port_rule(board.probe.usb)
        return ProbeRefused(f"you may not open the USB device that flashes ({line})", where, rule)
    if line := _line(_NOT_FOUND, output):
        return NoProbe(
            f"{protocol} found nothing to flash through ({line})",
            where,
            f"{tool.connect}; another tool: --protocol {_others(board, protocol)}; {log}",
        )
    if line := _line(_NO_TARGET, output):
        return UploadFailed(
            f"the probe is there and the chip does not answer it ({line})",
            where,
            f"check the board's power and its debug jumpers, hold reset while it connects; {log}",
        )
    return UploadFailed(f"the upload failed: {told(output)}", where, log)


def told(output: str) -> str:
    """Choose the line that says why: the first complaint of a tool, else the last line.

    Of an upload that began, only what follows counts: files that were compiled may be called error.
    """
    lines = [line.strip() for line in output.rpartition(UPLOAD_BEGINS)[2].splitlines()]
    lines = [line for line in lines if line and not _SUMMARY.match(line)]
    complaints = [line for line in lines if _ERROR_LINE.match(line)]
    return (complaints or lines[-1:] or ["it says nothing"])[0]


def _line(pattern: re.Pattern[str], output: str) -> str:
    return next((line.strip() for line in output.splitlines() if pattern.search(line)), "")


def _others(board: Board, protocol: str) -> str:
    return " or ".join(p for p in platformio_of(board).protocols if p != protocol) or protocol
