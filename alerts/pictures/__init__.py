"""Pictures drawn on the server: a specification for each, and one way to draw it for pages, files and mails."""
