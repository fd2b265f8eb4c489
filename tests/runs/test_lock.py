"""The lock of a folder, which ends with its process however that ends."""

import subprocess
import sys

from deepxor.runs.lock import FolderLock, is_locked


def test_one_at_a_time_has_it(tmp_path):
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    assert not is_locked(tmp_path)
    assert first.take() and is_locked(tmp_path)
    assert not second.take()
    first.release()
    assert not is_locked(tmp_path)
    assert second.take()
    second.release()
    second.release()  # what was given back is given back


def test_it_ends_with_a_process_that_is_killed(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from deepxor.runs.lock import FolderLock\n"
        "assert FolderLock(Path(sys.argv[1])).take()\n"
        "print('taken', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout.readline() == "taken\n"
        assert is_locked(tmp_path) and not FolderLock(tmp_path).take()
        process.kill()
        process.wait()
        assert not is_locked(tmp_path)
