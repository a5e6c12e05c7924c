"""`python -m peanut`: the command line."""

from peanut.cli import main

if __name__ == "__main__":
    main()
