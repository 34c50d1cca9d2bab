"""An advisory until it is out: its words, whom it is for, who would not hear it, a second pair of eyes; and how it ends."""
