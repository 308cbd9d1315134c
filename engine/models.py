"""The models on this computer: those shipped, and those that somebody put here by hand. Nothing is ever fetched."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

import resources
from engine.errors import CheckpointError, LungboxError, OutputError
from engine.files import make_folder, read_file, write_atomically
from engine.network.checkpoint import SIZE_LIMIT_BYTES, Checkpoint, bundled_models, read_checkpoint, write_checkpoint
from engine.segmenter import load_segmenter


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be chosen."""

    path: Path
    name: str
    version: str
    sha256: str
    scheme: str
    megabytes: float
    bundled: bool
    card: dict[str, Any]
    fault: str = ""  # why it cannot be used; everything else is then empty

    @property
    def key(self) -> str:
        """What --checkpoint takes for it."""
        return self.path.stem

    @property
    def licence(self) -> str:
        """What its card says of who may use it."""
        return str(self.card.get("licence", "")) or "not stated"


def models_folder() -> Path:
    """Return where models that are added lie: beside the user's other Lungbox data."""
    return platformdirs.user_data_path("lungbox", appauthor=False) / "models"


def installed_models() -> list[Model]:
    """Return all models, the shipped ones first. One that is damaged is listed with the reason."""
    shipped = [resources.path("models") / str(entry["file"]) for entry in bundled_models()]
    added = sorted(models_folder().glob("*.safetensors")) if models_folder().is_dir() else []
    return [_model(path, bundled=True) for path in shipped] + [_model(path, bundled=False) for path in added]


def _model(path: Path, *, bundled: bool) -> Model:
    try:
        return model_of(read_checkpoint(path), path, bundled=bundled)
    except LungboxError as error:
        return Model(path, path.stem, "", "", "", 0.0, bundled, {}, str(error))


def model_of(checkpoint: Checkpoint, path: Path, *, bundled: bool) -> Model:
    """Return what there is to know of a checkpoint that has been read."""
    return Model(
        path,
        checkpoint.name,
        checkpoint.version,
        checkpoint.sha256,
        checkpoint.scheme,
        path.stat().st_size / 1e6 if path.exists() else 0.0,
        bundled,
        dict(checkpoint.card),
    )


def add_model(source: Path) -> Model:
    """Check a model file, ours or Meta's, try it on this computer, and put it with the others, whole or not at all.

    Ours keeps its bytes, so that results name the same file everywhere; Meta's becomes one of ours.
    """
    checkpoint = read_checkpoint(source)
    target = models_folder() / f"{_plain(checkpoint)}.safetensors"
    if target.exists() and not (known := _model(target, bundled=False)).fault:
        return known
    make_folder(target.parent)
    trial = load_segmenter(source, "cpu")
    try:
        trial.warm_up()
    finally:
        trial.close()
    if source.suffix == ".pth":
        origin = {"converted_from": source.name, "converted_from_sha256": checkpoint.sha256}
        write_checkpoint(
            target,
            name=checkpoint.name,
            version=checkpoint.version,
            config=checkpoint.config,
            preprocessing=checkpoint.preprocessing,
            tensors=checkpoint.tensors,
            scheme=checkpoint.scheme,
            card={**checkpoint.card, **origin, "licence": "Apache 2.0, if it is one of the files that Meta publishes"},
        )
    else:
        write_atomically(target, read_file(source, SIZE_LIMIT_BYTES))
    return _model(target, bundled=False)


def _plain(checkpoint: Checkpoint) -> str:
    """Return a file's name that says which model it is; a card may say anything, so little of it is kept."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", f"{checkpoint.name}-{checkpoint.version}").strip("-.")[:48]
    return f"{words or 'model'}-{checkpoint.sha256[:8]}"


def remove_model(key: str) -> Path:
    """Delete a model that was added, and return where it was."""
    for model in installed_models():
        if model.key == key and not model.bundled:
            try:
                model.path.unlink()
            except OSError as error:
                raise OutputError(f"{model.path} cannot be deleted ({error.strerror}).") from error
            return model.path
    raise CheckpointError(f"No model called {key} was added.", advice="See `lungbox model list`.")


def model_path(text: str) -> Path:
    """Return the file that --checkpoint means: a path, or the name of a model that is installed."""
    path = Path(text)
    if path.exists():
        return path
    inside = [models_folder() / f"{text}.safetensors", resources.path("models") / f"{text}.safetensors"]
    return next((place for place in inside if place.exists()), path)
