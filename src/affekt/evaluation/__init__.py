"""Judgements -> what they are worth: scores with intervals, calibration, fairness, stress, and what parts two models.

Everything starts from `Judgements`: what a model said of utterances whose truth is known. They come from a run's
predictions.csv, from any CSV of that shape, or from a bundle that judges a corpus.
"""
