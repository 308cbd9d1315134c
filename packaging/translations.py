"""Brings resources/i18n/*.ts up to date with the sentences in app/: `python packaging/translations.py [--check]`.

New sentences are added as unfinished, those that are gone are dropped, translations are kept. With `--check` nothing is
written, and the exit code says whether anything would be.
"""

import argparse
import ast
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
Sentence = tuple[str, str]  # context, English


def visible_sentences(folder: Path = ROOT / "app") -> list[Sentence]:
    """Return every sentence that the window may show, with its context, in the order of the files."""
    found: dict[Sentence, None] = {}
    for path in sorted(folder.glob("*.py")):
        found.update(dict.fromkeys(_sentences(ast.parse(path.read_text(encoding="utf-8")), "")))
    return list(found)


def _sentences(node: ast.AST, context: str) -> list[Sentence]:
    if isinstance(node, ast.ClassDef):
        context = node.name
    found: list[Sentence] = []
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = [item.value for item in node.args if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        if name == "tr" and texts:
            found.append((context, texts[0]))
        elif name == "say" and texts:
            found.append(("Wording", texts[0]))
        elif name in ("translate", "QT_TRANSLATE_NOOP") and len(texts) == 2:
            found.append((texts[0], texts[1]))
    for child in ast.iter_child_nodes(node):
        found += _sentences(child, context)
    return found


def translations(path: Path) -> dict[Sentence, str]:
    """Return what a file says; an unfinished sentence is empty."""
    if not path.exists():
        return {}
    said: dict[Sentence, str] = {}
    for context in ElementTree.parse(path).getroot().iter("context"):  # noqa: S314 (our own file)
        for message in context.iter("message"):
            target = message.find("translation")
            done = target is not None and target.get("type") is None
            said[context.findtext("name") or "", message.findtext("source") or ""] = (
                (target.text or "") if done and target is not None else ""
            )
    return said


def written(language: str, said: dict[Sentence, str]) -> str:
    """Return the file of a language for all sentences of today."""
    root = ElementTree.Element("TS", version="2.1", language=language, sourcelanguage="en")
    contexts: dict[str, ElementTree.Element] = {}
    for context, source in sorted(visible_sentences()):
        if context not in contexts:
            contexts[context] = ElementTree.SubElement(root, "context")
            ElementTree.SubElement(contexts[context], "name").text = context
        message = ElementTree.SubElement(contexts[context], "message")
        ElementTree.SubElement(message, "source").text = source
        target = ElementTree.SubElement(message, "translation")
        text = source if language == "en" else said.get((context, source), "")
        if text:
            target.text = text
        else:
            target.set("type", "unfinished")
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def main() -> int:
    """Bring the files up to date, or say whether they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = 0
    for path in sorted((ROOT / "resources" / "i18n").glob("*.ts")):
        text = written(path.stem, translations(path))
        missing = text.count('type="unfinished"')
        changed = text != path.read_text(encoding="utf-8")
        print(f"{path.name}: {missing} unfinished{', out of date' if changed else ''}")
        stale += changed + missing
        if changed and not check:
            path.write_text(text, encoding="utf-8")
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
