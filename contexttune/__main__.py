"""`python -m contexttune [overrides]`."""

from contexttune.main import main

if __name__ == "__main__":
    main()
