"""Folders of the user, by the XDG base directory specification."""

from pathlib import Path

import pytest

from weightmark.cli import places
from weightmark.errors import ReadError


def test_defaults_lie_in_the_home() -> None:
    home = {"HOME": "/h"}
    assert places.data_directory(home) == Path("/h/.local/share/weightmark")
    assert places.state_directory(home) == Path("/h/.local/state/weightmark")
    assert places.cache_directory(home) == Path("/h/.cache/weightmark")
    assert places.config_directory(home) == Path("/h/.config/weightmark")


def test_variables_win_and_relative_ones_are_ignored() -> None:
    absolute = {"HOME": "/h", "XDG_DATA_HOME": "/d"}
    assert places.data_directory(absolute) == Path("/d/weightmark")
    relative = {"HOME": "/h", "XDG_DATA_HOME": "d"}
    assert places.data_directory(relative) == Path("/h/.local/share/weightmark")


def test_no_home_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(path: Path) -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "expanduser", nowhere)
    with pytest.raises(ReadError) as raised:
        places.data_directory({})
    assert "`XDG_DATA_HOME`" in raised.value.fix
