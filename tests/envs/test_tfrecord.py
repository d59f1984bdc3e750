from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from mle_gym.errors import DatasetError
from tests.envs.melanoma_records import (
    crc32c,
    example,
    features,
    read_records,
    texts,
    write_records,
)


def slowly(data: bytes) -> int:
    """CRC-32C as its definition has it, bit by bit."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def test_the_checksum_is_castagnoli_s() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value in every catalogue of CRCs
    assert crc32c(b"123456789") != zlib.crc32(b"123456789")
    rng = np.random.default_rng(0)
    for size in (4, 12, 511, 512, 513, 3000):
        data = rng.bytes(size)
        assert crc32c(data) == slowly(data)


def test_records_come_back(tmp_path: Path) -> None:
    named = {
        "image": b"\n\x06\n\x04JPEG",
        "image_name": b"\n\x0a\n\x08ISIC_007",
        "target": b"\x1a\0",
    }
    contents = [example(named), example({"other": b"\n\x04\n\x02" + b"x" * 2}), b"x" * 5000]
    write_records(tmp_path / "a.tfrec", contents)
    assert list(read_records(tmp_path / "a.tfrec")) == contents
    assert features(contents[0]) == named
    assert texts(named["image_name"]) == [b"ISIC_007"]


def test_a_record_as_tensorflow_writes_it(tmp_path: Path) -> None:
    """``tf.train.Example`` with the feature ``a`` = [b"x"], in ``tf.io.TFRecordWriter``'s frame."""
    message = bytes.fromhex("0a0c0a0a0a016112050a030a0178")
    assert example({"a": b"\n\x03\n\x01x"}) == message
    assert texts(features(message)["a"]) == [b"x"]


@pytest.mark.parametrize("damage", [lambda c: c[:-6], lambda c: b"x" + c[1:], lambda c: c[:5]])
def test_damage_is_noticed(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "a.tfrec"
    write_records(path, [example({"a": b"\n\x03\n\x01x"})])
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(DatasetError, match=r"a.tfrec: (damaged|cut off)"):
        list(read_records(path))
