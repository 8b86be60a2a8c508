"""Judgements, and the folder of the corpora -> what the corpora know of the speakers and of the raters, joined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from affekt.errors import DataError

if TYPE_CHECKING:
    from affekt.evaluation.judgements import Judgements


def joined(found: Judgements, root: Path) -> Judgements:
    """Add what the corpora know, where the corpora are there."""
    import numpy as np

    from affekt import datasets
    from affekt.evaluation import judgements

    names = [name for name in np.unique(found.corpora).tolist() if name in datasets.names()]
    try:
        known = [datasets.load(name, root / name) for name in names if (root / name).is_dir()]
        return judgements.join(found, known) if known else found
    except DataError as error:
        click.echo(f"affekt: nothing is known of the speakers: {error}", err=True)
        return found
