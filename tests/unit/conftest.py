"""What several tests of the privileged helper stand on."""

from __future__ import annotations

from pathlib import Path

import pytest

from .privhelper_door import Door


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """A helper of the test's own."""
    return Door(tmp_path)
