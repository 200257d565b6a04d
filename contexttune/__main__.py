"""`python -m contexttune [overrides]`."""

if __name__ == "__main__":
    from contexttune.main import (
        main,
    )  # here, because an agent's worker imports this module too, and needs no Hydra

    main()
