"""The folder of a cell: its event files, and cell.json with settings and results."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from deepxor.runs.folder import RunError
from deepxor.runs.json_file import read_json, write_json
from deepxor.vision.config import Cell

_FILE = "cell.json"


class CellRun:
    """One cell's folder.

    Args:
        cell: The settings.
        folder: The table's folder, in which the cell's is or will be.
    """

    def __init__(self, cell: Cell, folder: Path) -> None:
        self.cell = cell
        self.path = folder / cell.run_name

    def load(self) -> dict[str, Any] | None:
        """Returns the results of a cell that has been trained, None if it has not.

        Raises:
            RunError: If the folder holds something else.
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
        wanted = self.cell.to_json()
        if settings != wanted:
            raise RunError(
                f"{self.path} was trained with other settings: remove it, or choose "
                "another --logdir"
            )
        return results if isinstance(results, dict) and results else None

    def begin(self) -> None:
        """Makes the folder afresh, without what an interrupted training left.

        Raises:
            OSError: If it cannot be written.
        """
        if self.path.exists():
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True)
        self._save({})

    def end(self, results: dict[str, Any]) -> None:
        """Writes the results.

        Args:
            results: JSON types, None for what is not finite.

        Raises:
            OSError: If they cannot be written.
        """
        self._save(results)

    def _save(self, results: dict[str, Any]) -> None:
        settings = self.cell.to_json()
        write_json(self.path / _FILE, settings=settings, results=results)

    def _check_empty(self) -> None:
        if self.path.exists() and any(self.path.iterdir()):
            raise RunError(
                f"{self.path} holds no {_FILE}, but other files: remove it, or choose "
                "another --logdir"
            )
