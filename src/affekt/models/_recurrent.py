"""Frames -> states, forwards and backwards in time, each row at its own length."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from affekt.models._pooling import Mask


class Recurrent(nn.Module):
    """LSTM or GRU in both directions: (batch, frames, width) -> (batch, frames, 2 * hidden)."""

    def __init__(self, width: int, hidden: int, *, cell: Literal["lstm", "gru"], layers: int = 1) -> None:
        super().__init__()
        kind = nn.LSTM if cell == "lstm" else nn.GRU
        self.cell = kind(width, hidden, num_layers=layers, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, mask: Mask = None) -> Tensor:
        """Run; padding comes back as zero."""
        states: Tensor
        if mask is None:
            states, _ = self.cell(x)
            return states
        packed = nn.utils.rnn.pack_padded_sequence(x, mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.cell(packed)[0], batch_first=True, total_length=x.shape[1])
        return states
