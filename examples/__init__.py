"""Small complete programs; each module's docstring says what it shows and how to try it."""
