"""The folder of a trial: its event files, and cell.json with settings and results."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from deepxor.runs.folder import RunError
from deepxor.runs.json_file import read_json, write_json
from deepxor.vision.config import Trial

_FILE = "cell.json"


class TrialRun:
    """Reads and writes the folder of one trial.

    Args:
        trial: The settings of the trial.
        folder: The table's folder, in which the trial's folder is or will be.
    """

    def __init__(self, trial: Trial, folder: Path) -> None:
        self.trial = trial
        self.path = folder / trial.run_name

    def load(self) -> dict[str, Any] | None:
        """Returns the results of the trial, or None if it has not been trained.

        Raises:
            RunError: If the folder holds something else or cannot be read.
        """
        try:
            data = read_json(self.path / _FILE)
            settings, results = data["settings"], data["results"]
        except FileNotFoundError:
            self._check_empty()
            return None
        except OSError as error:
            raise RunError(f"{self.path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise RunError(f"{self.path}: broken {_FILE} ({reason})") from None
        wanted = self.trial.to_json()
        if settings != wanted:
            raise RunError(
                f"{self.path} was trained with other settings: remove it, or choose "
                "another --logdir"
            )
        return results if isinstance(results, dict) and results else None

    def begin(self) -> None:
        """Makes an empty folder, in place of one that an interrupted training left.

        Raises:
            OSError: If the folder cannot be written.
        """
        if self.path.exists():
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True)
        self._save({})

    def end(self, results: dict[str, Any]) -> None:
        """Writes the results into the folder.

        Args:
            results: Values of JSON types by name; None for a number that is not finite.

        Raises:
            OSError: If they cannot be written.
        """
        self._save(results)

    def _save(self, results: dict[str, Any]) -> None:
        settings = self.trial.to_json()
        write_json(self.path / _FILE, settings=settings, results=results)

    def _check_empty(self) -> None:
        if self.path.exists() and any(self.path.iterdir()):
            raise RunError(
                f"{self.path} holds no {_FILE}, but other files: remove it, or choose "
                "another --logdir"
            )
