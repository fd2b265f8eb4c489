import io
import shlex
import urllib.parse

import pytest
from rich.console import Console
from tensorboard.plugins.core import core_plugin

from deepxor.console.next_step import print_tensorboard
from deepxor.events.gradient_flow import PLUGIN_NAME


@pytest.mark.parametrize("logdir", ["logdir", "my runs/" + "long" * 30])
@pytest.mark.parametrize("width", [40, 120])
def test_the_command_and_the_address_are_a_line_each(logdir, width):
    console = Console(width=width, file=io.StringIO())
    print_tensorboard(console, logdir)
    command, address = console.file.getvalue().splitlines()
    words = shlex.split(command.removeprefix("Next: "))
    assert words == ["tensorboard", "--logdir", logdir]
    url = urllib.parse.urlsplit(address.removeprefix("then open "))
    assert (url.hostname, url.port) == ("localhost", core_plugin.DEFAULT_PORT)
    assert url.fragment == PLUGIN_NAME
