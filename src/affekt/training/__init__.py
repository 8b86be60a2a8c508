"""Corpora -> bundle. `affekt train run.toml`: one file, one command, one loop, on speakers kept apart.

`run` holds what a run may say, `examples` turns manifests into rows, `classical` and `loop` fit the two families of
models, `folder` keeps what a run leaves behind. `frozen` is the recipe of the bundled models.
"""
