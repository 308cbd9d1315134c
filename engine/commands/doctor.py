"""`lungbox doctor`: what is installed, what runs the model, and whether it works."""

import argparse
import os
import platform
import sys
from importlib import metadata
from typing import Any

from engine.commands.console import add_json_option, add_model_options, print_json
from engine.errors import LungboxError
from engine.network.backends import nvidia_driver
from engine.origin import commit
from engine.segmenter import load_segmenter
from engine.selftest import run_self_test
from engine.version import VERSION

_PACKAGES = (
    "numpy", "opencv-python-headless", "pillow", "pydicom", "imagecodecs", "highdicom", "safetensors", "openvino",
    "PySide6-Essentials", "torch", "segment-anything",
)  # fmt: skip
_OPTIONAL = {"torch": "a GPU, and training", "segment-anything": "a GPU, and training"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("doctor", help="print versions, device, backend, checkpoint and a self-test")
    add_model_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; 1 when the self-test fails."""
    report: dict[str, Any] = {
        "lungbox": VERSION,
        "commit": commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores",
        "packages": {},
        "missing": [],
    }
    for package in _PACKAGES:
        try:
            report["packages"][package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            if not getattr(sys, "frozen", False):  # a frozen program carries no package metadata
                use = _OPTIONAL.get(package, "Lungbox itself")
                report["missing"].append(f"{package}: needed for {use}")
    passed = _examine(arguments, report)
    if arguments.json:
        print_json(report)
    else:
        _print(report)
    return 0 if passed else 1


def _examine(arguments: argparse.Namespace, report: dict[str, Any]) -> bool:
    try:
        segmenter = load_segmenter(arguments.checkpoint, arguments.device)
    except LungboxError as error:
        report["self_test"] = {"passed": False, "message": str(error)}
        return False
    checkpoint, backend = segmenter.checkpoint, segmenter.backend
    report["checkpoint"] = {
        "name": checkpoint.name,
        "version": checkpoint.version,
        "scheme": checkpoint.scheme,
        "sha256": checkpoint.sha256,
        "path": str(checkpoint.path or ""),
    }
    test = run_self_test(segmenter)
    # After the test: a GPU that fails at its first use has fallen back to the CPU by now.
    report["backend"] = {"description": backend.description, "device": backend.device, "fallback": backend.fallback}
    report["backend"]["nvidia_driver"] = nvidia_driver()
    report["self_test"] = {
        "passed": test.passed,
        "message": test.message,
        "dice": {name: round(value, 4) for name, value in test.dice.items()},
        "area_error": test.area_error,
        "encode_ms": round(test.encode_ms, 1),
        "decode_ms": round(test.decode_ms, 1),
    }
    return test.passed


def _print(report: dict[str, Any]) -> None:
    print(f"Lungbox      {report['lungbox']} (research software, not a medical device)")
    if report["commit"]:
        print(f"Commit       {report['commit']}")
    print(f"Python       {report['python']}")
    print(f"System       {report['system']}")
    for name, version in report["packages"].items():
        print(f"  {name:<24} {version}")
    if "checkpoint" in report:
        checkpoint = report["checkpoint"]
        print(f"Checkpoint   {checkpoint['name']} {checkpoint['version']}, {checkpoint['scheme']}")
        print(f"             sha256 {checkpoint['sha256']}")
    if "backend" in report:
        print(f"Backend      {report['backend']['description']}")
        print(f"Device       {report['backend']['device']}")
        if report["backend"]["fallback"]:
            print(f"             {report['backend']['fallback']}")
    test = report["self_test"]
    print(f"Self-test    {'passed' if test['passed'] else 'FAILED'}: {test['message']}")
    if test.get("dice"):
        times = f"film encoded in {test['encode_ms']:.0f} ms, two boxes answered in {test['decode_ms']:.0f} ms"
        print(f"             {times} (first run)")
    for line in report["missing"]:
        print(f"Missing      {line}")
