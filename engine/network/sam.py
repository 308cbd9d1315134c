"""segment_anything's building blocks, without its package's own imports (docs/adr/0001).

`import segment_anything` runs its `__init__`, which imports torchvision for resizing and NMS. We need neither, and
where torchvision's binary does not match torch (any CPU build) the import fails with "operator torchvision::nms does
not exist". `segment_anything.modeling` itself needs only torch: so it is imported under a bare parent module that has
the package's path and nothing else. The parent is taken away again, so a real `import segment_anything` still works
for whoever has a matching torchvision.
"""

import importlib
import importlib.util
import sys
import types

from engine.errors import BackendError


def _import_modeling() -> types.ModuleType:
    name = "segment_anything"
    if name in sys.modules:
        return importlib.import_module(f"{name}.modeling")
    spec = importlib.util.find_spec(name)  # finds a top-level package without running it
    if spec is None or spec.submodule_search_locations is None:
        raise BackendError(
            "The package segment-anything is not installed.",
            advice="Install Lungbox with its torch extra: pip install 'lungbox[torch]'.",
        )
    parent = types.ModuleType(name)
    parent.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = parent
    try:
        return importlib.import_module(f"{name}.modeling")
    finally:
        del sys.modules[name]


_modeling = _import_modeling()

ImageEncoderViT = _modeling.ImageEncoderViT
PromptEncoder = _modeling.PromptEncoder
MaskDecoder = _modeling.MaskDecoder
TwoWayTransformer = _modeling.TwoWayTransformer
LayerNorm2d = _modeling.mask_decoder.LayerNorm2d
