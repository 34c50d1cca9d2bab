"""The page behind a link, and the answers that come by it, by a mail, or by telephone."""
