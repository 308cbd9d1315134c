"""The low-rank adapters and the budget that is cut while they train."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from engine.network.config import ModelConfig
from engine.network.model import LungModel
from tests.training.small_model import COMPACT, SAM, Films, films, logits_of, small_model
from training.adalora import AdaLoraQkv, RankBudget, adapted_layers, kept_globally, kept_per_layer
from training.adaptation import ROWS, Adaptation, Adapters, Cut, Quantization, RecipeError
from training.losses import adapter_loss, mask_loss, orthogonality
from training.prepare import parameter_groups, prepare, set_training, trainable_parameters
from training.qat import calibrating, fit_weights

SMALL = Adapters(rank=12, alpha=8.0, scaling_rank=8, cuts=(Cut(2, 10), Cut(3, 9), Cut(4, 8)))
HYBRID = Adaptation(("P", "L", "Q", "decoder"), SMALL, epochs=5, learning_rate=1e-2, weight_decay=0.1)


def loss_of(model: LungModel, batch: Films, adaptation: Adaptation) -> Tensor:
    loss = mask_loss(logits_of(model, batch), batch.targets)
    return loss + adapter_loss(adapted_layers(model), adaptation.adapters)


class Run:
    """A training run as small as they come: two steps an epoch."""

    def __init__(self, adaptation: Adaptation, config: ModelConfig = COMPACT) -> None:
        self.adaptation = adaptation
        self.model = prepare(small_model(config), adaptation)
        self.optimizer = torch.optim.AdamW(parameter_groups(self.model, adaptation), lr=adaptation.learning_rate)
        self.budget = RankBudget(adapted_layers(self.model), adaptation.adapters, adaptation.epochs)

    def epoch(self, number: int) -> None:
        set_training(self.model, self.adaptation)
        for step in range(2):
            loss_of(self.model, films(self.model.config, seed=10 * number + step), self.adaptation).backward()
            self.budget.after_backward(number, self.optimizer, gradient_norm=self.adaptation.gradient_norm)

    def state(self) -> dict[str, object]:
        return copy.deepcopy(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "budget": self.budget.state_dict(),
            }
        )

    def resume(self, state: dict[str, object]) -> None:
        self.model.load_state_dict(state["model"])  # type: ignore[arg-type]
        self.optimizer.load_state_dict(state["optimizer"])  # type: ignore[arg-type]
        self.budget.load_state_dict(state["budget"])  # type: ignore[arg-type]


def same(a: object, b: object) -> bool:
    """Whether two states are equal to the last bit."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("config", [COMPACT, SAM], ids=["compact", "sam"])
def test_adapters_leave_the_network_as_it_was_at_step_0(config: ModelConfig) -> None:
    model = small_model(config)
    batch = films(config)
    with torch.no_grad():
        before = logits_of(model, batch)
        after = logits_of(prepare(model, HYBRID), batch)
    assert len(adapted_layers(model)) == config.depth
    assert torch.equal(before, after)


def test_lora_leaves_the_network_as_it_was_at_step_0_and_then_learns() -> None:
    model = small_model(COMPACT)
    batch = films(COMPACT)
    before = logits_of(model, batch).detach()
    prepare(model, ROWS["lora-8"])
    after = logits_of(model, batch)
    assert torch.equal(before, after.detach())
    mask_loss(after, batch.targets).backward()
    assert all(triplet.p.grad is not None and triplet.p.grad.any() for triplet in adapted_layers(model)[0].triplets)


def test_the_papers_initial_l_of_a_tenth_does_change_the_network() -> None:
    model = small_model(COMPACT)
    batch = films(COMPACT)
    with torch.no_grad():
        before = logits_of(model, batch)
        prepare(model, replace(HYBRID, adapters=replace(SMALL, initial_l=0.1)))
        assert not torch.equal(before, logits_of(model, batch))


def random_adapted_layer(dim: int = 12) -> AdaLoraQkv:
    torch.manual_seed(3)
    layer = AdaLoraQkv.from_linear(nn.Linear(dim, 3 * dim), Adapters(rank=4, alpha=6.0, scaling_rank=4, cuts=()))
    for triplet in layer.triplets:
        nn.init.normal_(triplet.l)
        triplet.mask[1] = 0.0
    return layer


def test_each_third_of_the_output_is_its_own_equation() -> None:
    layer = random_adapted_layer()
    x = torch.randn(5, 12)
    expected = [
        x @ (layer.weight[12 * i : 12 * (i + 1)] + 1.5 * t.p @ torch.diag(t.l * t.mask) @ t.q).T
        for i, t in enumerate((layer.query, layer.key, layer.value))
    ]
    assert torch.allclose(layer(x), torch.cat(expected, dim=1) + layer.bias, atol=1e-6)


def test_merging_is_exact_to_the_rounding_of_the_sum() -> None:
    layer = random_adapted_layer()
    exact = layer.weight.detach().double()
    for i, t in enumerate(layer.triplets):
        exact[12 * i : 12 * (i + 1)] += (
            1.5 * (t.p.double() @ torch.diag((t.l * t.mask).double()) @ t.q.double()).detach()
        )
    merged = layer.to_linear()
    assert type(merged) is nn.Linear
    assert torch.equal(merged.weight, exact.float())
    x = torch.randn(5, 12)
    assert torch.allclose(merged(x), layer(x), atol=1e-5)


def test_bases_start_orthogonal() -> None:
    model = prepare(small_model(COMPACT), HYBRID)
    triplets = [triplet for layer in adapted_layers(model) for triplet in layer.triplets]
    assert float(orthogonality(triplets, "sum of norms").detach()) < 1e-4
    assert float(orthogonality(triplets, "mean of squares").detach()) < 1e-10


def test_all_three_cuts_act_at_their_epochs() -> None:
    run = Run(HYBRID)
    ranks = []
    for epoch in range(1, 6):
        run.epoch(epoch)
        ranks.append(run.budget.ranks)
    assert ranks == [(12, 12), (10, 10), (9, 9), (8, 8), (8, 8)]


def test_the_papers_schedule_reaches_32_in_three_cuts() -> None:
    model = prepare(small_model(COMPACT), ROWS["hybrid"])
    optimizer = torch.optim.SGD(trainable_parameters(model, ROWS["hybrid"]).values(), lr=0.1)
    budget = RankBudget(adapted_layers(model), ROWS["hybrid"].adapters, ROWS["hybrid"].epochs)
    batch = films(COMPACT)
    seen = {}
    for epoch in (1, 2, 3, 6, 7, 11, 12, 25):
        mask_loss(logits_of(model, batch), batch.targets).backward()
        seen[epoch] = budget.after_backward(epoch, optimizer, gradient_norm=1.0).ranks[0]
    assert seen == {1: 48, 2: 48, 3: 43, 6: 43, 7: 37, 11: 37, 12: 32, 25: 32}


def test_a_global_budget_gives_layers_different_ranks_of_the_same_sum() -> None:
    adapters = replace(SMALL, allocator="global", mask_of="matrix")
    run = Run(replace(HYBRID, adapters=adapters))
    for epoch in range(1, 5):
        run.epoch(epoch)
    assert len(run.budget.ranks) == 6  # q, k and v of two blocks
    assert sum(run.budget.ranks) == 8 * 6
    assert len(set(run.budget.ranks)) > 1


def test_a_global_budget_may_leave_a_layer_nothing() -> None:
    importance = torch.tensor([[0.0, 0.1, 0.2], [5.0, 6.0, 7.0]])
    alive = torch.ones(2, 3, dtype=torch.bool)
    assert kept_globally(importance, alive, 1).tolist() == [[False] * 3, [False, True, True]]
    assert kept_per_layer(importance, alive, 1).tolist() == [[False, False, True], [False, False, True]]


def test_ties_keep_exactly_the_budget() -> None:
    importance, alive = torch.zeros(3, 4), torch.ones(3, 4, dtype=torch.bool)
    assert int(kept_globally(importance, alive, 2).sum()) == 6
    assert kept_per_layer(importance, alive, 3).sum(dim=1).tolist() == [3, 3, 3]


def test_the_dead_are_never_chosen_again() -> None:
    importance = torch.tensor([[9.0, 1.0, 2.0]])
    alive = torch.tensor([[False, True, True]])
    assert kept_per_layer(importance, alive, 2).tolist() == [[False, True, True]]


def test_masked_components_stay_dead_against_momentum_and_weight_decay() -> None:
    adaptation = replace(HYBRID, adapters=replace(SMALL, initial_l=0.1))
    run = Run(adaptation)
    for group in run.optimizer.param_groups:
        group["weight_decay"] = 0.5  # even where it should not be
    for epoch in range(1, 6):
        run.epoch(epoch)
    for layer in adapted_layers(run.model):
        for triplet in layer.triplets:
            dead = triplet.mask == 0
            assert int(dead.sum()) == 4
            assert not triplet.l[dead].any()
            memory = run.optimizer.state[triplet.l]
            assert not memory["exp_avg"][dead].any()
            assert not memory["exp_avg_sq"][dead].any()
            assert triplet.l[~dead].all()


@pytest.mark.parametrize("stopped_after", [1, 2, 3])
def test_a_resumed_run_equals_the_uninterrupted_one_to_the_last_bit(stopped_after: int) -> None:
    adaptation = replace(HYBRID, adapters=replace(SMALL, allocator="global"))
    straight = Run(adaptation)
    for epoch in range(1, 6):
        straight.epoch(epoch)
        if epoch == stopped_after:
            saved = straight.state()
    resumed = Run(adaptation)
    resumed.resume(saved)
    for epoch in range(stopped_after + 1, 6):
        resumed.epoch(epoch)
    assert same(straight.state(), resumed.state())


def test_a_resumed_run_with_rounding_needs_no_second_calibration() -> None:
    adaptation = replace(
        HYBRID, quantization=Quantization(("encoder mlp", "encoder qkv"), four_bits=("encoder mlp",), group=16)
    )
    straight = Run(adaptation)
    with calibrating(straight.model), torch.no_grad():
        logits_of(straight.model, films(COMPACT))
    for epoch in range(1, 5):
        fit_weights(straight.model)
        straight.epoch(epoch)
        if epoch == 2:
            saved = straight.state()
    resumed = Run(adaptation)
    resumed.resume(saved)
    for epoch in range(3, 5):
        fit_weights(resumed.model)
        resumed.epoch(epoch)
    assert same(straight.state(), resumed.state())


def one_layer() -> tuple[AdaLoraQkv, RankBudget, torch.optim.Optimizer]:
    adapters = Adapters(rank=4, cuts=(Cut(2, 2),), initial_l=0.5, mask_of="matrix", smoothing=0.9)
    torch.manual_seed(0)
    layer = AdaLoraQkv.from_linear(nn.Linear(6, 18), adapters)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.0)
    return layer, RankBudget([layer], adapters, epochs=2), optimizer


def test_importance_is_read_before_clipping() -> None:
    layer, budget, optimizer = one_layer()
    (1e4 * layer(torch.ones(1, 6)).sum()).backward()
    expected = torch.stack([(t.l * t.l.grad).abs() for t in layer.triplets]).detach()  # type: ignore[operator]
    step = budget.after_backward(1, optimizer, gradient_norm=1e-3)
    assert step.gradient_norm > 1.0
    assert torch.allclose(budget.importance, 0.1 * expected)


def test_importance_is_read_unscaled_under_a_loss_scale() -> None:
    plain_layer, plain, optimizer = one_layer()
    plain_layer(torch.ones(1, 6)).square().sum().backward()
    plain.after_backward(1, optimizer, gradient_norm=1.0)
    layer, budget, optimizer = one_layer()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)
    scaler.scale(layer(torch.ones(1, 6)).square().sum()).backward()
    budget.after_backward(1, optimizer, gradient_norm=1.0, scaler=scaler)
    assert torch.equal(budget.importance, plain.importance)


def test_an_overflow_changes_nothing_but_the_loss_scale() -> None:
    layer, budget, optimizer = one_layer()
    optimizer.param_groups[0]["lr"] = 0.1
    before = copy.deepcopy(layer.state_dict())
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)
    scaler.scale(layer(torch.full((1, 6), 1e38)).sum() * 1e30).backward()
    step = budget.after_backward(2, optimizer, gradient_norm=1.0, scaler=scaler)
    assert not step.taken
    assert same(before, layer.state_dict())
    assert not budget.importance.any()
    assert budget.steps == 0
    assert scaler.get_scale() < 2.0**14


def test_a_gradient_that_is_not_a_number_changes_nothing_without_a_loss_scale_either() -> None:
    layer, budget, optimizer = one_layer()
    optimizer.param_groups[0]["lr"] = 0.1
    before = copy.deepcopy(layer.state_dict())
    (layer(torch.ones(1, 6)).sum() * torch.nan).backward()
    assert not budget.after_backward(2, optimizer, gradient_norm=1.0).taken
    assert same(before, layer.state_dict())


def test_importance_counts_optimizer_steps_not_micro_batches() -> None:
    whole_layer, whole, optimizer = one_layer()
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(5))
    whole_layer(x).square().sum().backward()
    whole.after_backward(1, optimizer, gradient_norm=1.0)
    layer, budget, optimizer = one_layer()
    for micro_batch in x.split(2):
        layer(micro_batch).square().sum().backward()
    budget.after_backward(1, optimizer, gradient_norm=1.0)
    assert budget.steps == 1
    assert torch.allclose(budget.importance, whole.importance, rtol=1e-5)


def test_importance_is_smoothed_over_steps() -> None:
    layer, budget, optimizer = one_layer()
    seen = []
    for factor in (1.0, 3.0):
        (factor * layer(torch.ones(1, 6)).sum()).backward()
        seen.append(torch.stack([(t.l * t.l.grad).abs() for t in layer.triplets]).detach())  # type: ignore[operator]
        budget.after_backward(1, optimizer, gradient_norm=1.0)
    assert torch.allclose(budget.importance, 0.9 * 0.1 * seen[0] + 0.1 * seen[1])


def test_what_matters_least_is_cut() -> None:
    layer, budget, optimizer = one_layer()
    with torch.no_grad():
        for triplet in layer.triplets:
            triplet.l[:] = torch.tensor([1e-6, 1.0, 1e-6, 1.0])
    layer(torch.randn(8, 6)).square().sum().backward()
    budget.after_backward(2, optimizer, gradient_norm=1.0)
    assert [triplet.mask.tolist() for triplet in layer.triplets] == [[0.0, 1.0, 0.0, 1.0]] * 3


@pytest.mark.parametrize(
    ("cuts", "reason"),
    [
        ((Cut(1, 43),), "cannot follow epoch 1"),  # no importance would have been measured
        ((Cut(3, 43), Cut(3, 37)), "cannot follow epoch 3"),
        ((Cut(3, 32), Cut(7, 32)), "does not reduce rank 32"),  # the paper's code: its later cuts do nothing
        ((Cut(3, 48),), "does not reduce rank 48"),
        ((Cut(3, 0),), "does not reduce"),
    ],
)
def test_impossible_schedules_are_refused(cuts: tuple[Cut, ...], reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        Adapters(cuts=cuts)


def test_a_cut_after_the_last_epoch_is_refused() -> None:
    with pytest.raises(RecipeError, match="epoch 12 of 10 never comes"):
        replace(ROWS["hybrid"], epochs=10)
    model = prepare(small_model(COMPACT), HYBRID)
    with pytest.raises(RecipeError, match="never comes in 3 epochs"):
        RankBudget(adapted_layers(model), SMALL, epochs=3)


def test_cuts_without_importance_are_refused() -> None:
    with pytest.raises(RecipeError, match="gradient of L"):
        Adaptation(("P", "Q"), SMALL)
    model = prepare(small_model(COMPACT), replace(HYBRID, trains=("P", "Q"), adapters=replace(SMALL, cuts=())))
    with pytest.raises(RecipeError, match="frozen"):
        RankBudget(adapted_layers(model), SMALL, epochs=5)


def test_a_budget_for_another_model_is_refused() -> None:
    with pytest.raises(RecipeError, match="none in the model"):
        RankBudget([], SMALL, epochs=5)
    model = prepare(small_model(COMPACT), HYBRID)
    with pytest.raises(RecipeError, match=r"rank \[12\], the recipe's 16"):
        RankBudget(adapted_layers(model), replace(SMALL, rank=16), epochs=5)
    run = Run(replace(HYBRID, adapters=replace(SMALL, mask_of="matrix")))
    with pytest.raises(RecipeError, match="saved budget"):
        RankBudget(adapted_layers(model), SMALL, epochs=5).load_state_dict(run.budget.state_dict())


def test_a_rank_beyond_the_matrix_is_refused() -> None:
    with pytest.raises(RecipeError, match="more than a 48 x 48"):
        prepare(small_model(COMPACT), replace(HYBRID, adapters=replace(SMALL, rank=49)))


def test_a_few_steps_of_adalora_learn_the_films() -> None:
    run = Run(replace(HYBRID, weight_decay=0.0))
    batch = films(COMPACT)
    with torch.no_grad():
        before = float(mask_loss(logits_of(run.model, batch), batch.targets))
    for step in range(30):
        loss = loss_of(run.model, batch, HYBRID)
        loss.backward()
        run.budget.after_backward(1 + step // 8, run.optimizer, gradient_norm=1.0)
    assert float(loss.detach()) < 0.6 * before
