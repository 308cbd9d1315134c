"""`lungbox infer`: the call of the published model card, unchanged in spirit.

    lungbox infer --image_path X --bbox 0 0 511 511 --save_mask --visualize --output_mask_path M.png --save_overlay O

The published script resizes every film to 512 x 512 and takes the box, last pixel included, in that frame; so do we,
and map it to the film's own pixels. `--bbox_frame film` takes the film's pixels instead, half-open as everywhere
else here.
"""

import argparse
from pathlib import Path

from engine.case import Case
from engine.commands.console import add_json_option, box_of, print_json
from engine.errors import OutputError, PromptError
from engine.files import write_result
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.lungs import name_lungs
from engine.mask import Mask
from engine.results.pictures import overlay_png
from engine.segmenter import load_segmenter

_PUBLISHED_FRAME = 512


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("infer", help="segment one film as the published model card does")
    parser.add_argument("--image_path", type=Path, required=True, metavar="FILE")
    parser.add_argument("--checkpoint_path", type=Path, metavar="FILE", help="default: the bundled checkpoint")
    parser.add_argument("--bbox", type=float, nargs=4, required=True, metavar=("X0", "Y0", "X1", "Y1"))
    parser.add_argument(
        "--bbox_frame",
        choices=["512", "film"],
        default="512",
        help="the box's frame: the film resized to 512 x 512, as published, or its own pixels (default: %(default)s)",
    )
    parser.add_argument("--save_mask", action="store_true", help="write the mask")
    parser.add_argument("--output_mask_path", type=Path, metavar="PNG", help="where (default: FILE.mask.png here)")
    parser.add_argument("--visualize", action="store_true", help="write the overlay")
    parser.add_argument("--save_overlay", type=Path, metavar="PNG", help="where (default: FILE.overlay.png here)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Segment one film."""
    mask_path, overlay_path = _asked_for(arguments)
    radiograph = read_radiograph(arguments.image_path)
    box = box_of(arguments.bbox)
    if arguments.bbox_frame == "512":
        box = from_published_frame(box, radiograph)
    prompts = Prompts(box.clipped(radiograph.rows, radiograph.columns))
    segmenter = load_segmenter(arguments.checkpoint_path, arguments.device)
    answer = segmenter.segment(segmenter.embed(radiograph), prompts)
    case = Case(radiograph, name_lungs(answer, prompts, radiograph))
    if not case.findings:
        raise PromptError("The model found no lung in that box.", advice="Draw the box round a lung.")
    mask = Mask.empty(radiograph.rows, radiograph.columns)
    for finding in case.findings:
        mask = mask.union(finding.mask)
    if mask_path is not None:
        write_result(mask_path, mask.png())
    if overlay_path is not None:
        write_result(overlay_path, overlay_png(case))
    written = [path for path in (mask_path, overlay_path) if path is not None]
    if arguments.json:
        lungs = {finding.structure.value: finding.mask.area_px for finding in case.findings}
        print_json(
            {
                "area_px": lungs,
                "quality": round(answer.quality, 4),
                "backend": answer.provenance.backend,
                "checkpoint_sha256": answer.provenance.checkpoint_sha256,
                "written": [str(path) for path in written],
            }
        )
    else:
        print(f"lung area {mask.area_px} px, predicted IoU {answer.quality:.3f}")
        for path in written:
            print(f"wrote {path}")
    return 0


def from_published_frame(box: BoxPrompt, radiograph: Radiograph) -> BoxPrompt:
    """Return a box given in the published 512 x 512 frame, its last pixel included, in the film's pixels."""
    x, y = radiograph.columns / _PUBLISHED_FRAME, radiograph.rows / _PUBLISHED_FRAME
    return BoxPrompt(box.x0 * x, box.y0 * y, (box.x1 + 1) * x, (box.y1 + 1) * y)


def _asked_for(arguments: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """Return where the mask and the overlay go, None where they are not wanted; refused before the model runs."""
    stem = arguments.image_path.stem
    mask, overlay = arguments.output_mask_path, arguments.save_overlay
    return (
        _with_png(mask or Path(f"{stem}.mask.png")) if arguments.save_mask or mask else None,
        _with_png(overlay or Path(f"{stem}.overlay.png")) if arguments.visualize or overlay else None,
    )


def _with_png(path: Path) -> Path:
    """Return the path with the ending of what is written; the model card's own call names a file without one."""
    if path.suffix and path.suffix.lower() != ".png":
        raise OutputError(f"{path.name}: masks and overlays are PNG files.", advice="Name it with .png.")
    if not path.parent.is_dir():
        raise OutputError(f"{path.name} could not be written: its folder does not exist.", advice="Make the folder.")
    return path if path.suffix else path.with_suffix(".png")
