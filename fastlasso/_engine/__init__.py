"""The compiled engine; see engine.pyx for its parts."""
