"""The reference of all commands in docs/commands.md, generated from their help."""

import inspect

from typer.core import TyperArgument
from typer.main import get_command

from callmood.cli.app import app


def commands_reference():
    """Return a section per command: description, examples, arguments, and options."""
    return "\n\n".join(_section(name, command) for name, command in all_commands())


def all_commands(group=None, prefix=""):
    """Yield the name and object of each command; a command of a group has two words."""
    for name, command in (group or get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from all_commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


def _section(name, command):
    _, *examples = (line.strip() for line in command.epilog.split("\n\n"))
    lines = [f"## `callmood {name}`", "", inspect.cleandoc(command.help), "", "```sh", *examples, "```", ""]
    parameters = [parameter for parameter in command.params if parameter.name != "help"]
    return "\n".join([*lines, "| parameter | description | default |", "|---|---|---|", *map(_row, parameters)])


def _row(parameter):
    is_argument = isinstance(parameter, TyperArgument)
    name = (parameter.metavar or parameter.name).upper() if is_argument else parameter.opts[0]
    return f"| `{name}` | {parameter.help} | {_default(parameter)} |"


def _default(parameter):
    texts = []
    if parameter.required:
        texts.append("required")
    elif isinstance(parameter.show_default, str):
        texts.append(parameter.show_default)
    elif parameter.name == "workers":  # the number of cores of this machine
        texts.append("number of cores")
    elif isinstance(parameter.default, float):
        texts.append(f"`{parameter.default:g}`")
    elif parameter.default is not None and parameter.default is not False:
        texts.append(f"`{getattr(parameter.default, 'value', parameter.default)}`")
    if parameter.envvar:
        texts.append(f"`{parameter.envvar}`")
    return " or ".join(texts)
