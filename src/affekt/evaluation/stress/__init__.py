"""A bundle and corpora -> what it withstands: tests of correctness, fairness and robustness, each with its threshold.

    table         a test, its levels and thresholds; a result
    perturb       Signal -> Signal: what is done to the recordings
    robustness    before and after; correctness and fairness: of the recordings as they are
    chance        a model that guesses, beside every result
    judging       the loop over utterances, in several processes, with what was judged before
    suite         all of it; page, the report in Markdown

In the spirit of audEERING's ser-tests, whose taxonomy and, where the source says so, thresholds these are; theirs need
corpora that few have, ours run on whatever lies in a folder.
"""
