"""The network in torch: for training, for GPUs, and as the reference that other backends are compared with.

Both kinds answer to the same two calls: `encode` a batch of frames to features, `decode` features and prompt tokens to
mask logits and predicted quality. Names of layers follow segment_anything, so that Meta's files load as they are.
"""

from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor, nn

from engine.network.config import ModelConfig
from engine.network.sam import ImageEncoderViT, LayerNorm2d, MaskDecoder, PromptEncoder, TwoWayTransformer


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return softmax(q k' / sqrt(d)) v."""
    if q.device.type == "cpu" and torch.is_grad_enabled():
        # torch's fused kernel takes twice as long as its parts on a CPU; to train, the memory is there.
        weights = (q * float(q.shape[-1]) ** -0.5) @ k.transpose(-1, -2)
        mixed: Tensor = weights.softmax(-1) @ v
        return mixed
    return F.scaled_dot_product_attention(q, k, v)


class Attention(nn.Module):
    """Global self-attention with a fused query, key and value layer."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.num_heads = heads
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, N, C) for (B, N, C)."""
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        y = attend(q, k, v)  # (B, heads, N, dim / heads)
        y = y.transpose(1, 2).reshape(batch, tokens, dim)
        out: Tensor = self.proj(y)
        return out


class Mlp(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(dim, hidden)
        self.lin2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., C) for (..., C)."""
        out: Tensor = self.lin2(F.gelu(self.lin1(x)))
        return out


class Block(nn.Module):
    """A transformer block that first lets each token see its neighbours.

    The depthwise convolution gives position and locality for almost nothing, which a transformer trained from scratch
    on some hundreds of films cannot learn by itself.
    """

    def __init__(self, dim: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.local = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) for (B, C, H, W)."""
        x = x + self.local(x)
        height, width = x.shape[-2:]
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.attn(self.norm1(tokens))
        tokens = tokens + self.mlp(self.norm2(tokens))
        out: Tensor = tokens.transpose(1, 2).unflatten(2, (height, width))
        return out


class ConvNorm(nn.Module):
    """Convolution and batch norm; `release` folds the norm into the convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised convolution."""
        out: Tensor = self.norm(self.conv(x))
        return out


class StemStage(nn.Module):
    """Halves the resolution, then refines with one residual step."""

    def __init__(self, inputs: int, outputs: int, *, refine: bool) -> None:
        super().__init__()
        self.down = ConvNorm(inputs, outputs, stride=2)
        self.refine = ConvNorm(outputs, outputs) if refine else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, H / 2, W / 2)."""
        x = F.gelu(self.down(x))
        return x if self.refine is None else F.gelu(x + self.refine(x))


class CompactEncoder(nn.Module):
    """Convolutional stem to stride 16, transformer blocks, SAM's neck; the stem's stages are kept for the decoder."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        s2, s4, s8 = config.stem
        self.stages = nn.ModuleList(
            [
                StemStage(config.in_channels, s2, refine=False),
                StemStage(s2, s4, refine=True),
                StemStage(s4, s8, refine=True),
            ]
        )
        self.patch_embed = nn.Conv2d(s8, config.embed_dim, 3, stride=2, padding=1)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.embed_dim, config.grid, config.grid))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.blocks = nn.ModuleList(
            [Block(config.embed_dim, config.heads, config.mlp_ratio) for _ in range(config.depth)]
        )
        self.neck = nn.Sequential(
            nn.Conv2d(config.embed_dim, config.decoder_dim, 1, bias=False),
            LayerNorm2d(config.decoder_dim),
            nn.Conv2d(config.decoder_dim, config.decoder_dim, 3, padding=1, bias=False),
            LayerNorm2d(config.decoder_dim),
        )
        # Projected once per film, so that each box costs only the decoder.
        self.skips = nn.ModuleList(
            [
                nn.Conv2d(channels, width, 3, padding=1)
                for channels, width in zip(config.stem, detail_widths(config), strict=True)
            ]
        )

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Return the embedding at stride 16 and the details at stride 2, 4 and 8."""
        details = []
        x = frames
        for stage, skip in zip(self.stages, self.skips, strict=True):
            x = stage(x)
            details.append(skip(x))
        x = self.patch_embed(x)
        position: Tensor = self.pos_embed
        if position.shape[-2:] != x.shape[-2:]:  # training starts at lower resolutions
            position = F.interpolate(position, x.shape[-2:], mode="bilinear", align_corners=False)
        x = x + position
        for block in self.blocks:
            x = block(x)
        return (self.neck(x), *details)


def detail_widths(config: ModelConfig) -> tuple[int, int, int]:
    """Return the channels of the decoder at stride 2, 4 and 8."""
    return (config.decoder_dim // 16, config.decoder_dim // 8, config.decoder_dim // 4)


class UpscaleStage(nn.Module):
    """Doubles the resolution and takes in the encoder's detail at that scale."""

    def __init__(self, inputs: int, outputs: int, *, normalise: bool) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
        self.norm = LayerNorm2d(outputs) if normalise else nn.Identity()
        self.refine = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor, detail: Tensor) -> Tensor:
        """Return (N, outputs, 2 H, 2 W); `detail` holds one map a film, x one a prompt."""
        x = self.norm(self.up(x))
        films, prompts = detail.shape[0], x.shape[0]
        x = F.relu((x.unflatten(0, (films, prompts // films)) + detail.unsqueeze(1)).flatten(0, 1))
        return F.relu(x + self.refine(x))


class TokenMlp(nn.Module):
    """Three linear layers on one output token."""

    def __init__(self, dim: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, outputs)])

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., outputs)."""
        x = F.relu(self.layers[0](x))
        x = F.relu(self.layers[1](x))
        out: Tensor = self.layers[2](x)
        return out


class CompactDecoder(nn.Module):
    """SAM's two-way transformer and token head, one mask, upscaled with the stem's details."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.decoder_dim
        s2, s4, s8 = detail_widths(config)
        self.transformer = TwoWayTransformer(
            depth=config.decoder_depth, embedding_dim=dim, mlp_dim=config.decoder_mlp, num_heads=config.decoder_heads
        )
        self.iou_token = nn.Embedding(1, dim)
        self.mask_token = nn.Embedding(1, dim)
        self.upscale = nn.ModuleList([UpscaleStage(dim, s8, normalise=True), UpscaleStage(s8, s4, normalise=False)])
        self.mask_head = TokenMlp(dim, s4)
        self.edge_head = TokenMlp(dim, s2)
        self.iou_head = TokenMlp(dim, 1)

    def forward(
        self, features: tuple[Tensor, ...], position: Tensor, sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return logits (N, H / 2, W / 2) and quality (N,): N prompts on one film, or as many on each film."""
        embedding, *details = features
        prompts = sparse.shape[0]
        repeat = prompts // embedding.shape[0]
        tokens = torch.cat([self.iou_token.weight, self.mask_token.weight]).expand(prompts, -1, -1)
        tokens = torch.cat([tokens, sparse], dim=1)
        # Channels last: the transformer looks at tokens, and would copy every sum into that order otherwise.
        together = torch.channels_last
        source = (embedding.repeat_interleave(repeat, dim=0) + dense).contiguous(memory_format=together)
        position = position.contiguous(memory_format=together).expand(prompts, -1, -1, -1)
        hidden, image = self.transformer(source, position, tokens)
        x = image.transpose(1, 2).unflatten(2, source.shape[-2:])
        finest, *coarser = details
        for stage, detail in zip(self.upscale, reversed(coarser), strict=True):
            x = stage(x, detail)
        coarse = torch.einsum("nc,nchw->nhw", self.mask_head(hidden[:, 1]), x)  # stride 4
        # The finest scale costs a prompt no convolution: its token weighs maps that the film has once.
        edge_weights = self.edge_head(hidden[:, 1]).unflatten(0, (-1, repeat))  # (films, prompts, s2)
        edges = torch.einsum("bpc,bchw->bphw", edge_weights, finest).flatten(0, 1)  # stride 2
        logits = (
            F.interpolate(coarse.unsqueeze(1), edges.shape[-2:], mode="bilinear", align_corners=False)[:, 0] + edges
        )
        return logits, self.iou_head(hidden[:, 0])[:, 0]


class LungModel(nn.Module):
    """Image encoder, prompt encoder and mask decoder, assembled once, in plain sight."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.prompt_encoder = PromptEncoder(
            embed_dim=config.decoder_dim,
            image_embedding_size=(config.grid, config.grid),
            input_image_size=(config.image_size, config.image_size),
            mask_in_chans=16,
        )
        if config.kind == "compact":
            self.image_encoder: nn.Module = CompactEncoder(config)
            self.mask_decoder: nn.Module = CompactDecoder(config)
            return
        self.image_encoder = ImageEncoderViT(
            img_size=config.image_size,
            patch_size=config.patch_size,
            in_chans=config.in_channels,
            embed_dim=config.embed_dim,
            depth=config.depth,
            num_heads=config.heads,
            mlp_ratio=config.mlp_ratio,
            out_chans=config.decoder_dim,
            qkv_bias=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=config.window_size,
            global_attn_indexes=config.global_blocks,
        )
        self.mask_decoder = MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=config.decoder_depth,
                embedding_dim=config.decoder_dim,
                mlp_dim=config.decoder_mlp,
                num_heads=config.decoder_heads,
            ),
            transformer_dim=config.decoder_dim,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        )

    def forward(self, frames: Tensor, coordinates: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `decode` says of what `encode` saw: the whole network as one call."""
        return self.decode(self.encode(frames), coordinates, labels)

    def encode(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Return the features of (B, channels, size, size) frames; the first is the embedding."""
        features = self.image_encoder(frames)
        return features if isinstance(features, tuple) else (features,)

    def decode(self, features: tuple[Tensor, ...], coordinates: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mask logits (N, h, w) and predicted quality (N,).

        `coordinates` (N, K, 2) and `labels` (N, K) are the tokens of `Letterbox.tokens`; N is a multiple of the films.
        """
        sparse = self.embed_tokens(coordinates, labels)  # (N, K, C)
        grid = features[0].shape[-2:]
        dense = self.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(-1, -1, *grid)
        with torch.autocast(features[0].device.type, enabled=False):  # sines of large angles mean nothing in bfloat16
            position = self.prompt_encoder.pe_layer(grid).unsqueeze(0)
        if self.config.kind == "compact":
            logits, quality = self.mask_decoder(features, position, sparse, dense)
            return logits, quality
        # MaskDecoder repeats one embedding for every prompt, so several films go one by one.
        per_film = sparse.shape[0] // features[0].shape[0]
        answers = [
            self.mask_decoder(embedding.unsqueeze(0), position, prompts, dense, multimask_output=False)
            for embedding, prompts in zip(features[0], sparse.split(per_film), strict=True)
        ]
        return torch.cat([masks[:, 0] for masks, _ in answers]), torch.cat([quality[:, 0] for _, quality in answers])

    def embed_tokens(self, coordinates: Tensor, labels: Tensor) -> Tensor:
        """Return (N, K, C) embeddings of prompt tokens: SAM's, for any frame size and mix of points and boxes."""
        encoder = self.prompt_encoder
        size = self.frame_size
        unit = (coordinates + 0.5) / size
        with torch.autocast(coordinates.device.type, enabled=False):
            embedded = encoder.pe_layer._pe_encoding(unit.float())
        known = (labels >= 0).unsqueeze(-1)
        embedded = torch.where(known, embedded, torch.zeros_like(embedded))
        table = torch.cat([encoder.not_a_point_embed.weight, *(layer.weight for layer in encoder.point_embeddings)])
        return embedded + table[(labels + 1).long()]

    @property
    def frame_size(self) -> int:
        """Side of the frames now in use; training lowers it for a while by `prompt_encoder.input_image_size`."""
        return int(self.prompt_encoder.input_image_size[0])
