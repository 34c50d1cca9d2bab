"""How Tocsin is put together and run."""
