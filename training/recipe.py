"""Every number of the training, each with its reason. Command-line flags come from these fields."""

from dataclasses import dataclass, field, replace

from engine.network.config import ModelConfig, Preprocessing


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training at one resolution."""

    size: int  # side of the frames in pixels
    films: int  # films drawn, with repetition
    batch: int  # films a step, over all processes and passes


@dataclass(frozen=True, slots=True)
class Recipe:
    """Pretraining of the compact model from scratch."""

    name: str = "compact"
    seed: int = 7
    model: ModelConfig = field(default_factory=ModelConfig)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    # Low resolution first: a step at 256 costs a quarter of one at 512 and teaches where lungs are; edges come last.
    phases: tuple[Phase, ...] = (Phase(256, 10_000, 8), Phase(384, 2_000, 8), Phase(512, 800, 8))
    sources: tuple[str, ...] = ()  # of the films to learn from; all that have lungs, where none is named
    # Backward passes that one step gathers its gradient from; more need less memory. Batch norm sees a pass at a time,
    # so its statistics are of fewer films: the one thing in which 2 passes of 4 films differ from 1 of 8.
    accumulate: int = 1
    learning_rate: float = 1e-3  # peak; AdamW, cosine to zero
    warmup_steps: int = 200
    weight_decay: float = 0.05
    gradient_norm: float = 1.0
    # Of the weights that are kept. It grows to this until step 4490 (training.state.follow): of a shorter run the last
    # tenth of the steps is kept, of a longer one about the last 500.
    ema_decay: float = 0.998
    prompts_per_film: int = 3  # one lung, the other, both
    taught_share: float = 0.5  # of the films drawn, where there are films that a model outlined (training.teach)
    edge_weight: float = 3.0  # cross-entropy counts this much more within two pixels of the outline
    quality_weight: float = 0.2  # squared error of the predicted IoU
    checkpoint_seconds: float = 240.0  # at most this much is lost to a kill
    evaluate_films: int = 2_000  # films between two looks at the validation split
    report_steps: int = 20  # steps between two lines of progress

    # Stage 0 (training.pretrain): how long it lasts, what a frame loses, and what is to be outlined.
    pretraining: Phase = Phase(256, 12_000, 8)
    hidden_share: float = 0.6  # of a frame's squares
    hidden_side: int = 32  # of a square in pixels: two tokens of the encoder, so that copying a neighbour is no answer
    things_share: float = 0.5  # of the steps, which ask for outlines of things (training.things) instead
    phantoms: int = 32  # computed chests among those things
    phantom_share: float = 0.25  # of the films drawn in such a step

    # Stages 1 and 2 (training.adapt); the rest of their numbers are the row's (training.adaptation).
    adapt_batch: int = 4  # films a step, at full resolution
    adapt_epochs: int | None = None  # fewer than the row's own
    calibration_films: int = 24  # that fix the ranges of rounded activations
    proof_films: int = 17  # validation films on which a released file is compared with the network it came from

    @property
    def total_films(self) -> int:
        """Films drawn in all phases."""
        return sum(phase.films for phase in self.phases)


RECIPES = {
    "compact": Recipe(),
    # From a released file (--start): what it knows is kept by a lower rate, and half of the films have sharp edges.
    "continue": Recipe(
        name="continue",
        phases=(Phase(256, 7_200, 8), Phase(384, 4_000, 8), Phase(512, 2_000, 8)),
        learning_rate=4e-4,
    ),
    # From there at length, on larger frames alone; a third of the films from a hospital without masks (training.teach).
    # A night on two cores with AVX2, 90 minutes on one of a CPU with instructions for bfloat16.
    "lengthen": Recipe(
        name="lengthen",
        phases=(Phase(384, 10_000, 8), Phase(512, 9_000, 8)),
        learning_rate=6e-4,
        taught_share=0.33,
    ),
}


def shortened(recipe: Recipe, films: int) -> Recipe:
    """Return the recipe for so many films, a batch a phase at least; phases and warm-up keep their shares."""
    share = films / recipe.total_films
    phases = tuple(replace(phase, films=max(phase.batch, round(phase.films * share))) for phase in recipe.phases)
    return replace(recipe, phases=phases, warmup_steps=max(1, round(recipe.warmup_steps * share)))
