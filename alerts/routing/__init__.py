"""Which route takes whose mail, how it does, and what an operator does to it."""
