"""The checkpoint: one safetensors file that describes itself and is known by its SHA-256. No torch here.

Tensors are named as in `engine.network.model`, less what a release folds away (batch norm, adapters). A layer in
integers has `NAME.weight` int8, `NAME.weight_scale` float32 (one value, or one per output row) and, where its input is
quantized too, `NAME.input_scale` float32 (one value). A layer in 4 bits has `NAME.group_scale` uint8 (rows, groups):
its integers are multiples of their group's scale, and the file holds the factors alone, two to a byte, as
`NAME.weight_int4`.
Attention in integers has `NAME.query_scale`, `NAME.key_scale` and `NAME.value_scale`. The rest is float32 or float16.

The header's `lungbox` entry holds JSON: format, name, version, configuration, preprocessing, scheme, card, and the
SHA-256 of each part's tensors; `lungbox_sha256` guards that text. So a damaged file is known without any list of
hashes, and nothing in a file is ever executed.
"""

import hashlib
import json
import struct
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import resources
from engine.errors import CheckpointError, FilmError
from engine.files import read_file, write_atomically
from engine.network.config import ModelConfig, Preprocessing
from engine.network.layout import UNUSED_PREFIXES, Shapes, expected_shapes, fold_batch_norm
from engine.network.quantized import INT8_LIMIT, pack_int4, unpack_int4

FORMAT = 1
SIZE_LIMIT_BYTES = 4 << 30  # SAM's ViT-H in float32 takes 2.6 GB
_HEADER_LIMIT_BYTES = 16 << 20
_DTYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I8": np.dtype("i1"), "U8": np.dtype("u1")}
ATTENTION_SCALES = ("query_scale", "key_scale", "value_scale")
_PARTS = ("image_encoder", "prompt_encoder", "mask_decoder")
_GET_ANOTHER = "Get the file again from where it came, or use the bundled model."
# All that values of the wrong kind, shape or size were seen to raise, here and in numpy.
_FAULTS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Weights, and everything needed to run and to name them."""

    name: str
    version: str
    config: ModelConfig
    preprocessing: Preprocessing
    tensors: Mapping[str, NDArray[Any]] = field(repr=False)
    sha256: str
    scheme: str  # e.g. "float32", "int8: mlp, projection, decoder"
    card: Mapping[str, Any] = field(repr=False)  # data, counts, metrics, limits, licence, command, commit
    path: Path | None = None

    @property
    def quantized_layers(self) -> tuple[str, ...]:
        """Names of the layers whose weights are integers."""
        suffix = ".weight_scale"
        return tuple(sorted(name.removesuffix(suffix) for name in self.tensors if name.endswith(suffix)))


def write_checkpoint(
    path: Path,
    *,
    name: str,
    version: str,
    config: ModelConfig,
    preprocessing: Preprocessing,
    tensors: Mapping[str, NDArray[Any]],
    scheme: str,
    card: Mapping[str, Any],
) -> str:
    """Write a checkpoint, whole or not at all, and return its SHA-256. Batch norm is folded on the way."""
    kept = {
        key: np.ascontiguousarray(tensor)
        for key, tensor in fold_batch_norm(tensors).items()
        if not key.startswith(UNUSED_PREFIXES)
    }
    check_tensors(kept, config, path.name)
    description = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "config": config.as_json(),
        "preprocessing": asdict(preprocessing),
        "scheme": scheme,
        "card": dict(card),
        "parts": _part_hashes(kept),
    }
    data = _encode(_packed(kept), json.dumps(description, sort_keys=True, allow_nan=False))
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def read_checkpoint(path: Path | str) -> Checkpoint:
    """Return the checkpoint in a file; CheckpointError for anything that is not one, whole and unchanged.

    Files named .pth may be Meta's own (engine.network.meta).

    The file is read into memory once and the tensors are read-only views of it: a file that is cut short or replaced
    while the program runs can then neither crash it nor change its weights, as a memory map would allow.
    """
    path = Path(path)
    try:
        data = read_file(path, SIZE_LIMIT_BYTES)
    except FilmError as error:
        raise CheckpointError(f"The model file cannot be used: {error.message}", advice=_GET_ANOTHER) from error
    sha256 = hashlib.sha256(data).hexdigest()
    _check_bundled(path, sha256)
    try:
        return _checkpoint(data, path, sha256)
    except _FAULTS as error:
        raise _damaged(path.name, "what it says of itself makes no sense") from error


def _checkpoint(data: bytes, path: Path, sha256: str) -> Checkpoint:
    if path.suffix == ".pth" and data[:2] == b"PK":
        from engine.network.meta import checkpoint_from_meta

        return checkpoint_from_meta(data, path)
    metadata, stored = _decode(data, path.name)
    text = metadata.get("lungbox")
    if not isinstance(text, str):
        raise CheckpointError(
            f"{path.name}: a safetensors file, but not a Lungbox checkpoint.",
            advice="Convert it with training.release.",
        )
    if hashlib.sha256(text.encode()).hexdigest() != metadata.get("lungbox_sha256"):
        raise _damaged(path.name, "its description was changed")
    description = json.loads(text)
    if description.get("format") != FORMAT:
        raise CheckpointError(
            f"{path.name}: checkpoint format {description.get('format')!r}, this program reads {FORMAT}.",
            advice="Update Lungbox, or get the model that belongs to this version.",
        )
    config, preprocessing = _settings(description, path.name)
    # Names and card are shown and printed as JSON: text that can be written, and numbers that JSON has.
    json.dumps(description, ensure_ascii=False, allow_nan=False).encode()
    tensors = _unpacked(stored)
    check_tensors(tensors, config, path.name)
    if _part_hashes(tensors) != description.get("parts"):
        raise _damaged(path.name, "its weights are not those that were written")
    return Checkpoint(
        name=str(description.get("name", "")),
        version=str(description.get("version", "")),
        config=config,
        preprocessing=preprocessing,
        tensors=tensors,
        sha256=sha256,
        scheme=str(description.get("scheme", "")),
        card=dict(description.get("card", {})),
        path=path,
    )


def bundled_models() -> list[dict[str, Any]]:
    """Return the entries of resources/models.toml: name, version, file, sha256, licence, intended_use."""
    listing = resources.path("models.toml")
    if not listing.exists():
        return []
    models: list[dict[str, Any]] = tomllib.loads(listing.read_text(encoding="utf-8")).get("model", [])
    return models


def bundled_checkpoint() -> Path:
    """Return the file of the model that is shipped and used unless another is asked for."""
    for model in bundled_models():
        path = resources.path("models") / str(model["file"])
        if path.exists():
            return path
    raise CheckpointError(
        "No model is installed.",
        advice="Give one with --checkpoint_path, or install a release of Lungbox, which has one.",
    )


def _check_bundled(path: Path, sha256: str) -> None:
    """Refuse a file in the program's own model folder that is not, byte for byte, the one listed."""
    if path.resolve().parent != resources.path("models"):
        return
    listed = {str(model["file"]): str(model["sha256"]) for model in bundled_models()}
    if listed.get(path.name) != sha256:
        raise CheckpointError(
            f"{path.name}: the bundled model is not the one that was released (SHA-256 {sha256[:12]}).",
            advice="Install Lungbox again.",
        )


def _damaged(name: str, reason: str) -> CheckpointError:
    return CheckpointError(f"{name}: the model file is damaged: {reason}.", advice=_GET_ANOTHER)


def _encode(tensors: Mapping[str, NDArray[Any]], description: str) -> bytes:
    """Return a safetensors file: header length, JSON header, tensors without gaps, widest type first for alignment."""
    codes = {dtype: code for code, dtype in _DTYPES.items()}
    header: dict[str, Any] = {
        "__metadata__": {"lungbox": description, "lungbox_sha256": hashlib.sha256(description.encode()).hexdigest()}
    }
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    offset = 0
    for name in order:
        tensor = tensors[name]
        header[name] = {
            "dtype": codes[tensor.dtype.newbyteorder("<")],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *(tensors[name].tobytes() for name in order)])


def _decode(data: bytes, name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the metadata and the tensors of a safetensors file, as read-only views."""
    # A header's length may begin with these bytes too; then its text follows.
    if (data[:2] == b"PK" or data[:1] == b"\x80") and data[8:9] != b"{":
        raise CheckpointError(
            f"{name}: a torch file, which can carry code; Lungbox runs models from safetensors files only.",
            advice="Convert it with training.release.",
        )
    if len(data) < 10 or data[8:9] != b"{":
        raise CheckpointError(f"{name}: not a model file.", advice=_GET_ANOTHER)
    (length,) = struct.unpack_from("<Q", data)
    if length > min(_HEADER_LIMIT_BYTES, len(data) - 8):
        raise _damaged(name, "it ends too early")
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    entries = sorted(
        (
            (*map(int, entry["data_offsets"]), key, _DTYPES[entry["dtype"]], tuple(map(int, entry["shape"])))
            for key, entry in header.items()
        ),
        key=lambda entry: entry[:2],
    )
    tensors: dict[str, NDArray[Any]] = {}
    start, expected = 8 + length, 0
    for begin, end, key, dtype, shape in entries:
        size = dtype.itemsize
        for side in shape:
            size *= side
        if begin != expected or end - begin != size or min(shape, default=1) < 0:
            raise _damaged(name, "its table of contents does not add up")
        expected = end
        if start + end > len(data):
            raise _damaged(name, "it ends too early")
        flat = np.frombuffer(data, dtype=dtype, count=size // dtype.itemsize, offset=start + begin)
        if not flat.flags.aligned:  # legal, but slow and not ours
            flat = flat.copy()
            flat.flags.writeable = False
        tensors[key] = flat.reshape(shape)
    if start + expected != len(data):
        raise _damaged(name, "it is longer than its contents")
    return metadata, tensors


def _packed(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the tensors as the file holds them: weights in groups as 4-bit factors."""
    stored = dict(tensors)
    for name in tensors:
        base, _, kind = name.rpartition(".")
        if kind == "group_scale":
            stored[f"{base}.weight_int4"] = pack_int4(stored.pop(f"{base}.weight"), tensors[name])
    return stored


def _unpacked(stored: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the tensors as everything else knows them: 8-bit weights."""
    tensors = dict(stored)
    for key in stored:
        base, _, kind = key.rpartition(".")
        if kind != "weight_int4":
            continue
        weight = unpack_int4(tensors.pop(key), tensors[f"{base}.group_scale"])
        weight.flags.writeable = False
        tensors[f"{base}.weight"] = weight
    return tensors


def _part_hashes(tensors: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """Return the SHA-256 of each part's tensors: names, shapes and bytes in order of name."""
    hashes = {part: hashlib.sha256() for part in _PARTS}
    for name in sorted(tensors):
        tensor = tensors[name]
        part = hashes[name.split(".", 1)[0]]
        part.update(f"{name}:{tensor.dtype.str}:{tensor.shape}\n".encode())
        part.update(np.ascontiguousarray(tensor).data.cast("B") if tensor.size else b"")
    return {part: digest.hexdigest() for part, digest in hashes.items()}


def _settings(description: Mapping[str, Any], name: str) -> tuple[ModelConfig, Preprocessing]:
    """Return the configuration and preprocessing of a description, every field of the right type and in range."""
    try:
        config = ModelConfig.from_json(_typed(ModelConfig(), description["config"]))
        values = _typed(Preprocessing(), description["preprocessing"])
        lists: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        preprocessing = Preprocessing(**lists)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{name}: its settings cannot be used ({error}).", advice=_GET_ANOTHER) from error
    if config.patch_size != 16 or not 64 <= config.image_size <= 4096:
        raise CheckpointError(
            f"{name}: its settings cannot be used ({config.image_size} px in patches of {config.patch_size}).",
            advice=_GET_ANOTHER,
        )
    faults = [text for text, wrong in _limits(config, preprocessing).items() if wrong]
    if faults:
        raise CheckpointError(f"{name}: its settings cannot be used ({faults[0]}).", advice=_GET_ANOTHER)
    return config, preprocessing


def _typed(example: ModelConfig | Preprocessing, values: dict[str, Any]) -> dict[str, Any]:
    known = {entry.name: getattr(example, entry.name) for entry in fields(example)}
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"unknown setting {key!r}")
        wanted = type(known[key])
        if wanted is tuple:
            right = isinstance(value, list) and all(type(item) in (int, float) for item in value)
        else:
            right = type(value) is wanted or (wanted is float and type(value) is int)
        if not right:
            raise ValueError(f"{key} is {value!r}")
    return values


def _limits(config: ModelConfig, preprocessing: Preprocessing) -> dict[str, bool]:
    """Return what may be wrong with settings, and whether it is. Limits are far from any real model's."""
    sizes = (config.embed_dim, config.heads, config.depth, config.decoder_dim, config.decoder_mlp, config.decoder_heads)
    return {
        f"kind {config.kind!r}": config.kind not in ("sam", "compact"),
        f"image_size {config.image_size}": config.image_size % 16 != 0,
        f"in_channels {config.in_channels}": config.in_channels not in (1, 3),
        "a size that is not positive or too large": not all(0 < size <= 8192 for size in sizes),
        "depth": not (config.depth <= 64 and 1 <= config.decoder_depth <= 16),
        "embed_dim is no multiple of heads": config.heads > 0 and config.embed_dim % config.heads != 0,
        "decoder_dim": config.decoder_dim % 16 != 0 or config.decoder_dim // 2 % max(config.decoder_heads, 1) != 0,
        "mlp_ratio": not 0 < config.mlp_ratio <= 16,
        "stem": config.kind == "compact"
        and (len(config.stem) != 3 or not all(0 < width <= 4096 for width in config.stem)),
        "window_size": not 0 <= config.window_size <= config.grid,
        "mean and std": not len(preprocessing.mean) == len(preprocessing.std) == config.in_channels,
        "mean": not all(np.isfinite(value) for value in preprocessing.mean),
        "std": not all(np.isfinite(value) and value > 0 for value in preprocessing.std),
        "percentiles": not 0 <= preprocessing.low_percentile < preprocessing.high_percentile <= 100,
    }


def check_tensors(tensors: Mapping[str, NDArray[Any]], config: ModelConfig, name: str) -> None:
    """Refuse missing, unknown or misshapen tensors, weights that are not numbers, and integers without a scale."""
    expected = expected_shapes(config)
    missing = sorted(expected.keys() - tensors.keys())
    if missing:
        raise CheckpointError(
            f"{name}: {len(missing)} tensors are missing, the first {missing[0]}.", advice=_GET_ANOTHER
        )
    for key, tensor in tensors.items():
        if not _belongs(key, tensor, tensors, expected):
            raise CheckpointError(
                f"{name}: the tensor {key[:80]} {tensor.shape} {tensor.dtype} does not belong to this network.",
                advice=_GET_ANOTHER,
            )
        if not _usable(tensor):
            raise CheckpointError(f"{name}: the weights {key} are not numbers.", advice=_GET_ANOTHER)


def _belongs(key: str, tensor: NDArray[Any], tensors: Mapping[str, NDArray[Any]], expected: Shapes) -> bool:
    if key in expected:
        # Whole numbers belong to weights of layers; a bias or a norm has no scale to make them real.
        integer = tensor.dtype == np.int8
        return tensor.shape == expected[key] and (f"{key}_scale" in tensors if integer else tensor.dtype != np.uint8)
    base, _, kind = key.rpartition(".")
    weight = tensors.get(f"{base}.weight")
    if kind in ATTENTION_SCALES:
        return f"{base}.qkv.weight" in expected and _is_scale(tensor, 1)
    if weight is None or weight.dtype != np.int8 or weight.ndim < 2:
        return key.startswith(UNUSED_PREFIXES)
    if kind == "group_scale":
        return tensor.dtype == np.uint8 and tensor.ndim == 2 and bool((tensor > 0).all())
    return (kind == "weight_scale" and _is_scale(tensor, weight.shape[0])) or (
        kind == "input_scale" and _is_scale(tensor, 1)
    )


def _is_scale(tensor: NDArray[Any], rows: int) -> bool:
    return tensor.dtype == np.float32 and tensor.shape in {(1,), (rows,)} and bool((tensor > 0).all())


def _usable(tensor: NDArray[Any]) -> bool:
    if tensor.dtype == np.uint8:
        return True
    if tensor.dtype == np.int8:
        return bool(tensor.min(initial=0) >= -INT8_LIMIT)
    return bool(np.isfinite(tensor).all())
