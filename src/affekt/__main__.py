"""`python -m affekt` -> the command line."""

from affekt.cli import main

if __name__ == "__main__":
    main()
