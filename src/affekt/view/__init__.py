"""Timeline, report, explanation, signal -> what a person sees: lines in a terminal, rows, pages, Markdown, figures."""
