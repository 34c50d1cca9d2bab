"""How what is in the outbox leaves, and what is said of it afterwards."""
