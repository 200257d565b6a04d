"""What hostile input must not do, tried with the real parts."""
