"""The transformer that lets image and bird's-eye-view features see each other, once per encoder stage."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

HEADS = 4
EXPANSION = 4
HEAD_MULTIPLE = 8
"""Fast attention kernels want head sizes that are multiples of this."""
DROPOUT = 0.1
INIT_STD = 0.02


class SelfAttention(nn.Module):
    """Multi-head self-attention with four separate projections."""

    def __init__(self, channels: int) -> None:
        """Create the projections for tokens of a width."""
        super().__init__()
        self.key = nn.Linear(channels, channels)
        self.query = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.proj = nn.Linear(channels, channels)
        self.dropout = DROPOUT

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens (B, T, C)."""
        batch, tokens, channels = x.shape
        size = channels // HEADS
        query, key, value = (
            layer(x).view(batch, tokens, HEADS, size).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        dropout = self.dropout if self.training else 0.0
        padding = -size % HEAD_MULTIPLE
        if padding and x.is_cuda:
            # Zeros change neither products nor sums, and fast kernels refuse RegNetY's sizes 18, 54 and 378.
            query, key, value = (functional.pad(part, (0, padding)) for part in (query, key, value))
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout, scale=size**-0.5)
        out: Tensor = self.proj(mixed[..., :size].transpose(1, 2).reshape(batch, tokens, channels))
        return functional.dropout(out, self.dropout, self.training)


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, channels: int) -> None:
        """Create a block for tokens of a width."""
        super().__init__()
        self.ln1 = nn.LayerNorm(channels)
        self.ln2 = nn.LayerNorm(channels)
        self.attn = SelfAttention(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, EXPANSION * channels),
            nn.ReLU(),
            nn.Linear(EXPANSION * channels, channels),
            nn.Dropout(DROPOUT),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform tokens (B, T, C)."""
        x = x + self.attn(self.ln1(x))
        out: Tensor = x + self.mlp(self.ln2(x))
        return out


class FusionTransformer(nn.Module):
    """Exchanges information between two feature maps of the same number of channels."""

    def __init__(self, channels: int, tokens: int, blocks: int) -> None:
        """Create the transformer.

        Args:
            channels: Channels of both maps.
            tokens: Cells of both maps together.
            blocks: Number of blocks.
        """
        super().__init__()
        self.dropout = DROPOUT
        self.pos_emb = nn.Parameter(torch.zeros(1, tokens, channels))
        self.blocks = nn.ModuleList(Block(channels) for _ in range(blocks))
        self.ln_f = nn.LayerNorm(channels)
        self.apply(_initialise)

    def forward(self, image: Tensor, bev: Tensor) -> tuple[Tensor, Tensor]:
        """Let the maps see each other.

        Args:
            image: (B, C, h, w) pooled image features; their tokens come first.
            bev: (B, C, h', w') pooled bird's-eye-view features.

        Returns:
            What is to be added to each map, in the maps' shapes.
        """
        x = torch.cat((_tokens(image), _tokens(bev)), dim=1)
        x = functional.dropout(x + self.pos_emb, self.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        x = self.ln_f(x)
        cells = image.shape[2] * image.shape[3]
        return _map(x[:, :cells], image), _map(x[:, cells:], bev)


def _tokens(feature_map: Tensor) -> Tensor:
    return feature_map.permute(0, 2, 3, 1).flatten(1, 2)


def _map(tokens: Tensor, like: Tensor) -> Tensor:
    """Return tokens as a map; that is channels-last in memory without copying anything."""
    batch, channels, rows, columns = like.shape
    return tokens.reshape(batch, rows, columns, channels).permute(0, 3, 1, 2)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, INIT_STD)
        nn.init.zeros_(module.bias)
