"""Networks small enough to train in a test, of both kinds, and something for them to see."""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.network.config import ModelConfig
from engine.network.model import LungModel

COMPACT = ModelConfig(image_size=64, embed_dim=48, depth=2, heads=3, stem=(4, 8, 8), decoder_dim=32, decoder_mlp=64)
SAM = ModelConfig(
    kind="sam",
    image_size=64,
    in_channels=3,
    embed_dim=48,
    depth=2,
    heads=3,
    stem=(),
    window_size=3,
    global_blocks=(1,),
    decoder_dim=32,
    decoder_mlp=64,
)


def small_model(config: ModelConfig, seed: int = 0) -> LungModel:
    """Return a network with random weights; no layer is left at its initial zeros or ones."""
    torch.manual_seed(seed)
    model = LungModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1 or not parameter.any():
                parameter.add_(torch.randn_like(parameter) * 0.1)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0.0, 0.2)
                module.running_var.uniform_(0.5, 2.0)
    return model


@dataclass(frozen=True, slots=True, eq=False)
class Films:
    """A batch: one prompt a film."""

    frames: Tensor
    coordinates: Tensor
    labels: Tensor
    targets: Tensor


def films(config: ModelConfig, count: int = 2, seed: int = 1) -> Films:
    """Return frames with a bright ellipse each, its box, and its mask."""
    generator = torch.Generator().manual_seed(seed)
    size = config.image_size
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    frames, boxes, targets = [], [], []
    for _ in range(count):
        x, y = (size * (0.35 + 0.3 * torch.rand(2, generator=generator))).tolist()
        width, height = (size * (0.12 + 0.15 * torch.rand(2, generator=generator))).tolist()
        inside = ((columns - x) / width) ** 2 + ((rows - y) / height) ** 2 < 1
        noise = torch.randn(config.in_channels, size, size, generator=generator)
        frames.append(inside.float() * 2 - 1 + 0.3 * noise)
        boxes.append([[x - width, y - height], [x + width, y + height]])
        step = size // config.mask_size
        targets.append(inside[::step, ::step].float())
    return Films(torch.stack(frames), torch.tensor(boxes), torch.tensor([[2.0, 3.0]] * count), torch.stack(targets))


def logits_of(model: LungModel, batch: Films) -> Tensor:
    """Return the mask logits of a batch."""
    logits, _ = model.decode(model.encode(batch.frames), batch.coordinates, batch.labels)
    return logits
