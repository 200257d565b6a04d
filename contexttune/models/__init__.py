"""Models: endpoints, the servers behind them, and scripted and replayed substitutes."""
