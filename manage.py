"""Django's command line; in development it finds, or starts, the embedded services by itself."""

import os
import sys

from config import embedded


def main() -> None:
    """Run one management command.

    With DEBUG on and no DATABASE_URL the command joins the stack of a running `make run` of this checkout,
    or has services of its own for as long as it runs, on the same data.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    try:
        with embedded.for_development():
            execute_from_command_line(sys.argv)
    except embedded.Trouble as trouble:
        sys.exit(str(trouble))


if __name__ == "__main__":
    main()
