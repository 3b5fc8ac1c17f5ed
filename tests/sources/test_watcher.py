"""Watch a folder for recordings."""

from contextlib import closing
from itertools import islice

from other_user import run_as_other_user

from callmood.sources.watcher import settled_files


def test_unreadable_folder_does_not_stop_the_watch(shared_folder):
    (shared_folder / "closed").mkdir(mode=0)
    (shared_folder / "call.wav").write_bytes(b"RIFF")

    def watch():
        with closing(settled_files(shared_folder, quiet_s=0.1)) as files:
            return sorted(path.name for path in islice(files, 2))

    assert run_as_other_user(watch) == ["call.wav", "closed"]
