"""AdaLoRA on query, key and value inside a fused QKV layer, and the budget of ranks that is cut while it trains.

Each of the three gets its own triplet, dW = scaling * P diag(L * mask) Q. `RankBudget.after_backward` owns everything
that happens between the backward pass and the next forward pass, in the only order that is right.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor, nn

from engine.network.model import LungModel
from training.adaptation import Adapters, RecipeError


class Triplet(nn.Module):
    """P (outputs, r), L (r,) and Q (r, inputs) of one matrix; a component whose mask is 0 is gone for good."""

    mask: Tensor

    def __init__(self, base: nn.Linear, outputs: int, adapters: Adapters) -> None:
        super().__init__()
        inputs, rank = base.in_features, adapters.rank
        if rank > min(inputs, outputs):
            raise RecipeError(f"rank {rank} is more than a {outputs} x {inputs} matrix has")
        like = base.weight  # same device, same type
        self.p = nn.Parameter(like.new_zeros(outputs, rank))
        self.l = nn.Parameter(like.new_full((rank,), adapters.initial_l))
        self.q = nn.Parameter(like.new_zeros(rank, inputs))
        self.register_buffer("mask", like.new_ones(rank))
        if like.is_meta:
            return
        if adapters.kind == "lora":
            nn.init.kaiming_uniform_(self.q, a=5**0.5)
        else:
            nn.init.orthogonal_(self.p)
            nn.init.orthogonal_(self.q)

    @property
    def live_l(self) -> Tensor:
        """L with its dead components at zero."""
        return self.l * self.mask

    def product(self) -> Tensor:
        """Return P diag(L * mask) Q in the precision of its factors."""
        return (self.p * self.live_l) @ self.q


class AdaLoraQkv(nn.Linear):
    """A fused QKV layer with a triplet on each third of its rows; its own weight keeps its name and its bits."""

    def __init__(self, base: nn.Linear, adapters: Adapters) -> None:
        # On the meta device nothing is allocated or drawn: the parameters are the base layer's own.
        super().__init__(base.in_features, base.out_features, bias=base.bias is not None, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self.scaling = adapters.scaling
        third = base.out_features // 3
        self.query, self.key, self.value = (Triplet(base, third, adapters) for _ in range(3))
        self.quantizer: nn.Module | None = None  # training.qat puts one here where QKV is rounded too

    @classmethod
    def from_linear(cls, base: nn.Linear, adapters: Adapters) -> Self:
        """Return the layer that does what `base` does, with adapters to train."""
        return cls(base, adapters)

    @property
    def triplets(self) -> tuple[Triplet, Triplet, Triplet]:
        """The adapters of query, key and value, in the order of the rows."""
        return self.query, self.key, self.value

    def delta_weight(self) -> Tensor:
        """Return dW, (3 * dim, dim)."""
        return self.scaling * torch.cat([triplet.product() for triplet in self.triplets])

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., 3 * dim) for (..., dim)."""
        if self.quantizer is not None:  # rounding sees the weight that a release would hold
            rounded: Tensor = self.quantizer(x, self.weight + self.delta_weight(), self.bias)
            return rounded
        base = F.linear(x, self.weight, self.bias)
        inner = F.linear(x, torch.cat([triplet.q for triplet in self.triplets]))  # (..., 3 r)
        inner = inner * (self.scaling * torch.cat([triplet.live_l for triplet in self.triplets]))
        outer = [F.linear(part, t.p) for part, t in zip(inner.chunk(3, dim=-1), self.triplets, strict=True)]
        return base + torch.cat(outer, dim=-1)

    @torch.no_grad()
    def merged_weight(self) -> Tensor:
        """Return W + dW, summed in float64 and rounded once."""
        parts = [(t.p.double() * t.live_l.double()) @ t.q.double() for t in self.triplets]
        return (self.weight.double() + self.scaling * torch.cat(parts)).to(self.weight.dtype)

    def to_linear(self) -> nn.Linear:
        """Return a plain layer with the adapters merged into its weight."""
        linear = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        linear.weight, linear.bias = nn.Parameter(self.merged_weight()), self.bias
        return linear


def adapted_layers(model: nn.Module) -> list[AdaLoraQkv]:
    """Return the layers with adapters, in the order of the blocks."""
    return [module for module in model.modules() if isinstance(module, AdaLoraQkv)]


def attention_modules(model: LungModel) -> list[Any]:
    """Return the self-attention of every encoder block: ours and segment_anything's alike hold `qkv` and `proj`."""
    blocks: Iterable[Any] = model.image_encoder.blocks  # type: ignore[assignment]
    return [block.attn for block in blocks]


def add_adapters(model: LungModel, adapters: Adapters) -> None:
    """Give every encoder block's QKV its triplets; layers that have them keep them, masks and all."""
    for attention in attention_modules(model):
        if isinstance(attention.qkv, AdaLoraQkv):
            continue
        if type(attention.qkv) is not nn.Linear:
            raise RecipeError("QKV is rounded already, and adapters came after", advice="Adapt first, then round.")
        attention.qkv = AdaLoraQkv.from_linear(attention.qkv, adapters)


def masked_groups(layers: Sequence[AdaLoraQkv], adapters: Adapters) -> list[tuple[Triplet, ...]]:
    """Return the triplets under each mask: a block's three together, or one by one."""
    if adapters.mask_of == "block":
        return [layer.triplets for layer in layers]
    return [(triplet,) for layer in layers for triplet in layer.triplets]


def kept_per_layer(importance: Tensor, alive: Tensor, rank: int) -> Tensor:
    """Return the masks (groups, r) that keep the `rank` most important live components of every group."""
    scores = importance.masked_fill(~alive, -1.0)
    order = scores.argsort(dim=1, descending=True, stable=True)  # stable: ties never keep more than `rank`
    kept = torch.zeros_like(alive).scatter_(1, order[:, :rank], value=True)
    return kept & alive


def kept_globally(importance: Tensor, alive: Tensor, rank: int) -> Tensor:
    """Return the masks (groups, r) that keep the most important live components of all, `rank` a group on the mean."""
    kept = kept_per_layer(importance.reshape(1, -1), alive.reshape(1, -1), rank * importance.shape[0])
    return kept.reshape(importance.shape)


@dataclass(frozen=True, slots=True)
class Step:
    """What one optimizer step did."""

    gradient_norm: float  # before clipping
    taken: bool  # False: a gradient was not finite, and nothing was changed
    ranks: tuple[int, ...]  # live components of each group, after any cut


class RankBudget:
    """Keeps the importance of every component, cuts the rank when its time comes, and keeps what is cut dead."""

    def __init__(self, layers: Sequence[AdaLoraQkv], adapters: Adapters | None, epochs: int) -> None:
        self._adapters = adapters
        self._groups = masked_groups(layers, adapters) if adapters is not None else []
        self.cuts_made = 0
        self.steps = 0
        self.importance = torch.zeros(0)
        if adapters is None:
            return
        late = [cut for cut in adapters.cuts if cut.epoch > epochs]
        if late:
            raise RecipeError(f"the cut at epoch {late[0].epoch} never comes in {epochs} epochs")
        if not self._groups:
            raise RecipeError("there are adapters in the recipe and none in the model", advice="Call prepare first.")
        sizes = {triplet.l.numel() for group in self._groups for triplet in group}
        if sizes != {adapters.rank}:
            raise RecipeError(f"the model's adapters have rank {sorted(sizes)}, the recipe's {adapters.rank}")
        if adapters.cuts and not all(triplet.l.requires_grad for group in self._groups for triplet in group):
            raise RecipeError("importance needs the gradient of L, which is frozen")
        first = self._groups[0][0].l
        self.importance = torch.zeros(len(self._groups), adapters.rank, device=first.device)

    @property
    def ranks(self) -> tuple[int, ...]:
        """Live components of each group."""
        return tuple(int(row.sum()) for row in self._alive()) if self._groups else ()

    def after_backward(
        self,
        epoch: int,
        optimizer: torch.optim.Optimizer,
        *,
        gradient_norm: float,
        scaler: torch.amp.GradScaler | None = None,
    ) -> Step:
        """Do all that follows the last backward pass of an optimizer step, and leave the gradients cleared.

        Unscale; read importance from the true gradients; clip; step; cut if `epoch` (from 1) has reached a cut; bury
        what is dead. Once per optimizer step, not per micro-batch.
        """
        if scaler is not None:
            scaler.unscale_(optimizer)
        trained = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in trained if p.grad is not None])
        taken = bool(torch.isfinite(norm))
        if taken:
            self._measure()
            torch.nn.utils.clip_grads_with_norm_(trained, gradient_norm, norm)
            if scaler is not None:
                scaler.step(optimizer)
            else:
                optimizer.step()
            self.steps += 1
            self._cut(epoch)
            self._bury(optimizer)
        if scaler is not None:
            if not taken:
                scaler.step(optimizer)  # sees the overflow that unscaling found, and changes nothing but its own state
            scaler.update()
        optimizer.zero_grad(set_to_none=True)
        return Step(float(norm), taken, self.ranks)

    @torch.no_grad()
    def _measure(self) -> None:
        """Follow |l dL/dl|, averaged over the matrices under one mask."""
        if self._adapters is None or not all(t.l.grad is not None for group in self._groups for t in group):
            return  # L is frozen: no cut is coming, which the constructor has checked
        new = torch.stack([torch.stack([(t.l * t.l.grad).abs().float() for t in g]).mean(dim=0) for g in self._groups])  # type: ignore[operator]
        self.importance = self._adapters.smoothing * self.importance + (1.0 - self._adapters.smoothing) * new

    def _alive(self) -> Tensor:
        return torch.stack([group[0].mask for group in self._groups]).bool()

    @torch.no_grad()
    def _cut(self, epoch: int) -> None:
        """Make every cut whose epoch has come, each once."""
        if self._adapters is None:
            return
        keep = kept_per_layer if self._adapters.allocator == "layer" else kept_globally
        for cut in self._adapters.cuts[self.cuts_made :]:
            if epoch < cut.epoch:
                break
            kept = keep(self.importance, self._alive(), cut.rank)
            for row, group in zip(kept, self._groups, strict=True):
                for triplet in group:
                    triplet.mask.copy_(row)
            self.cuts_made += 1

    @torch.no_grad()
    def _bury(self, optimizer: torch.optim.Optimizer) -> None:
        """Hold dead components of L, and all that the optimizer remembers of them, at zero."""
        for group in self._groups:
            for triplet in group:
                triplet.l.mul_(triplet.mask)
                for remembered in optimizer.state.get(triplet.l, {}).values():
                    if isinstance(remembered, Tensor) and remembered.shape == triplet.l.shape:
                        remembered.mul_(triplet.mask)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs; the masks are with the model, as buffers."""
        return {"importance": self.importance.clone(), "cuts_made": self.cuts_made, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        if state["importance"].shape != self.importance.shape:
            raise RecipeError(
                f"the saved budget is for {tuple(state['importance'].shape)} components, this one for "
                f"{tuple(self.importance.shape)}"
            )
        self.importance = state["importance"].to(self.importance.device, copy=True)
        self.cuts_made, self.steps = int(state["cuts_made"]), int(state["steps"])
