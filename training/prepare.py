"""From a pretrained network to one that is ready for a row of the recipe: adapters, rounding, and the rest frozen.

A stage, whatever its row, is then

    prepare(model, row); with calibrating(model): show it films
    optimizer = AdamW(parameter_groups(model, row), lr=row.learning_rate)
    budget = RankBudget(adapted_layers(model), row.adapters, row.epochs)
    for each epoch: fit_weights(model); set_training(model, row)
        for each step: (mask_loss + adapter_loss).backward(); budget.after_backward(epoch, optimizer, ...)

and the state that resumes it is that of the model (masks and scales are buffers), the optimizer and the budget.
"""

from typing import Any

from torch import nn

from engine.network.model import LungModel
from training.adalora import adapted_layers, add_adapters
from training.adaptation import Adaptation, Part
from training.qat import round_places, without_adapters
from training.state import weight_groups


def prepare(model: LungModel, adaptation: Adaptation) -> LungModel:
    """Change a network in place for a row, from any earlier stage, and return it.

    Where activations are rounded, `training.qat.calibrating` must follow: until then the outputs are NaN.
    """
    if adaptation.adapters is None:
        without_adapters(model)
    else:
        add_adapters(model, adaptation.adapters)
    if adaptation.quantization is not None:
        round_places(model, adaptation.quantization)
    model.requires_grad_(requires_grad=False)
    for parameter in trainable_parameters(model, adaptation).values():
        parameter.requires_grad_()
    return model


def _part(model: LungModel, part: Part) -> list[nn.Parameter]:
    triplets = [triplet for layer in adapted_layers(model) for triplet in layer.triplets]
    match part:
        case "P":
            return [triplet.p for triplet in triplets]
        case "L":
            return [triplet.l for triplet in triplets]
        case "Q":
            return [triplet.q for triplet in triplets]
        case "decoder":
            return list(model.mask_decoder.parameters())
        case "prompt encoder":
            return list(model.prompt_encoder.parameters())
        case "encoder":
            factors = {id(p) for triplet in triplets for p in triplet.parameters()}
            return [p for p in model.image_encoder.parameters() if id(p) not in factors]


def trainable_parameters(model: LungModel, adaptation: Adaptation) -> dict[str, nn.Parameter]:
    """Return, by name, exactly the tensors that a row trains."""
    wanted = {id(parameter) for part in adaptation.trains for parameter in _part(model, part)}
    return {name: parameter for name, parameter in model.named_parameters() if id(parameter) in wanted}


def parameter_groups(model: LungModel, adaptation: Adaptation) -> list[dict[str, Any]]:
    """Return the optimizer's groups of what a row trains."""
    return weight_groups(trainable_parameters(model, adaptation).values(), adaptation.weight_decay)


def set_training(model: LungModel, adaptation: Adaptation) -> None:
    """Put a prepared network in training mode, but leave the statistics of what is frozen as they are."""
    model.train()
    frozen = {"encoder": model.image_encoder, "decoder": model.mask_decoder, "prompt encoder": model.prompt_encoder}
    for part, module in frozen.items():
        if part not in adaptation.trains:
            module.eval()
