"""PEFT's AdaLoRA as a second opinion: the same P, L and Q, and the same gradients, give the same numbers."""

import warnings
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.adalora import AdaLoraQkv, RankBudget, Triplet
from training.adaptation import Adapters, Cut
from training.losses import orthogonality

DIM, RANK, LAYERS = 16, 6, 3
ADAPTERS = Adapters(
    rank=RANK,
    alpha=12.0,
    scaling_rank=RANK,
    initial_l=0.5,
    cuts=(Cut(2, 4),),
    allocator="global",
    mask_of="matrix",
    smoothing=0.85,
)


class Thirds(nn.Module):
    """Query, key and value as three plain layers, as PEFT wants them."""

    def __init__(self, fused: nn.Linear) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(DIM, DIM) for _ in range(3))
        for layer, weight, bias in zip(
            (self.query, self.key, self.value), fused.weight.chunk(3), fused.bias.chunk(3), strict=True
        ):
            layer.weight.data.copy_(weight)
            layer.bias.data.copy_(bias)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.query(x), self.key(x), self.value(x)], dim=-1)


class Stack(nn.Module):
    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Any:
        out = torch.stack([layer(x) for layer in self.layers])
        return SimpleNamespace(loss=(out.square() * torch.linspace(0.1, 2.0, LAYERS).view(-1, 1, 1)).mean(), out=out)


class Pair:
    """Ours and PEFT's, with the same weights throughout."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        bases = [nn.Linear(DIM, 3 * DIM) for _ in range(LAYERS)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PEFT's and its imports' own
            from peft import AdaLoraConfig, get_peft_model

            self.config = AdaLoraConfig(
                target_modules=["query", "key", "value"],
                init_r=RANK,
                target_r=4,
                lora_alpha=12,
                total_step=10,
                tinit=1,
                tfinal=2,
                deltaT=1,
                beta1=0.85,
                beta2=0.85,
                orth_reg_weight=0.5,
            )
            self.theirs = get_peft_model(Stack([Thirds(base) for base in bases]), self.config)
        self.ours = Stack([AdaLoraQkv.from_linear(base, ADAPTERS) for base in bases])
        for triplet, layer in zip(self.triplets, self.svd_layers, strict=True):
            nn.init.normal_(triplet.l)
            nn.init.normal_(triplet.p, std=0.3)
            nn.init.normal_(triplet.q, std=0.3)
            layer.lora_A["default"].data.copy_(triplet.q)
            layer.lora_B["default"].data.copy_(triplet.p)
            layer.lora_E["default"].data.copy_(triplet.l[:, None])

    @property
    def layers(self) -> list[AdaLoraQkv]:
        return [layer for layer in self.ours.layers if isinstance(layer, AdaLoraQkv)]

    @property
    def triplets(self) -> list[Triplet]:
        return [triplet for layer in self.layers for triplet in layer.triplets]

    @property
    def svd_layers(self) -> list[Any]:
        return [layer for layer in self.theirs.modules() if type(layer).__name__ == "SVDLinear"]


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.randn(4, DIM, generator=torch.Generator().manual_seed(2))


# PEFT divides by the rank + 1e-5.
PEFT_EPSILON = 2e-5


def test_the_added_weight_and_the_output_agree(x: Tensor) -> None:
    pair = Pair()
    for layer, thirds in zip(pair.layers, [pair.svd_layers[i : i + 3] for i in range(0, 9, 3)], strict=True):
        theirs = torch.cat([third.get_delta_weight("default") for third in thirds])
        assert torch.allclose(layer.delta_weight(), theirs, atol=PEFT_EPSILON)
    assert torch.allclose(pair.ours(x).out, pair.theirs.base_model(x).out, atol=PEFT_EPSILON)


def test_the_orthogonality_loss_agrees(x: Tensor) -> None:
    pair = Pair()
    plain = pair.ours(x).loss
    added = pair.theirs.base_model(x).loss - plain  # 0.5 times the mean over all bases of the norm
    ours = orthogonality(pair.triplets, "sum of norms") / (2 * len(pair.triplets))
    assert float((added / 0.5).detach()) == pytest.approx(float(ours.detach()), rel=1e-4)


def test_smoothed_importance_and_the_global_cut_agree(x: Tensor) -> None:
    pair = Pair()
    pair.config.orth_reg_weight = 0.0
    optimizer = torch.optim.SGD(pair.ours.parameters(), lr=0.0)
    budget = RankBudget(pair.layers, replace(ADAPTERS, cuts=(Cut(2, 4),)), epochs=2)
    allocator = pair.theirs.base_model.rankallocator
    for factor in (1.0, 2.0, 0.5):
        pair.theirs.zero_grad()
        (factor * pair.theirs.base_model(x).loss).backward()
        allocator.update_ipt(pair.theirs.base_model)
        (factor * pair.ours(x).loss).backward()
        budget.after_backward(1, optimizer, gradient_norm=1.0)
    names = [name for name, _ in pair.theirs.base_model.named_parameters() if "lora_E" in name]
    theirs = torch.stack([allocator.exp_avg_ipt[name][:, 0] for name in names])
    assert torch.allclose(budget.importance, theirs, rtol=1e-4)

    # PEFT scores a triplet by its bases and its uncertainty too: neutral here, so that the importance of L is left.
    for name in allocator.exp_avg_ipt:
        allocator.exp_avg_unc[name].fill_(1.0)
        if "lora_E" not in name:
            allocator.exp_avg_ipt[name].zero_()
    kept = allocator.mask_to_budget(pair.theirs.base_model, 4 * len(names))
    (pair.ours(x).loss * 0.0).backward()
    budget.after_backward(2, optimizer, gradient_norm=1.0)
    assert [triplet.mask.bool().tolist() for triplet in pair.triplets] == [kept[name] for name in names]
    assert len({sum(row) for row in kept.values()}) > 1
