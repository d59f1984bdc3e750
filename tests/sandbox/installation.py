"""Makes Python installations with distributions that look as if pip had installed them."""

from __future__ import annotations

import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["Installation"]


class Installation:
    """A virtual environment, empty at first."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self.python = folder / "bin" / "python"
        number = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.site = folder / "lib" / number / "site-packages"

    def install(
        self,
        name: str,
        files: Mapping[str, bytes | str],
        *,
        version: str = "1.0",
        requires: Sequence[str] = (),
        record: bool = True,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Write a distribution's files, and what says that they are its own.

        Args:
            name: The distribution's.
            files: Path below ``site-packages`` to content.
            version: Another one replaces the one before, as an upgrade does.
            requires: Lines of its metadata.
            record: Whether it has a list of its files.
            extra: More files of its metadata, by name.
        """
        stem = name.replace("-", "_")
        for old in self.site.glob(f"{stem}-*.dist-info/*"):
            old.unlink()
        for old in self.site.glob(f"{stem}-*.dist-info"):
            old.rmdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {line}" for line in requires]
        info = f"{stem}-{version}.dist-info"
        content = dict(files) | {f"{info}/METADATA": "\n".join(lines) + "\n"}
        content |= {f"{info}/{each}": text for each, text in (extra or {}).items()}
        if record:
            content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*content, "RECORD"])
        for path, data in content.items():
            file = self.site / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)  # pip writes a new file; it never changes one
            file.write_bytes(data.encode() if isinstance(data, str) else data)
