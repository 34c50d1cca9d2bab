"""Of a critical advisory: ringing the bodies from which nobody was heard."""
