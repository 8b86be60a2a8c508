"""Model, Manifest -> scores with intervals."""
