"""The parser of the command line: one module for each command, named in :data:`COMMANDS`."""

from __future__ import annotations

import argparse
import difflib
import importlib
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import jsonargparse
from jsonargparse import ArgumentParser

from ..version import __version__

#: The commands, each a module of this folder with ``HELP``, ``OPERANDS``,
#: ``add_arguments`` and ``run``.
COMMANDS = (
    "invert", "invert-long", "corpus", "stream", "doctor", "compare", "report", "demo", "info",
)  # fmt: skip


class Parser(ArgumentParser):
    """A parser that tells an error in one line, with the flag that was probably meant."""

    commands: dict[str, Parser]

    def __init__(self, **keywords: Any) -> None:
        super().__init__(formatter_class=argparse.HelpFormatter, **keywords)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print what is wrong and leave with exit code 2."""
        message = " ".join(message.split())
        message = re.sub(r"required: [\w-]+\.(\S+)", _name_of_required, message)
        unknown = re.match(r"unrecognized arguments: (-\S+)", message)
        if unknown:
            flags = [flag for parser in self._all() for flag in parser.flags()]
            close = difflib.get_close_matches(unknown[1], flags, 1, 0.5)
            message += f". Did you mean {close[0]}?" if close else ""
        typed = re.match(r'Parser key "([\w.-]+)":.*(?:Given|Got) value: (.*)$', message)
        if typed:
            kind = re.search(r"Expected an? <class '(\w+)'>", message)
            flag = "--" + typed[1].rpartition(".")[2].replace("_", "-")
            wanted = {"int": "a whole number", "float": "a number"}.get(kind[1] if kind else "", "")
            message = f"{flag} {typed[2]}: expected {wanted or 'another value'}."
        message += "" if message[-1:] in ".?" else "."
        print(f"specinv: error: {message} specinv COMMAND --help lists flags.", file=sys.stderr)
        raise SystemExit(2)

    def add_config(self) -> None:
        """Add the flag for a file of settings."""
        config: Any = vars(jsonargparse)["ActionConfigFile"]  # public, but not marked so for typing
        self.add_argument("--config", action=config, help="YAML file of these settings")

    def spell(self, arguments: Sequence[str]) -> list[str]:
        """Return arguments with the flags as they are spelled here: --n-fft for --n_fft."""
        known = {flag for parser in self._all() for flag in parser.flags()}
        return [_spell(argument, known) for argument in arguments]

    def flags(self) -> list[str]:
        """Return the flags of this command."""
        return [flag for action in self._actions for flag in action.option_strings]

    def _all(self) -> list[Parser]:
        """Return this parser and those of its commands."""
        found = vars(self).get("commands", {})
        return [self, *found.values()]


def make_parser() -> Parser:
    """Build the parser."""
    parser = Parser(prog="specinv", description="Spectrogram phase inversion.", version=__version__)
    commands = parser.add_subcommands(required=False)
    parser.commands = {}
    for name in COMMANDS:
        module = module_of(name)
        usage = " ".join(["specinv", name, *module.OPERANDS, "[options]"])
        command = Parser(description=module.__doc__, usage=usage)
        module.add_arguments(command)
        commands.add_subcommand(name, command, help=module.HELP)
        parser.commands[name] = command
    return parser


def module_of(command: str) -> Any:
    """Return the module of a command."""
    return importlib.import_module(f".{command.replace('-', '_')}", __package__)


def _spell(argument: str, known: set[str]) -> str:
    flag, equals, value = argument.partition("=")
    spelled = flag.replace("_", "-")
    return spelled + equals + value if flag not in known and spelled in known else argument


def _name_of_required(match: re.Match[str]) -> str:
    names = {"output": "-o/--output", "input": "INPUT", "file": "FILE", "files": "FILES"}
    return f"required: {names.get(match[1], match[1])}"
