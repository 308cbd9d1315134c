"""What training minimises."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from training.adalora import AdaLoraQkv, Triplet
from training.adaptation import Adapters
from training.losses import adapter_loss, cross_entropy, mask_loss, orthogonality, soft_dice

CERTAIN = 50.0


def square(size: int = 8) -> torch.Tensor:
    target = torch.zeros(1, size, size)
    target[:, 2:6, 2:6] = 1.0
    return target


def test_a_perfect_mask_costs_nothing() -> None:
    target = square()
    assert float(mask_loss((target * 2 - 1) * CERTAIN, target)) == pytest.approx(0.0, abs=1e-6)


def test_dice_of_half_the_pixels_is_what_dice_says() -> None:
    target = square()  # 16 pixels
    found = target.clone()
    found[:, 2:4] = 0.0  # 8 of them
    expected = 1.0 - (2 * 8 + 1) / (16 + 8 + 1)
    assert float(soft_dice((found * 2 - 1) * CERTAIN, target)) == pytest.approx(expected, abs=1e-6)


def test_an_empty_mask_that_is_found_empty_costs_nothing() -> None:
    empty = torch.zeros(1, 8, 8)
    assert float(soft_dice(empty - CERTAIN, empty)) == pytest.approx(0.0, abs=1e-6)


def test_every_mask_counts_the_same_for_dice() -> None:
    small, large = torch.zeros(2, 16, 16)
    small[0, :2], large[:8] = 1.0, 1.0
    both = torch.stack([small, large])
    wrong = torch.stack([1.0 - small, large])  # only the first is wrong
    right_way_round = float(soft_dice((wrong * 2 - 1) * CERTAIN, both))
    assert right_way_round == pytest.approx(0.5, abs=0.01)


def test_cross_entropy_of_an_even_chance_is_ln_2() -> None:
    assert float(cross_entropy(torch.zeros(1, 8, 8), square())) == pytest.approx(0.693147, abs=1e-5)


def test_weights_say_how_much_a_pixel_counts() -> None:
    target, weight = square(), torch.ones(1, 8, 8)
    weight[:, 2:6, 2:6] = 3.0
    logits = torch.where(target > 0, 0.0, -CERTAIN)
    ratio = float(cross_entropy(logits, target, weight)) / float(cross_entropy(logits, target))
    assert ratio == pytest.approx(3.0)


def triplet(rank: int = 4) -> Triplet:
    torch.manual_seed(0)
    return AdaLoraQkv.from_linear(nn.Linear(8, 24), Adapters(rank=rank, cuts=())).query


def test_orthogonality_of_bases_twice_as_long_is_known() -> None:
    base = triplet()
    with torch.no_grad():
        base.p.mul_(2.0)  # P'P - I = 3 I, of Frobenius norm 3 sqrt(4)
    assert float(orthogonality([base], "sum of norms").detach()) == pytest.approx(6.0, rel=1e-5)
    assert float(orthogonality([base], "mean of squares").detach()) == pytest.approx(36.0 / 2, rel=1e-5)


def test_dead_components_need_not_be_orthogonal() -> None:
    base = triplet()
    with torch.no_grad():
        base.p[:, 1] = 5.0
        base.mask[1] = 0.0
    assert float(orthogonality([base], "mean of squares").detach()) == pytest.approx(0.0, abs=1e-10)
    assert float(orthogonality([base], "sum of norms").detach()) > 1.0


@pytest.mark.parametrize("form", ["sum of norms", "mean of squares"])
def test_orthogonality_has_a_gradient_that_is_a_number_at_its_optimum(form: str) -> None:
    base = triplet()
    with torch.no_grad():
        base.p.copy_(torch.eye(8)[:, :4])
        base.q.copy_(torch.eye(8)[:4])
    orthogonality([base], form).backward()  # type: ignore[arg-type]
    assert base.p.grad is not None
    assert torch.isfinite(base.p.grad).all()


def test_adapters_add_the_papers_weight_of_their_orthogonality() -> None:
    adapters = Adapters(rank=4, cuts=())
    torch.manual_seed(0)
    layer = AdaLoraQkv.from_linear(nn.Linear(8, 24), adapters)
    with torch.no_grad():
        for each in layer.triplets:
            each.p.mul_(2.0)
    assert float(adapter_loss([layer], adapters).detach()) == pytest.approx(0.003 * 3 * 6.0, rel=1e-5)
    assert float(adapter_loss([layer], replace(adapters, orthogonality_weight=0.0))) == 0.0
    assert float(adapter_loss([], None)) == 0.0


def test_orthogonality_is_float32_under_autocast() -> None:
    base = triplet()
    with torch.no_grad():
        base.p.mul_(1.001)  # lost in bfloat16
    outside = orthogonality([base], "sum of norms").detach()
    with torch.autocast("cpu", torch.bfloat16):
        inside = orthogonality([base], "sum of norms").detach()
    assert inside.dtype == torch.float32
    assert torch.equal(inside, outside)
