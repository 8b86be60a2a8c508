"""Timeline -> what a person sees: lines in a terminal, rows for programs, a page, a figure."""
