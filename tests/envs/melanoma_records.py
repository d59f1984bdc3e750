"""The module for TFRecord files in the melanoma task's folder, loaded by its path."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location

from mle_gym.paths import bundled

_FILE = bundled("envs") / "siim-isic-melanoma-classification" / "tfrecord.py"
_SPEC = spec_from_file_location("melanoma_tfrecord", _FILE)
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = sys.modules["melanoma_tfrecord"] = module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)

crc32c, example, features = _MODULE.crc32c, _MODULE.example, _MODULE.features
read_records, texts, write_records = _MODULE.read_records, _MODULE.texts, _MODULE.write_records
