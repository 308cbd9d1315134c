"""OpenVINO, imported without its telemetry: nothing about a user may leave the machine.

`import openvino` loads its model converter, which reports the import to Intel through the package openvino_telemetry
unless that package is absent. So for this process it is absent, for good; and the converter, which we never use, is not
loaded, which also saves a third of the import.
"""

import sys
from types import ModuleType
from typing import Any

_CONVERTER = "openvino.tools.ovc"


def load_openvino() -> Any:
    """Return the module openvino; the only way that anything here may import it."""
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    for name in [name for name in sys.modules if name.split(".")[0] == "openvino_telemetry"]:
        del sys.modules[name]
    # None in sys.modules makes an import raise ModuleNotFoundError, which OpenVINO expects and bears.
    absent: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    absent["openvino_telemetry"] = None
    absent[_CONVERTER] = None
    try:
        import openvino
    finally:
        del sys.modules[_CONVERTER]
    return openvino
