"""The tasks of sweeps: what their networks are, and how they are trained."""

from __future__ import annotations

from deepxor.sweeps.task import Task
from deepxor.sweeps.tasks.digits import DigitsTask
from deepxor.sweeps.tasks.xor import XorTask

# Those of `--task`; pictures have a command of their own.
TASKS: dict[str, Task] = {task.name: task for task in (XorTask(), DigitsTask())}
