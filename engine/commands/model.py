"""`lungbox model add|list|remove`: models besides the one that is shipped, put in place by hand."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.console import add_json_option, print_json
from engine.models import Model, add_model, installed_models, remove_model


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("model", help="add, list and remove models; none is ever fetched")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="check a model file, ours or Meta's SAM (.pth), and install it")
    add.add_argument("file", type=Path, help="a Lungbox checkpoint (.safetensors), or sam_vit_b, l or h (.pth)")
    shown = actions.add_parser("list", help="print the models that can be chosen with --checkpoint")
    remove = actions.add_parser("remove", help="delete a model that was added")
    remove.add_argument("name", help="its name in the list")
    for one, run in ((add, _add), (shown, _list), (remove, _remove)):
        add_json_option(one)
        one.set_defaults(run=run)


def _add(arguments: argparse.Namespace) -> int:
    model = add_model(arguments.file)
    if arguments.json:
        print_json(_as_json(model))
    else:
        print(f"{model.key}\n  {_described(model)}\n  use it with --checkpoint {model.key}, or choose it in the viewer")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    models = installed_models()
    if arguments.json:
        print_json([_as_json(model) for model in models])
        return 0
    for model in models:
        print(f"{model.key}{' (shipped)' if model.bundled else ''}\n  {_described(model)}")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    path = remove_model(arguments.name)
    if arguments.json:
        print_json({"removed": str(path)})
    else:
        print(f"removed {path}")
    return 0


def _described(model: Model) -> str:
    if model.fault:
        return f"cannot be used: {model.fault}"
    lines = [f"{model.name} {model.version}, {model.scheme}, {model.megabytes:.1f} MB, SHA-256 {model.sha256[:12]}"]
    lines.append(f"licence: {model.licence}")
    if use := model.card.get("intended_use"):
        lines.append(str(use))
    return "\n  ".join(lines)


def _as_json(model: Model) -> dict[str, Any]:
    return {
        "key": model.key,
        "path": str(model.path),
        "name": model.name,
        "version": model.version,
        "sha256": model.sha256,
        "scheme": model.scheme,
        "megabytes": round(model.megabytes, 2),
        "bundled": model.bundled,
        "licence": model.licence,
        "card": model.card,
        "fault": model.fault or None,
    }
