from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.report.browser import Browser, find_chromium
from tests.sandbox.docker_daemon import require


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, or a skip where MLE_GYM_REQUIRE doesn't name ``chromium``."""
    program = find_chromium()
    if program is None:
        require("chromium", "no Chromium; `apt-get install chromium-headless-shell` installs one")
        raise AssertionError("require ends the test")
    with Browser(program) as found:
        yield found
